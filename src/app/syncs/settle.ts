/**
 * The end of a tick that ran. Watermark, carried rows, history and health change in one step, and only when every row of
 * the run is settled or carried: so a kill can neither lose rows nor pass them.
 */
import type { TraceloadError } from "../../core/errors.ts";
import type { Run, Store, Token } from "../../core/store.ts";
import type { SyncPolicy } from "../../core/syncs.ts";
import { leftBehind, type LeftBehind } from "./carry.ts";
import {
  type Carried,
  type FileMark,
  type OpenTick,
  readCarried,
  readState,
  type SyncHealth,
  type SyncState,
  type TickRecord,
  writeCarried,
} from "./state.ts";

export type TickEnd =
  | { result: "finished" | "stopped" | "interrupted"; run: Run }
  | { result: "cancelled"; run: Run | undefined }
  | { result: "empty"; run: undefined }
  | { result: "failed"; run: undefined; error: TraceloadError };

export interface SettledTick {
  id: string;
  record: TickRecord;
  run: Run | undefined;
  /** Of a tick that ended without a run: what was wrong. */
  error: TraceloadError | undefined;
}

export interface SettleParts {
  store: Pick<Store, "getSync" | "changeSync" | "readCarried" | "readRows" | "changeRun">;
  nowMs: () => number;
  policy: SyncPolicy;
  token: Token;
}

/** Rows named in the history. */
const NAMED_ROWS = 50;

/** Undefined: the tick is another process's by now, or has been settled. */
export async function settleTick(
  parts: SettleParts,
  { name, tick, end }: { name: string; tick: OpenTick; end: TickEnd },
): Promise<SettledTick | undefined> {
  const { store, nowMs, policy, token } = parts;
  const { run } = end;
  const carried = readCarried(name, await store.readCarried(name));
  const isMoving = (end.result === "finished" || end.result === "empty") && tick.isBackfill !== true;
  const left: LeftBehind =
    isMoving && run !== undefined
      ? await leftBehind(store, run, { policy, before: carried.rows, startedAt: tick.startedAt ?? 0 })
      : { rows: carried.rows, givenUp: 0, tooMany: false };
  if (run !== undefined && isMoving) await warnOf(store, run, left);
  for (;;) {
    const sync = await store.getSync(name);
    if (sync?.claim?.token !== token) return undefined;
    const state = readState(sync);
    if (state.open[0]?.id !== tick.id) return undefined;
    const moves = isMoving && !left.tooMany;
    const after = moves ? laterOf(state.watermark, tick.until) : state.watermark;
    const now = nowMs();
    const record: TickRecord = {
      ...recordOf(tick, end),
      watermark: defined({ before: state.watermark, after }),
      carriedOut: left.rows.length,
      givenUp: left.givenUp,
      carried: left.rows.slice(0, NAMED_ROWS).map(nameOf),
      endedAt: now,
    };
    const isStuck = isOverrun(record) && state.last !== undefined && isOverrun(state.last);
    const health = isStuck ? failing(state.health, now) : healthAfter(state.health, { end, left, now });
    const next: SyncState = {
      ...state,
      open: state.open.slice(1),
      ...(after === undefined ? {} : { watermark: after }),
      health,
      last: { ...record, id: tick.id },
      afterwards: [...state.afterwards, { id: tick.id, record, before: state.health, after: health }],
    };
    const files: Carried = moves
      ? { rows: left.rows, files: merged(carried.files, carried.reading), reading: [] }
      : { ...carried, rows: left.rows, reading: [] };
    const change = {
      state: next,
      carried: writeCarried(files),
      ticks: [{ id: tick.id, at: tick.due, record }],
    };
    if (await store.changeSync(name, { version: sync.version, token }, change)) {
      const error = end.result === "failed" ? end.error : undefined;
      return { id: tick.id, record, run, error };
    }
  }
}

/** Whether its run gave way to the next tick. Once that may be; of two in a row nobody knows whether one ever ends. */
export function isOverrun({ result, why }: TickRecord): boolean {
  return result === "cancelled" && why !== undefined;
}

function failing({ state, since }: SyncHealth, now: number): SyncHealth {
  return { state: "failing", since: state === "failing" ? since : now };
}

function recordOf(tick: OpenTick, end: TickEnd): TickRecord {
  const { due, kind, startedAt, since, until, carriedIn, cancelledBy } = tick;
  const { run, result } = end;
  const error = end.result === "failed" ? end.error : run?.halt;
  return {
    due,
    kind,
    became: "ran",
    result,
    ...(result === "cancelled" && cancelledBy !== undefined
      ? { why: `tick ${cancelledBy} came due before its run had ended` }
      : {}),
    window: defined({ since, until }),
    ...(run === undefined ? {} : { runId: run.runId, counts: run.counts }),
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(carriedIn === undefined ? {} : { carriedIn }),
  };
}

/** The report of the run names them. */
async function warnOf(
  store: Pick<Store, "changeRun">,
  { runId }: Run,
  { rows, givenUp, tooMany }: LeftBehind,
): Promise<void> {
  const warn = (warning: string) => store.changeRun(runId, { warning });
  if (tooMany)
    await warn("too many rows are left to be carried into the next run: it reads the same window again");
  else if (rows.length > 0) {
    const [first] = rows;
    const named = [first?.traceId, first?.spanId].filter(Boolean).join(" ");
    await warn(
      `carried into the sync's next run: ${rows.length} rows, the first of them ${named} (${first?.code})`,
    );
  }
  if (givenUp > 0)
    await warn(`carried no longer: ${givenUp} rows were in as many runs, or for as long, as carry allows`);
}

/** Rows that are carried are no failure yet. */
function healthAfter(
  before: SyncHealth,
  { end, left, now }: { end: TickEnd; left: LeftBehind; now: number },
): SyncHealth {
  // Somebody's own choice says nothing about the sync.
  if (end.result === "cancelled" || end.result === "interrupted") return before;
  const counts = end.run?.counts;
  const lost =
    (counts?.rejected ?? 0) + (counts?.failed ?? 0) + (counts?.invalid ?? 0) + (counts?.unknown ?? 0);
  const isOver = end.result === "finished" || end.result === "empty";
  const wasFailing = before.state === "failing";
  // Rows that were left behind are not there because no others came.
  if (end.result === "empty" && wasFailing && before.isOverWhenRead !== true) return before;
  const isBad = !isOver || left.tooMany || lost > left.rows.length;
  const state = isBad ? "failing" : "ok";
  const isOverWhenRead = end.result === "failed" && (!wasFailing || before.isOverWhenRead === true);
  const since = state === before.state ? before.since : now;
  return { state, since, ...(isOverWhenRead ? { isOverWhenRead } : {}) };
}

function laterOf(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.max(one, other);
}

function merged(files: readonly FileMark[], read: readonly FileMark[]): FileMark[] {
  const byName = new Map([...files, ...read].map((file) => [file.name, file]));
  return [...byName.values()];
}

function nameOf({ datasetGroupId, traceId, spanId, code, attempts }: LeftBehind["rows"][number]) {
  return { datasetGroupId, traceId, spanId, code, attempts };
}

function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
