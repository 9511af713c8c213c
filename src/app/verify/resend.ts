/**
 * Rows of no known outcome that are sent once more, by choice: with `--on-unknown retry` those of a run, with a warning.
 * Once in a run: the warning is written first and says so to whoever carries the run on.
 *
 * Not before their earlier requests can be applied no more: a forgotten one that came late would be counted, and taken
 * for another row that is in doubt then.
 */
import type { GroupKey, RowKey } from "../../core/row.ts";
import { groupKey } from "../../core/row.ts";
import type { Run, Store } from "../../core/store.ts";
import type { Clock } from "../../core/clock.ts";
import { RESENT_WARNING } from "../../core/warnings.ts";
import { storedRowKey } from "../feed.ts";
import type { GroupLocks } from "../group-locks.ts";
import { rowPages } from "../row-pages.ts";

export interface ResendParts {
  store: Pick<
    Store,
    | "now"
    | "lookup"
    | "getRun"
    | "changeRun"
    | "readRows"
    | "sweep"
    | "getGroup"
    | "readDoubt"
    | "commitVerdict"
  >;
  locks: GroupLocks;
  clock: Clock;
  run: Pick<Run, "runId" | "origin">;
}

const KEYS_PER_COMMIT = 1_000;
const POLL_MS = 100;

/**
 * Takes the entries of the run's unknown rows out of the ledger, unless that was done before. Answers how many. `wait`:
 * sleeps for so many milliseconds.
 */
export async function resendUnknown(
  parts: ResendParts,
  wait: (ms: number) => Promise<void>,
  signal: AbortSignal,
): Promise<number> {
  const { store, run } = parts;
  const seen = await store.getRun(run.runId);
  if (seen === undefined || seen.counts.unknown === 0 || seen.warnings.includes(RESENT_WARNING)) return 0;
  const keys = new Map<GroupKey, RowKey[]>();
  for await (const rows of rowPages(store, run.runId, ["unknown"])) {
    for (const row of rows) {
      const group = groupKey(run.origin, Number(row.datasetGroupId));
      const known = keys.get(group) ?? [];
      known.push(storedRowKey(run.origin, row));
      keys.set(group, known);
    }
  }
  const commits = [...keys].flatMap(([group, all]) =>
    Array.from({ length: Math.ceil(all.length / KEYS_PER_COMMIT) }, (_, part) => ({
      group,
      some: all.slice(part * KEYS_PER_COMMIT, (part + 1) * KEYS_PER_COMMIT),
    })),
  );
  for (const { some } of commits) await wait(await msUntilOver(store, some));
  await store.changeRun(run.runId, { warning: RESENT_WARNING });
  let resent = 0;
  for (const { group, some } of commits) resent += await forgetUnknown(parts, group, some, signal);
  return resent;
}

/** How long requests of these rows (at most 1,000) that are in doubt can still be applied. */
export async function msUntilOver(store: Pick<Store, "lookup" | "now">, keys: RowKey[]): Promise<number> {
  const entries = await store.lookup(keys);
  const until = Math.max(0, ...entries.map((entry) => entry.until ?? 0));
  return Math.max(0, until - (await store.now()) + 1);
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
