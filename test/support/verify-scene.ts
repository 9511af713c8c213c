/** Rows in doubt before a model of the server: what it holds, shows and counts is what the verifier is told. */
import { makeGroupLocks } from "../../src/app/group-locks.ts";
import type { OnUnknown } from "../../src/app/run-options.ts";
import { makeVerifier, type Verifier } from "../../src/app/verify/verify.ts";
import { makeAsk } from "../../src/app/verify/asking.ts";
import type { StoredStatus } from "../../src/core/status.ts";
import type { ClaimRequest, Group, LeaseId, Store, StoredRow, Verdict } from "../../src/core/store.ts";
import { fakeClock, type FakeClock } from "./fake-clock.ts";
import { createMemoryStore } from "./memory-store.ts";
import { ok, scriptedApi, type ScriptedApi } from "./scripted-api.ts";
import {
  aHolder,
  ADDED,
  DRAFT,
  LONG_MS,
  queuedRow,
  REJECTED,
  setStage,
  UNKNOWN,
  type Stage,
} from "./store-fixtures.ts";

/** How a row fared: what the server made of it, and what was heard of that. */
export type Fate = "added" | "landed" | "lost" | "rejected" | "sending" | "queued";

export const HOLD_MS = 185_000;
export const PUBLISHED = 77;

export interface Server {
  /** The dataset that is the group's draft. */
  draft: number;
  published: number | undefined;
  /** Rows by dataset: trace and span, or what somebody else put there. */
  rows: Map<number, [traceId: string, spanId: string | undefined][]>;
  showsIds: boolean;
}

export interface VerifyScene {
  clock: FakeClock;
  store: Store;
  api: ScriptedApi;
  server: Server;
  stage: Stage;
  owner: LeaseId;
  claims: Map<number, ClaimRequest>;
  slots: () => number;
  /** Puts a row into a dataset on the server, as its request or somebody else would. */
  put: (traceId: string, spanId?: string, dataset?: number) => void;
  verifier: (onUnknown?: OnUnknown, stage?: Stage) => Verifier;
  /** Asks, with the clock moving as far as it is waited. */
  verify: (options?: { onUnknown?: OnUnknown; mayResend?: boolean; wait?: boolean }) => Promise<void>;
  statuses: (stage?: Stage) => Promise<StoredStatus[]>;
  read: (row: number) => Promise<StoredRow>;
  group: () => Promise<Group>;
  verdict: () => Promise<Verdict | undefined>;
}

export async function verifyScene(
  fates: readonly Fate[],
  options: { spans?: boolean; baseline?: number | undefined; wrap?: (store: Store) => Partial<Store> } = {},
): Promise<VerifyScene> {
  const clock = fakeClock();
  const memory = createMemoryStore(clock);
  const store: Store = { ...memory, ...options.wrap?.(memory) };
  const origin = "https://api.test";
  const rows = fates.map((_, index) =>
    queuedRow(origin, index + 1, options.spans === true ? { span: `span-${index + 1}` } : {}),
  );
  const owner = await memory.openLease(aHolder(), LONG_MS);
  const stage = await setStage(memory, { beside: { origin }, rows });
  await memory.setGroup(stage.group, {
    phase: "open",
    draftDatasetId: DRAFT,
    baseline: "baseline" in options ? options.baseline : 0,
  });
  await memory.changeRun(stage.run.runId, { sourceComplete: true, state: "verifying" });

  const server: Server = { draft: DRAFT, published: undefined, rows: new Map([[DRAFT, []]]), showsIds: true };
  const api = scriptedApi();
  api.onListDatasets = () => {
    const draft = { id: server.draft, datasetGroupId: 42, versionNumber: -1 };
    const { published } = server;
    return ok(published === undefined ? [draft] : [{ ...draft, id: published, versionNumber: 1 }, draft]);
  };
  api.onCountRows = (dataset) => ok(server.rows.get(dataset)?.length ?? 0);
  api.onFindRows = (dataset, text) => {
    const found = (server.rows.get(dataset) ?? []).filter((cells) =>
      cells.some((cell) => cell?.includes(text)),
    );
    const shown = server.showsIds ? found.map(([trace, span]) => [trace, span]) : [];
    return ok({ columns: ["trace_id", "span_id"], rows: shown, complete: true });
  };

  const put = (traceId: string, spanId?: string, dataset = DRAFT): void => {
    server.rows.set(dataset, [...(server.rows.get(dataset) ?? []), [traceId, spanId]]);
  };
  const claims = new Map<number, ClaimRequest>();
  await memory.changeRun(stage.run.runId, { state: "draining" });
  for (const [index, fate] of fates.entries()) {
    if (fate === "queued") continue;
    const row = index + 1;
    const claim = await stage.claim(row, { holdMs: HOLD_MS });
    claims.set(row, claim);
    const { traceId, spanId } = await stage.read(row);
    if (fate === "added" || fate === "landed") put(traceId, spanId === "" ? undefined : spanId);
    if (fate === "added") await memory.settle(stage.settleOf(claim, ADDED));
    if (fate === "rejected") await memory.settle(stage.settleOf(claim, REJECTED));
    if (fate === "landed" || fate === "lost") await memory.settle(stage.settleOf(claim, UNKNOWN));
  }
  await memory.changeRun(stage.run.runId, { state: "verifying" });

  let slots = 0;
  const locks = makeGroupLocks({ store, clock, owner: () => owner });
  const takeSlot = async (signal: AbortSignal) => {
    signal.throwIfAborted();
    slots += 1;
  };
  const ask = makeAsk({ store, clock, limiter: "key", takeSlot, retryBaseMs: 1_000, retryCapMs: 30_000 });
  const verifier = (onUnknown: OnUnknown = "verify", of: Stage = stage) =>
    makeVerifier({ store, api, ask, locks, clock, run: of.run, onUnknown });
  return {
    clock,
    store,
    api,
    server,
    stage,
    owner,
    claims,
    slots: () => slots,
    put,
    verifier,
    verify: ({ onUnknown = "verify", mayResend = true, wait = true } = {}) =>
      clock.advanceUntil(verifier(onUnknown).verify({ mayResend, wait }, new AbortController().signal)),
    statuses: async (of = stage) =>
      (await memory.readRows(of.run.runId, { fromRow: 1, limit: 1_000 })).map(({ status }) => status),
    read: (row) => stage.read(row),
    group: () => memory.getGroup(stage.group),
    verdict: async () => (await memory.getRun(stage.run.runId))?.verdicts[0],
  };
}
