/** Makers of what the store's tests hand over: leases, runs, rows, tokens, keys, and a stage with all of them. */
import { randomBytes } from "node:crypto";
import { groupKey, rowKey, type GroupKey, type RowKey } from "../../src/core/row.ts";
import type {
  AttemptFacts,
  ClaimRequest,
  LeaseHolder,
  LeaseId,
  NewRow,
  NewRun,
  Run,
  Settlement,
  SettleRequest,
  Store,
  StoredRow,
  Token,
} from "../../src/core/store.ts";

export const LONG_MS = 600_000;
export const DRAFT = 501;

export function newToken(): Token {
  return randomBytes(8).toString("hex") as Token;
}

/** Unique: keys and groups made from it never meet those of another test. */
export function newOrigin(): string {
  return `https://${randomBytes(6).toString("hex")}.test`;
}

export function newRunId(): string {
  return `run-${randomBytes(6).toString("hex")}`;
}

export function aHolder(change: Partial<LeaseHolder> = {}): LeaseHolder {
  return { host: "host-a", bootId: "boot-1", pid: 4711, processStart: "12345", ...change };
}

export function aRun(owner: LeaseId, change: Partial<NewRun> = {}): NewRun {
  return {
    runId: newRunId(),
    fingerprint: randomBytes(32).toString("hex"),
    origin: "https://api.promptlayer.com",
    sources: ["rows.csv"],
    options: { ratePerSecond: 10 },
    owner,
    ...change,
  };
}

/** A good row; its trace is named by `trace`, so that two rows can share a key. */
export function queuedRow(
  origin: string,
  row: number,
  change: { trace?: string; span?: string; group?: number } & Partial<NewRow> = {},
): NewRow & { key: RowKey } {
  const { trace = `trace-${row}`, span, group = 42, ...rest } = change;
  return {
    row,
    source: 0,
    line: row + 1,
    datasetGroupId: String(group),
    traceId: trace,
    spanId: span ?? "",
    key: rowKey(origin, { datasetGroupId: group, traceId: trace, spanId: span }),
    status: "queued",
    ...rest,
  } as NewRow & { key: RowKey };
}

type SettlementOf<K extends Settlement["kind"]> = Extract<Settlement, { kind: K }>;

export const ADDED: SettlementOf<"added"> = {
  kind: "added",
  draftDatasetId: DRAFT,
  mode: "trace",
  warning: undefined,
};
export const REJECTED: SettlementOf<"rejected" | "failed"> = {
  kind: "rejected",
  code: "trace_not_found",
  message: "No such trace",
};
export const FAILED: SettlementOf<"rejected" | "failed"> = {
  kind: "failed",
  code: "attempts_exhausted",
  message: "no attempt of 5 was answered",
};
export const UNKNOWN: SettlementOf<"unknown"> = {
  kind: "unknown",
  reason: "timeout",
  message: "no answer in 60 s",
};
export const RELEASED: SettlementOf<"released"> = { kind: "released" };

export function facts(change: Partial<AttemptFacts> = {}): AttemptFacts {
  return { attempts: 1, httpStatus: 201, durationMs: 12, ...change };
}

/** A run whose rows wait to be sent, in a group that is open. */
export interface Stage {
  store: Store;
  origin: string;
  owner: LeaseId;
  run: Run;
  group: GroupKey;
  limiter: string;
  rows: (NewRow & { key: RowKey })[];
  keyOf(row: number): RowKey;
  /** A claim of the row, under a fresh token unless one is given. */
  claimOf(row: number, change?: Partial<ClaimRequest>): ClaimRequest;
  settleOf(claim: ClaimRequest, settlement: Settlement, change?: Partial<AttemptFacts>): SettleRequest;
  /** Claims the row and expects to get it. */
  claim(row: number, change?: Partial<ClaimRequest>): Promise<ClaimRequest>;
  read(row: number): Promise<StoredRow>;
}

export interface StageOptions {
  rows?: (NewRow & { key: RowKey })[] | number;
  /** Share origin (and so ledger and group) with another stage. */
  beside?: Pick<Stage, "origin">;
  phase?: "new" | "solo" | "open";
}

export async function setStage(store: Store, options: StageOptions = {}): Promise<Stage> {
  const origin = options.beside?.origin ?? newOrigin();
  const owner = await store.openLease(aHolder(), LONG_MS);
  const run = await store.createRun(aRun(owner, { origin }));
  const group = groupKey(origin, 42);
  const limiter = `limiter of ${origin}`;
  const phase = options.phase ?? "open";
  if (options.beside === undefined && phase !== "new") {
    const draft = phase === "open" ? DRAFT : undefined;
    await store.setGroup(group, { phase, draftDatasetId: draft, baseline: draft && 0 });
  }
  const given = options.rows ?? 3;
  const rows =
    typeof given === "number"
      ? Array.from({ length: given }, (_, index) => queuedRow(origin, index + 1))
      : given;
  await store.putRows(run.runId, rows);

  const keyOf = (row: number): RowKey => {
    const found = rows.find((candidate) => candidate.row === row);
    if (found === undefined) throw new Error(`the stage has no row ${row}`);
    return found.key;
  };
  const claimOf = (row: number, change: Partial<ClaimRequest> = {}): ClaimRequest => ({
    key: change.key ?? keyOf(row),
    group,
    runId: run.runId,
    row,
    token: newToken(),
    owner,
    holdMs: LONG_MS,
    limiter,
    ...change,
  });
  return {
    store,
    origin,
    owner,
    run,
    group,
    limiter,
    rows,
    keyOf,
    claimOf,
    settleOf: ({ key, group, runId, row, token }, settlement, change = {}) => ({
      key,
      group,
      runId,
      row,
      token,
      settlement,
      facts: facts(change),
    }),
    async claim(row, change) {
      const request = claimOf(row, change);
      const answer = await store.claim(request);
      if (answer.kind !== "claimed") throw new Error(`row ${row} was not claimed but ${answer.kind}`);
      return request;
    },
    async read(row) {
      const [found] = await store.readRows(run.runId, { fromRow: row, limit: 1 });
      if (found?.row !== row) throw new Error(`row ${row} is not stored`);
      return found;
    },
  };
}
