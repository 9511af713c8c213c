/** An import in memory: store, queue, API and clock, with the real attempt loop between them. */
import { makeAddTrace } from "../../jobs/add-trace.ts";
import type { FinisherOptions } from "../../src/app/finisher.ts";
import { importRun, type RunWorker } from "../../src/app/import-run.ts";
import { makePlaces } from "../../src/app/places.ts";
import { openPresence, type Presence } from "../../src/app/presence.ts";
import { groupKey } from "../../src/core/row.ts";
import type { OpenedSources } from "../../src/core/source.ts";
import { zeroCounts, type StatusCounts } from "../../src/core/status.ts";
import type { NewRun, Run, Store, Token } from "../../src/core/store.ts";
import { fakeClock, type FakeClock } from "./fake-clock.ts";
import { memoryQueues, type MemoryQueues } from "./memory-queues.ts";
import { createMemoryStore } from "./memory-store.ts";
import { DRAFT_ID, scriptedApi, type ScriptedApi } from "./scripted-api.ts";
import { aHolder } from "./store-fixtures.ts";

export const ORIGIN = "https://api.test";
export const LIMITER = "limiter";
/** Whose process it is. */
export const PERSON = "ada@host-a";
export const RUN_OPTIONS = {
  timeoutMs: 60_000,
  horizonMs: 120_000,
  sendWindowMs: 5_000,
  maxAttempts: 3,
  retryBaseMs: 0,
  retryCapMs: 0,
  graceMs: 0,
  limiter: LIMITER,
};

export interface ImportScene {
  clock: FakeClock;
  store: Store;
  queues: MemoryQueues;
  api: ScriptedApi;
  presence: Presence;
  faults: unknown[];
  /** Ctrl-C. */
  interrupt: AbortController;
  /** Requests may leave while this is true. */
  slots: { open: boolean };
  startRunWorker: (run: Run) => Promise<RunWorker>;
  start(sources: OpenedSources, change?: ImportChange): Promise<Run>;
  counts(runId?: string): Promise<StatusCounts>;
}

export interface ImportChange {
  run?: Partial<Omit<NewRun, "owner">>;
  detach?: boolean;
  highWaterRows?: number;
  maxErrors?: FinisherOptions["maxErrors"];
  onProgress?: (run: Run) => void;
  startRunWorker?: (run: Run) => Promise<RunWorker>;
}

export async function importScene(
  options: { store?: (store: Store) => Partial<Store> } = {},
): Promise<ImportScene> {
  const clock = fakeClock();
  const memory = createMemoryStore(clock);
  const store: Store = { ...memory, ...options.store?.(memory) };
  await memory.setGroup(groupKey(ORIGIN, 42), { phase: "open", draftDatasetId: DRAFT_ID, baseline: 0 });
  const queues = memoryQueues(clock);
  const api = scriptedApi();
  const faults: unknown[] = [];
  const onFault = (error: unknown) => faults.push(error);
  const presence = await openPresence({
    store,
    clock,
    holder: aHolder(),
    leaseTtlMs: 15_000,
    sweepIntervalMs: 3_000,
    onFault,
  });
  const interrupt = new AbortController();
  const slots = { open: true };
  let minted = 0;

  const startRunWorker = async (run: Run): Promise<RunWorker> => {
    const stop = new AbortController();
    const process = makeAddTrace(
      {
        store,
        api,
        clock,
        random: () => 0.5,
        mintToken: () => {
          minted += 1;
          return minted.toString(16).padStart(16, "0") as Token;
        },
        places: makePlaces(4),
        takeSlot: async (signal) => {
          do await clock.sleep(10, signal);
          while (!slots.open);
        },
        pace: { note: () => undefined, paused: () => undefined },
        groups: { admits: async () => true, isHalted: () => false, note: async () => undefined },
        storeNowMs: () => clock.now(),
        prepareGroup: async () => undefined,
        owner: () => presence.owner(),
        run: { runId: run.runId, origin: run.origin, createdAt: run.createdAt, limiter: LIMITER },
        settings: RUN_OPTIONS,
        onFault,
        observe: () => undefined,
      },
      stop.signal,
    );
    const worker = await queues.workOn(run.runId, process, {
      concurrency: 8,
      lockMs: 60_000,
      stalledCheckMs: 30_000,
    });
    return {
      stop: async () => {
        const closed = worker.close();
        stop.abort(new Error("told to stop"));
        await closed;
      },
    };
  };

  return {
    clock,
    store,
    queues,
    api,
    presence,
    faults,
    interrupt,
    slots,
    startRunWorker,
    start: (sources, change = {}) =>
      importRun(
        {
          store,
          queues,
          presence,
          clock,
          startRunWorker: change.startRunWorker ?? startRunWorker,
          person: PERSON,
          onFault,
        },
        {
          run: {
            runId: "run-1",
            fingerprint: "f".repeat(64),
            origin: ORIGIN,
            sources: sources.names,
            options: RUN_OPTIONS,
            ...change.run,
          },
          sources,
          detach: change.detach ?? false,
          highWaterRows: change.highWaterRows ?? 10_000,
          maxErrors: change.maxErrors,
          warnings: [],
        },
        interrupt.signal,
        change.onProgress ?? (() => undefined),
      ).then(({ run }) => run),
    counts: async (runId = "run-1") => (await memory.getRun(runId))?.counts ?? zeroCounts(),
  };
}
