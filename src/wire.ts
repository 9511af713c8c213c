/** The composition root, from settings to live parts: what the command and the library may see of it. */
import { RowsKept } from "./report/kept-rows.ts";
import { DistinctNotes } from "./sources/distinct.ts";

export { checkTarget, openTarget, ratePerSecond, type Target } from "./wire/target.ts";
export { openWorkplace, type CarryOnRequest, type Progress, type Workplace } from "./wire/workplace.ts";
export { newRerun, newRun, runIdOf, sourceOptions } from "./wire/new-run.ts";
export { RERUN_STATUSES, type RerunSelection, type RerunStatus } from "./app/reading-options.ts";
export type { RunEnd } from "./app/import-run.ts";
export { dryRun } from "./app/dry-run.ts";
export const keepRows = (): RowsKept => new RowsKept();
export const noteRows = (): DistinctNotes => new DistinctNotes();
export { countAddedBefore, refuseSecond } from "./app/forced-rows.ts";
export { earlierRun } from "./wire/carry-on.ts";
export { countSelected, findParent } from "./wire/rerun.ts";
export { importInputs, importOptions } from "./wire/remote-sources.ts";
export { systemClock } from "./core/clock.ts";
export { openSources } from "./sources/open.ts";
export { targetOrigin } from "./wire/origin.ts";
