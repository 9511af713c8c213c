/** Warnings of a run that others than their writer look for. */

/** Written before the first row that an earlier run added leaves the ledger. */
export const FORCED_WARNING =
  "rows that earlier runs added are sent once more (--force): those that are in the draft still will be there twice";

/** Written before the first row is sent again: it also says that it was done. */
export const RESENT_WARNING =
  "unknown rows were sent once more (--on-unknown retry): those whose first request was applied are in the draft twice";

/** Written into a rerun of rows that nobody knows the outcome of, before the first of them is sent. */
export const RERUN_UNKNOWN_WARNING =
  "unknown rows are sent again by your choice: those whose earlier request was applied will be in the draft twice";

/** Written into a rerun of a run with one of these warnings. */
const RERUN_OF_RESENT_WARNING =
  "these rows are of a run that sent some once more by choice: they may be in the draft from before";

const TWICE: ReadonlySet<string> = new Set([
  FORCED_WARNING,
  RESENT_WARNING,
  RERUN_UNKNOWN_WARNING,
  RERUN_OF_RESENT_WARNING,
]);

/** Whether rows of a run with these warnings may be in the draft twice, by somebody's choice. */
export function mayBeTwice(warnings: readonly string[]): boolean {
  return warnings.some((warning) => TWICE.has(warning));
}

/** What a rerun of a run with these warnings is to be warned of. */
export function rerunWarnings(parentWarnings: readonly string[], takesUnknown: boolean): string[] {
  return [
    ...(takesUnknown ? [RERUN_UNKNOWN_WARNING] : []),
    ...(mayBeTwice(parentWarnings) ? [RERUN_OF_RESENT_WARNING] : []),
  ];
}
