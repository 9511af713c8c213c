/** Rows that a run left behind: which of them the next run takes along, and how they come before its own. */
import type { OpenedSources, SourceRow } from "../../core/source.ts";
import type { Run, Store, StoredRow } from "../../core/store.ts";
import type { SyncPolicy } from "../../core/syncs.ts";
import { rowPages } from "../row-pages.ts";
import type { CarriedRow } from "./state.ts";

/** More than these, and the window is read once more instead. */
export const MOST_CARRIED = 10_000;

const NOT_FOUND = "trace_not_found";
const BATCH_ROWS = 1_000;
/** Between two looks for a trace that is not found. */
const LONGEST_PAUSE_MS = 30_000;

/** Whether the row has not failed: its trace is not visible yet, and its grace lasts. */
export function isPending({ code, attempts }: CarriedRow): boolean {
  return code === NOT_FOUND && attempts === 0;
}

export interface LeftBehind {
  /** They go into the next run. */
  rows: CarriedRow[];
  /** They were carried as often, or as long, as they may be. */
  givenUp: number;
  /** There are more than can be carried: the watermark must stay where it is. */
  tooMany: boolean;
}

/** The carried rows that a run which begins then takes along. */
export function dueRows(carried: readonly CarriedRow[], startedAt: number): CarriedRow[] {
  return carried.filter(({ notBefore }) => notBefore <= startedAt);
}

/**
 * Looks through the rows of a run that is over. Failed and unknown ones go on, and so do those that were not sent, and
 * those that were not found while their grace lasts. `before`: what was carried when the run began at `startedAt`.
 */
export async function leftBehind(
  store: Pick<Store, "readRows">,
  run: Run,
  { policy, before, startedAt }: { policy: SyncPolicy; before: readonly CarriedRow[]; startedAt: number },
): Promise<LeftBehind> {
  const known = new Map(before.map((row) => [identity(row), row]));
  const rows = new Map([...known].filter(([, row]) => row.notBefore > startedAt));
  let givenUp = 0;
  for await (const page of rowPages(store, run.runId, ["rejected", "failed", "unknown", "unprocessed"])) {
    for (const row of page) {
      const id = identity(row);
      const earlier = known.get(id);
      const next = nextTry(run, row, { policy, earlier });
      if (next === "settled") continue;
      if (next === "given-up") {
        givenUp += 1;
        continue;
      }
      if (rows.size >= MOST_CARRIED) return { rows: [...before], givenUp: 0, tooMany: true };
      rows.set(id, next);
    }
  }
  return { rows: [...rows.values()], givenUp, tooMany: false };
}

function nextTry(
  { runId, createdAt, finishedAt: runEnd }: Run,
  row: StoredRow,
  { policy, earlier }: { policy: SyncPolicy; earlier: CarriedRow | undefined },
): CarriedRow | "settled" | "given-up" {
  const { graceMs, carry } = policy;
  const since = earlier?.since ?? createdAt;
  const endedAt = row.finishedAt ?? runEnd ?? createdAt;
  const { datasetGroupId, traceId, spanId } = row;
  const place = { kind: "row" as const, datasetGroupId, traceId, spanId, since, runId, row: row.row };
  const code = row.errorCode ?? row.status;
  const attempts = earlier?.attempts ?? 0;
  if (row.status === "rejected") {
    // Of rejected rows only those that were not found may do better: fresh traces may not be visible yet.
    if (row.errorCode !== NOT_FOUND || endedAt - since >= graceMs) return "settled";
    return { ...place, code, attempts, notBefore: endedAt + Math.min(graceMs / 4, LONGEST_PAUSE_MS) };
  }
  if (attempts >= carry.attempts || endedAt - since > carry.maxAgeMs) return "given-up";
  return { ...place, code, attempts: attempts + 1, notBefore: endedAt };
}

/**
 * The carried rows as the first source, and the sources after it without them. The first one's name says which run they
 * come from, and a row's line is its number there.
 */
export function withCarried(carried: readonly CarriedRow[], sources: OpenedSources): OpenedSources {
  const [first] = carried;
  if (first === undefined) return sources;
  const known = new Set(carried.map(identity));
  return {
    names: [`carried from run ${carried.at(-1)?.runId ?? first.runId}`, ...sources.names],
    facts: sources.facts,
    plan: (signal) => sources.plan(signal),
    seen: () => sources.seen(),
    readShare: () => sources.readShare(),
    async *rows(signal) {
      for (let from = 0; from < carried.length; from += BATCH_ROWS) {
        yield carried.slice(from, from + BATCH_ROWS).map(sourceRow);
      }
      for await (const batch of sources.rows(signal)) {
        const others = batch.filter((row) => !known.has(identity(row)));
        if (others.length > 0) yield others.map(behindCarried);
      }
    },
  };
}

function behindCarried(row: SourceRow): SourceRow {
  return { ...row, source: row.source + 1 };
}

function sourceRow({ row, datasetGroupId, traceId, spanId }: CarriedRow): SourceRow {
  return { source: 0, line: row, datasetGroupId, traceId, spanId, invalid: undefined };
}

function identity({
  datasetGroupId,
  traceId,
  spanId,
}: Pick<StoredRow, "datasetGroupId" | "traceId" | "spanId">): string {
  return JSON.stringify([datasetGroupId, traceId, spanId]);
}
