/** What `traceload worker` does: finds the runs of its store by itself, helps with each, and ends those left to it. */
import type { Clock } from "../core/clock.ts";
import { ACTIVE_STATES } from "../core/status.ts";
import type { Run, Store } from "../core/store.ts";
import type { Queues, QueueWorker } from "../core/queue.ts";
import { makeFinisher, type Finisher } from "./finisher.ts";
import type { RunWorker } from "./import-run.ts";
import type { Publisher } from "./publish/publish.ts";
import { parseRunOptions } from "./run-options.ts";
import type { Verifier } from "./verify/verify.ts";

export interface ServeParts {
  store: Store;
  queues: Queues;
  clock: Clock;
  startRunWorker: (run: Run) => Promise<RunWorker>;
  /** Undefined: runs end without asking the server. */
  makeVerifier?: (run: Run) => Verifier;
  /** Undefined, itself or what it answers: nothing is published. */
  makePublisher?: (run: Run) => Publisher | undefined;
  /** Starts serving the control queue; `finishStep` answers whether the run is over. */
  startControlWorker: (finishStep: (runId: string) => Promise<boolean>) => Promise<QueueWorker>;
  /** The runs this process may serve: those of its own API origin and key. */
  origin: string;
  limiter: string;
  /** How long an owner must look dead before its run is taken from it. */
  leaseTtlMs: number;
  onFault: (error: unknown) => void;
  /** `left`: this process has ended its part of it; `run` is as the store then knows it. */
  onChange: (change: { kind: "started" | "left" | "foreign"; run: Run }) => void;
  /** Runs that this process conducts itself, and sends rows of already. */
  isConducted?: (runId: string) => boolean;
}

const POLL_MS = 1_000;
const ASKING_STEP_MS = 500;

/** Resolves when `signal` aborted and all rows in flight have ended. */
export async function serveRuns(parts: ServeParts, signal: AbortSignal): Promise<void> {
  const { store, queues, clock, onFault, onChange } = parts;
  const serving = new Map<string, RunWorker>();
  const foreign = new Set<string>();
  const orphanSince = new Map<string, number>();
  const stopping = new Set<Promise<void>>();
  const finishers = new Map<string, { finisher: Finisher; busy: boolean; close: () => Promise<void> }>();

  const finishStep = async (runId: string): Promise<boolean> => {
    let entry = finishers.get(runId);
    const run = await store.getRun(runId);
    // Somebody has taken it up since it was asked for: two that look after one run would queue its rows twice.
    if (run === undefined || run.ownerAlive) {
      await closeFinisher(runId);
      return true;
    }
    if (entry === undefined) {
      const queue = queues.runQueue(runId);
      const { maxErrors } = parseRunOptions(runId, run.options);
      const { makeVerifier, makePublisher } = parts;
      const verifying = makeVerifier === undefined ? {} : { verifying: { makeVerifier, clock } };
      const publishing = makePublisher === undefined ? {} : { publishing: { makePublisher, clock } };
      const options = { store, queue, runId, maxErrors, onFault, ...verifying, ...publishing };
      const finisher = makeFinisher(options);
      const close = async () => {
        await finisher.close();
        await queue.close();
      };
      entry = { finisher, busy: false, close };
      finishers.set(runId, entry);
    }
    entry.busy = true;
    try {
      let { over } = await entry.finisher.step();
      // Who has begun to ask the server stays with it: another worker would begin anew.
      while (!over && entry.finisher.isAsking() && !signal.aborted) {
        await clock.sleep(ASKING_STEP_MS);
        ({ over } = await entry.finisher.step());
      }
      if (over) await closeFinisher(runId);
      return over;
    } finally {
      entry.busy = false;
    }
  };

  const closeFinisher = async (runId: string): Promise<void> => {
    const entry = finishers.get(runId);
    finishers.delete(runId);
    await entry?.close();
  };

  const isMine = (run: Run): boolean => {
    if (run.origin === parts.origin && limiterOf(run, onFault) === parts.limiter) return true;
    if (!foreign.has(run.runId)) onChange({ kind: "foreign", run });
    foreign.add(run.runId);
    return false;
  };

  /** A run in reading whose importer died can only be interrupted; one in draining can be ended by anybody. */
  const adopt = async (run: Run): Promise<void> => {
    if (run.ownerAlive) {
      orphanSince.delete(run.runId);
      return;
    }
    const since = orphanSince.get(run.runId) ?? clock.monotonicMs();
    orphanSince.set(run.runId, since);
    const handedOver = run.owner === undefined;
    // An importer whose store was away has lost its lease as well; it takes a new one within this time.
    if (!handedOver && clock.monotonicMs() - since < parts.leaseTtlMs) return;
    if (run.state === "reading") await store.changeRun(run.runId, { state: "interrupted" }, ["reading"]);
    await queues.requestFinish(run.runId);
  };

  const look = async (): Promise<void> => {
    const active = await store.listRuns({ states: ACTIVE_STATES });
    const runs = active.filter((run) => parts.isConducted?.(run.runId) !== true && isMine(run));
    // One run's trouble is none of the others'.
    for (const run of runs) await help(run).catch(onFault);
    const running = new Set(runs.map((run) => run.runId));
    for (const [runId, worker] of serving) {
      if (!running.has(runId)) leave(runId, worker);
    }
    for (const runId of orphanSince.keys()) if (!running.has(runId)) orphanSince.delete(runId);
    // The last step of a run may be another process's: then nobody told us that it is over.
    for (const [runId, { busy }] of finishers) if (!running.has(runId) && !busy) await closeFinisher(runId);
  };

  const help = async (run: Run): Promise<void> => {
    if (!serving.has(run.runId)) {
      serving.set(run.runId, await parts.startRunWorker(run));
      onChange({ kind: "started", run });
    }
    await adopt(run);
  };

  /** Not awaited: a slow request of one run must not keep the next one from being found. */
  const leave = (runId: string, worker: RunWorker): void => {
    serving.delete(runId);
    const left = async () => {
      await worker.stop();
      const run = await store.getRun(runId);
      if (run !== undefined) onChange({ kind: "left", run });
    };
    const stopped = left()
      .catch(onFault)
      .finally(() => stopping.delete(stopped));
    stopping.add(stopped);
  };

  const control = await parts.startControlWorker(finishStep);
  while (!signal.aborted) {
    try {
      await look();
      await clock.sleep(POLL_MS, signal);
    } catch (error) {
      if (signal.aborted) break;
      onFault(error);
      await clock.sleep(POLL_MS, signal).catch(() => undefined);
    }
  }
  for (const [runId, worker] of serving) leave(runId, worker);
  await Promise.all([control.close(), ...stopping]);
  for (const { close } of finishers.values()) await close();
}

/** undefined: the run was started by a version whose options this one does not understand. */
function limiterOf(run: Run, onFault: (error: unknown) => void): string | undefined {
  try {
    return parseRunOptions(run.runId, run.options).limiter;
  } catch (error) {
    onFault(error);
    return undefined;
  }
}
