/** Puts together this process's work on one run: gate, drafts, attempt loop, queue worker. */
import { makeAddTrace } from "../../jobs/add-trace.ts";
import { makeDrafts } from "../app/drafts.ts";
import type { GroupLocks } from "../app/group-locks.ts";
import { makeGroupBreaker } from "../app/group-breaker.ts";
import type { RunWorker } from "../app/import-run.ts";
import { startPacer, type Pacer } from "../app/pace/pacer.ts";
import type { Presence } from "../app/presence.ts";
import { isAskedToPublish } from "../app/publish/others.ts";
import { makePlaces } from "../app/places.ts";
import { makeRateGate, type RateGate } from "../app/pace/rate-gate.ts";
import { type OnDraftChange, parseRunOptions } from "../app/run-options.ts";
import { readStoreTime } from "../app/store-time.ts";
import type { Api } from "../core/api.ts";
import type { Clock } from "../core/clock.ts";
import type { Outcome } from "../core/outcome.ts";
import type { Queues, WorkOptions } from "../core/queue.ts";
import { RUNNING_STATES } from "../core/status.ts";
import type { Run, RunChange, Store } from "../core/store.ts";
import { notingAnswer, notingPause } from "./noted-answers.ts";
import { makeTokenMint } from "./token-mint.ts";

export interface RunWorkerParts {
  store: Store;
  queues: Queues;
  api: Api;
  presence: Presence;
  locks: GroupLocks;
  clock: Clock;
  /** Requests in flight, at most. */
  concurrency: number;
  /** For the jobs' locks. */
  lock: Omit<WorkOptions, "concurrency">;
  onOutcome: (runId: string, outcome: Outcome) => void;
  onFault: (error: unknown) => void;
}

/** What of a run's work in this process can be watched. */
export interface RunActivity {
  readonly gate: Pick<RateGate, "inForce" | "pausedMs">;
  readonly pacer: Pick<Pacer, "view">;
  /** How long the store still recovers; 0: it does not. */
  recoveringMs(): number;
  /** Requests under way. */
  inFlight(): number;
  /** Whether rows wait for their group's draft. */
  openingDraft(): boolean;
}

export interface ObservedRunWorker extends RunWorker {
  readonly activity: RunActivity;
}

const RECOVERY_WARNING =
  "Redis was restarted or replaced, and may have forgotten its last moments: nothing was sent until every process had told it again what it had sent";

/** A row waits for its settlement outside its place; as many rows again keep the places filled meanwhile. */
const ROWS_PER_PLACE = 2;

export async function startRunWorker(parts: RunWorkerParts, run: Run): Promise<ObservedRunWorker> {
  const { store, queues, api, presence, clock } = parts;
  const places = makePlaces(parts.concurrency);
  const options = parseRunOptions(run.runId, run.options);
  const stop = new AbortController();
  const address = {
    runId: run.runId,
    origin: run.origin,
    createdAt: run.createdAt,
    limiter: options.limiter,
  };
  const owner = () => presence.owner();
  let recoveringUntil = Number.NEGATIVE_INFINITY;
  const recoveringMs = () => Math.max(0, recoveringUntil - clock.monotonicMs());
  const onRecovery = (ms: number) => {
    if (recoveringMs() === 0) {
      store.changeRun(run.runId, { warning: RECOVERY_WARNING }).catch(parts.onFault);
    }
    recoveringUntil = clock.monotonicMs() + ms;
  };
  const gate = makeRateGate({
    store,
    limiter: options.limiter,
    sender: `${owner()}/${run.seq}`,
    ratePerSecond: options.ratePerSecond,
    clock,
    onRecovery,
  });
  const takeSlot = (signal: AbortSignal) => gate.take(signal);
  const storeNowMs = await readStoreTime(store, clock);
  const pacer = await startPacer({
    store,
    limiter: options.limiter,
    limitPerSecond: options.ratePerSecond,
    search: options.rateSearch,
    inForce: () => gate.inForce(),
    clock,
    onFault: parts.onFault,
  });
  const groups = makeGroupBreaker({ store, run, clock, onFault: parts.onFault });
  const drafts = makeDrafts({
    store: {
      getGroup: (key) => store.getGroup(key),
      setGroup: (key, change) => store.setGroup(key, change),
      sweep: () => store.sweep(),
      pauseLimiter: notingPause(store, pacer),
    },
    api: {
      listDatasets: (datasetGroupId, call) => notingAnswer(api.listDatasets(datasetGroupId, call), pacer),
      createDraft: (request, call) => notingAnswer(api.createDraft(request, call), pacer),
      countRows: (datasetId, call) => notingAnswer(api.countRows(datasetId, call), pacer),
    },
    clock,
    takeSlot,
    locks: parts.locks,
    run: { ...address, force: options.force },
    maxAttempts: options.maxAttempts,
    retryBaseMs: options.retryBaseMs,
    retryCapMs: options.retryCapMs,
    halt: async (code, message) => {
      await store.changeRun(run.runId, { state: "stopped", halt: { code, message } }, RUNNING_STATES);
    },
    warn: async (warning) => {
      await store.changeRun(run.runId, { warning });
    },
    onDraftChange: async (warning) => {
      await store.changeRun(run.runId, { warning });
      const change = haltFor(options.onDraftChange, warning);
      if (change !== undefined) await store.changeRun(run.runId, change, RUNNING_STATES);
    },
    isAskedToPublish: (datasetGroupId, draftDatasetId) =>
      isAskedToPublish(store, { origin: run.origin, datasetGroupId, draftDatasetId }),
  });
  let inFlight = 0;
  const counted: Pick<Api, "addTrace"> = {
    addTrace: async (row, call) => {
      inFlight += 1;
      try {
        return await api.addTrace(row, call);
      } finally {
        inFlight -= 1;
      }
    },
  };
  const mintToken = makeTokenMint();
  let preparing = 0;
  const prepareGroup = async (datasetGroupId: number, signal: AbortSignal) => {
    preparing += 1;
    try {
      await drafts.prepare(datasetGroupId, signal);
    } finally {
      preparing -= 1;
    }
  };
  const process = makeAddTrace(
    {
      store,
      api: counted,
      places,
      clock,
      random: Math.random,
      mintToken,
      takeSlot,
      pace: pacer,
      groups,
      storeNowMs,
      prepareGroup,
      sawDraft: (datasetGroupId, draftDatasetId) => drafts.saw(datasetGroupId, draftDatasetId, stop.signal),
      owner,
      run: address,
      settings: options,
      onRecovery,
      onFault: parts.onFault,
      observe: (outcome) => parts.onOutcome(run.runId, outcome),
    },
    stop.signal,
  );
  const inHand = parts.concurrency * ROWS_PER_PLACE;
  const worker = await queues.workOn(run.runId, process, { ...parts.lock, concurrency: inHand });
  return {
    activity: {
      gate,
      pacer,
      recoveringMs,
      inFlight: () => inFlight,
      openingDraft: () => preparing > 0 && inFlight === 0,
    },
    stop: async () => {
      const closed = worker.close();
      stop.abort(new Error("told to stop"));
      await closed;
      pacer.close();
      groups.close();
    },
  };
}

function haltFor(choice: OnDraftChange, message: string): RunChange | undefined {
  switch (choice) {
    case "continue":
      return undefined;
    case "pause":
      return { state: "paused" };
    case "stop":
      return { state: "stopped", halt: { code: "draft_changed", message } };
    default:
      return choice satisfies never;
  }
}
