/**
 * `import --force`: rows that earlier runs added leave the ledger, by a person's choice, so that they are sent once more
 * as if they were new. Each is noted, and counted in its group's `resent`: verification then holds rows in doubt.
 *
 * The group's gate stays open meanwhile. It is closed for unknown entries (verify/resend.ts), because a request of
 * theirs may still be applied, and because a verdict that was read before would take them back. An added entry has no
 * request under way, its end moves the group's version, by which earlier readings are refused, and the row's own claim
 * decides once more whether it may be sent.
 */
import { TraceloadError } from "../core/errors.ts";
import { groupKey, type GroupKey, type RowKey } from "../core/row.ts";
import type { OpenedSources } from "../core/source.ts";
import { ACTIVE_STATES, apparentState } from "../core/status.ts";
import type { LedgerEntry, NewRow, Run, Store } from "../core/store.ts";
import { FORCED_WARNING } from "../core/warnings.ts";
import { markKnown, newRow, produce, type ProducerOptions } from "./producer.ts";
import type { RunOptions } from "./run-options.ts";

export interface Forcing {
  store: Pick<Store, "lookup" | "decide" | "changeRun">;
  run: Pick<Run, "runId" | "seq" | "origin">;
  /** Who decides: a user's name and host. */
  by: string;
}

/** Decisions under way at once: what a store works off together. */
const DECIDED_AT_ONCE = 32;

/** Whether the run sends rows again that earlier ones added. The rows of a rerun were chosen, and are not there. */
export function isForced({ force, rerun }: Pick<RunOptions, "force" | "rerun">): boolean {
  return force && rerun === undefined;
}

/** Whether an entry's row was added by another run than that one, and is therefore sent again. */
export function addedBefore(ownSeq: number | undefined): (entry: LedgerEntry) => boolean {
  return ({ state, runSeq }) => state === "added" && runSeq !== ownSeq;
}

/** How many rows there are that a forced run would send again; `ownSeq`: of the run that is carried on, if one is. */
export async function countAddedBefore(
  {
    store,
    sources,
    origin,
    ownSeq,
  }: {
    store: Pick<Store, "lookup">;
    sources: OpenedSources;
    origin: string;
    ownSeq: number | undefined;
  },
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  for await (const batch of sources.rows(signal)) {
    const rows = batch.map((sourceRow) => newRow(origin, sourceRow, 1));
    count += (await markKnown(store, rows, addedBefore(ownSeq))).length;
  }
  return count;
}

/**
 * Throws `run_state` while a run with that fingerprint is going on: beside it, a second forced one would send again what
 * the first has just added.
 */
export async function refuseSecond(store: Pick<Store, "listRuns">, fingerprint: string): Promise<void> {
  const alive = (await store.listRuns()).find(
    (run) => run.fingerprint === fingerprint && ACTIVE_STATES.includes(apparentState(run)),
  );
  if (alive === undefined) return;
  throw new TraceloadError(
    "run_state",
    `run ${alive.runId} sends these rows again at this moment (--force); beside it, they would be there three times`,
    { next: `traceload status ${alive.runId}    (--fresh, if that is what is meant)` },
  );
}

/**
 * As `produce`, but rows that earlier runs added stay queued, and have no entry any more; how many they were is written
 * into the run. A process that dies on the way leaves rows that count as never sent: they are new when they are read
 * again.
 */
export async function produceForced(
  producing: Omit<ProducerOptions, "mark">,
  forcing: Forcing,
  signal: AbortSignal,
): Promise<number> {
  const { store, run } = forcing;
  let released = 0;
  let first: number | undefined;
  let last = 0;
  const mark = async (rows: readonly NewRow[]): Promise<void> => {
    first ??= rows[0]?.row;
    last = rows.at(-1)?.row ?? last;
    released += await markForced(forcing, rows);
  };
  try {
    return await produce({ ...producing, mark }, signal);
  } finally {
    // With the rows' numbers, which tell one reading of a run that is carried on from the next.
    const warning = `${released} of rows ${first} to ${last} had been added before, and are sent once more (--force)`;
    if (released > 0) await store.changeRun(run.runId, { warning });
  }
}

/** Answers how many entries it took out of the ledger. */
async function markForced({ store, run, by }: Forcing, rows: readonly NewRow[]): Promise<number> {
  const isAddedBefore = addedBefore(run.seq);
  const known = await markKnown(store, rows, isAddedBefore);
  if (known.length > 0) await store.changeRun(run.runId, { warning: FORCED_WARNING });
  let released = 0;
  for (let from = 0; from < known.length; from += DECIDED_AT_ONCE) {
    // A decision holds whatever the entry has become: it is looked at again right before.
    const some = await markKnown(store, known.slice(from, from + DECIDED_AT_ONCE), isAddedBefore);
    const groups = new Map<RowKey, GroupKey>();
    for (const { key, datasetGroupId } of some) {
      if (key !== undefined) groups.set(key, groupKey(run.origin, Number(datasetGroupId)));
    }
    const decision = {
      decision: "absent",
      draftDatasetId: undefined,
      by,
      why: `import --force, run ${run.runId}`,
    } as const;
    // Refused while another run sends the row: its claim finds out what became of that.
    const answers = await Promise.all(
      [...groups].map(([key, group]) => store.decide({ key, group, ...decision })),
    );
    released += answers.filter(Boolean).length;
  }
  return released;
}
