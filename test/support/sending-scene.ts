/** A run's rows, their processor on an in-memory store, and a diary of what happened in which order. */
import { makeAddTrace, type AddTraceParts, type AddTraceSettings } from "../../jobs/add-trace.ts";
import type { RowEnd } from "../../src/app/group-breaker.ts";
import { makePlaces } from "../../src/app/places.ts";
import type { Outcome } from "../../src/core/outcome.ts";
import type { JobVerdict, RowJob } from "../../src/core/queue.ts";
import { groupKey } from "../../src/core/row.ts";
import type {
  ClaimRequest,
  LeaseId,
  Run,
  SettleRequest,
  Store,
  StoredRow,
  Token,
} from "../../src/core/store.ts";
import { fakeClock, type FakeClock } from "./fake-clock.ts";
import { createMemoryStore } from "./memory-store.ts";
import { DRAFT_ID, scriptedApi, type ScriptedApi } from "./scripted-api.ts";
import { aHolder, aRun, LONG_MS, queuedRow } from "./store-fixtures.ts";

export const ORIGIN = "https://api.test";
export const LIMITER = "limiter";

export interface SendingScene {
  clock: FakeClock;
  store: Store;
  api: ScriptedApi;
  run: Run;
  owner: LeaseId;
  /** Aborting it tells the processor to stop. */
  stop: AbortController;
  /** `place`, `slot`, `claim`, `POST`, `settle KIND`, `leave`, in the order they happened. */
  diary: string[];
  claims: ClaimRequest[];
  settlements: SettleRequest[];
  outcomes: Outcome[];
  faults: unknown[];
  /** What the pace was told: `answered` or `refused`, and the pauses. */
  answers: string[];
  pauses: number[];
  /** What the breaker was told. */
  ends: RowEnd[];
  process(row?: number): Promise<JobVerdict>;
  result(row?: number): Promise<StoredRow>;
}

export interface SceneOptions {
  rows?: number;
  span?: string;
  settings?: Partial<AddTraceSettings>;
  /** Stands in for parts of the store; what it leaves out is the store's own. */
  store?: (store: Store) => Partial<AddTraceParts["store"]>;
  parts?: Partial<AddTraceParts>;
  places?: number;
}

export async function sendingScene(options: SceneOptions = {}): Promise<SendingScene> {
  const clock = fakeClock();
  const memory = createMemoryStore(clock);
  const store: Store = { ...memory, ...options.store?.(memory) };
  const owner = await memory.openLease(aHolder(), LONG_MS);
  const run = await memory.createRun(aRun(owner, { origin: ORIGIN }));
  await memory.setGroup(groupKey(ORIGIN, 42), { phase: "open", draftDatasetId: DRAFT_ID, baseline: 0 });
  const span = options.span === undefined ? {} : { span: options.span };
  const rows = Array.from({ length: options.rows ?? 1 }, (_, index) => queuedRow(ORIGIN, index + 1, span));
  await memory.putRows(run.runId, rows);

  const diary: string[] = [];
  const claims: ClaimRequest[] = [];
  const settlements: SettleRequest[] = [];
  const outcomes: Outcome[] = [];
  const faults: unknown[] = [];
  const answers: string[] = [];
  const pauses: number[] = [];
  const ends: RowEnd[] = [];
  const api = scriptedApi();
  const places = makePlaces(options.places ?? 1);
  const stop = new AbortController();
  let minted = 0;
  const process = makeAddTrace(
    {
      store: {
        claim: (request) => {
          diary.push("claim");
          claims.push(request);
          return store.claim(request);
        },
        settle: (request) => {
          diary.push(`settle ${request.settlement.kind}`);
          settlements.push(request);
          return store.settle(request);
        },
        changeRun: (runId, change, from) => {
          diary.push(`run ${change.state}`);
          return store.changeRun(runId, change, from);
        },
        pauseLimiter: (limiter, ms) => {
          diary.push(`pause ${ms}`);
          return store.pauseLimiter(limiter, ms);
        },
      },
      api: {
        addTrace: (row, call) => {
          diary.push("POST");
          return api.addTrace(row, call);
        },
      },
      clock,
      random: () => 0.5,
      mintToken: () => {
        minted += 1;
        return minted.toString(16).padStart(16, "0") as Token;
      },
      places: {
        take: async (signal) => {
          await places.take(signal);
          diary.push("place");
        },
        leave: () => {
          diary.push("leave");
          places.leave();
        },
      },
      takeSlot: async (signal) => {
        signal.throwIfAborted();
        diary.push("slot");
      },
      pace: {
        note: (refused) => answers.push(refused ? "refused" : "answered"),
        paused: (ms) => pauses.push(ms),
      },
      groups: { admits: async () => true, isHalted: () => false, note: async (end) => void ends.push(end) },
      storeNowMs: () => clock.now(),
      prepareGroup: async () => undefined,
      owner: () => owner,
      run: { runId: run.runId, origin: ORIGIN, createdAt: run.createdAt, limiter: LIMITER },
      settings: {
        sendWindowMs: 5_000,
        timeoutMs: 60_000,
        horizonMs: 120_000,
        maxAttempts: 3,
        // p-retry waits by the machine's clock.
        retryBaseMs: 0,
        retryCapMs: 0,
        graceMs: 0,
        ...options.settings,
      },
      onFault: (error) => faults.push(error),
      observe: (outcome) => outcomes.push(outcome),
      ...options.parts,
    },
    stop.signal,
  );
  return {
    clock,
    store: memory,
    api,
    run,
    owner,
    stop,
    diary,
    claims,
    settlements,
    outcomes,
    faults,
    answers,
    pauses,
    ends,
    process: (row = 1) => process(jobOf(row, options.span)),
    result: async (row = 1) => {
      const [found] = await memory.readRows(run.runId, { fromRow: row, limit: 1 });
      if (found?.row !== row) throw new Error(`row ${row} is not stored`);
      return found;
    },
  };
}

export function jobOf(row: number, spanId?: string): RowJob {
  return { row, datasetGroupId: 42, traceId: `trace-${row}`, spanId, generation: 0 };
}
