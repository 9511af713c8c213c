/** Warnings of a run that others than their writer look for. */

/** Written before the first row that an earlier run added leaves the ledger. */
export const FORCED_WARNING =
  "rows that earlier runs added are sent once more (--force): those that are in the draft still will be there twice";

/** Written before the first row is sent again: it also says that it was done. */
export const RESENT_WARNING =
  "unknown rows were sent once more (--on-unknown retry): those whose first request was applied are in the draft twice";
