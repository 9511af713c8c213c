/**
 * `--on-unknown retry`: the run's unknown rows are sent once more, by choice and with a warning. Once in a run: the
 * warning is written first and says so to whoever carries the run on.
 */
import type { GroupKey, RowKey } from "../core/row.ts";
import { groupKey } from "../core/row.ts";
import type { Run, Store } from "../core/store.ts";
import type { Clock } from "../core/clock.ts";
import { RESENT_WARNING } from "../core/warnings.ts";
import { storedRowKey } from "./feed.ts";
import type { GroupLocks } from "./group-locks.ts";
import { rowPages } from "./row-pages.ts";

export interface ResendParts {
  store: Pick<
    Store,
    "getRun" | "changeRun" | "readRows" | "sweep" | "getGroup" | "readDoubt" | "commitVerdict"
  >;
  locks: GroupLocks;
  clock: Clock;
  run: Pick<Run, "runId" | "origin">;
}

const KEYS_PER_COMMIT = 1_000;
const POLL_MS = 100;

/** Takes the entries of the run's unknown rows out of the ledger, unless that was done before. Answers how many. */
export async function resendUnknown(parts: ResendParts, signal: AbortSignal): Promise<number> {
  const { store, run } = parts;
  const seen = await store.getRun(run.runId);
  if (seen === undefined || seen.counts.unknown === 0 || seen.warnings.includes(RESENT_WARNING)) return 0;
  await store.changeRun(run.runId, { warning: RESENT_WARNING });
  const keys = new Map<GroupKey, RowKey[]>();
  for await (const rows of rowPages(store, run.runId, ["unknown"])) {
    for (const row of rows) {
      const group = groupKey(run.origin, Number(row.datasetGroupId));
      const known = keys.get(group) ?? [];
      known.push(storedRowKey(run.origin, row));
      keys.set(group, known);
    }
  }
  let resent = 0;
  for (const [group, all] of keys) {
    for (let from = 0; from < all.length; from += KEYS_PER_COMMIT) {
      resent += await forgetUnknown(parts, group, all.slice(from, from + KEYS_PER_COMMIT), signal);
    }
  }
  return resent;
}

/**
 * Takes the unknown ones of these rows (of one group, at most 1,000) out of the ledger, by a person's choice. Waits until
 * nothing of the group is being sent. Answers how many there were. Safe to repeat.
 */
export function forgetUnknown(
  parts: Omit<ResendParts, "run">,
  group: GroupKey,
  keys: RowKey[],
  signal: AbortSignal,
): Promise<number> {
  const { store, locks, clock } = parts;
  return locks.hold(group, signal, async () => {
    for (;;) {
      await store.sweep();
      const { draftDatasetId } = await store.getGroup(group);
      const { version, sending } = await store.readDoubt(group);
      const verdict = { kind: "resend", version, draftDatasetId, keys } as const;
      const forgotten = sending > 0 ? undefined : await store.commitVerdict(group, verdict);
      if (forgotten !== undefined) return forgotten;
      await clock.sleep(POLL_MS, signal);
    }
  });
}
