/** `traceload sync resume`. */
import { syncPauseOrResume } from "../sync-pausing.ts";

export const syncResumeCommand = syncPauseOrResume("resume");
