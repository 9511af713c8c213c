/** `traceload sync pause`. */
import { syncPauseOrResume } from "../sync-pausing.ts";

export const syncPauseCommand = syncPauseOrResume("pause");
