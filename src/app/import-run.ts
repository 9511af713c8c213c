/** The main job: a run from its sources to its last result, in this process and whoever helps. */
import type { Clock } from "../core/clock.ts";
import { TraceloadError } from "../core/errors.ts";
import type { Queues } from "../core/queue.ts";
import type { OpenedSources } from "../core/source.ts";
import { RUNNING_STATES } from "../core/status.ts";
import type { NewRun, Run, Store } from "../core/store.ts";
import { makeFinisher, type FinisherOptions } from "./finisher.ts";
import type { Presence } from "./presence.ts";
import { produce } from "./producer.ts";

/** This process's work on one run. */
export interface RunWorker {
  /** Takes no more rows, puts back those not sent, waits for those in flight. */
  stop(): Promise<void>;
}

export interface ImportParts {
  store: Store;
  queues: Queues;
  presence: Presence;
  clock: Clock;
  startRunWorker(run: Run): Promise<RunWorker>;
  onFault: (error: unknown) => void;
}

export interface ImportRequest {
  run: Omit<NewRun, "owner">;
  sources: OpenedSources;
  /** Leave the sending to workers: resolve when everything is enqueued. */
  detach: boolean;
  highWaterRows: number;
  maxErrors: FinisherOptions["maxErrors"];
  warnings: readonly string[];
}

const STEP_MS = 200;

/**
 * Resolves with the run when it is over, or (detached) enqueued. Aborting `signal` interrupts the run: reading and
 * sending stop, rows in flight finish, the rest becomes unprocessed. Faults of a source stop the run likewise; they
 * are in its `halt`, and whole in `fault`. Rejects only when the store refuses for good.
 */
export async function importRun(
  parts: ImportParts,
  request: ImportRequest,
  signal: AbortSignal,
  onProgress: (run: Run) => void,
): Promise<{ run: Run; fault: TraceloadError | undefined }> {
  const { store, queues, presence, clock } = parts;
  const { runId } = request.run;
  let run = await store.createRun({ ...request.run, owner: presence.owner() });
  for (const warning of request.warnings) await store.changeRun(runId, { warning });
  onProgress(run);

  const queue = queues.runQueue(runId);
  const finisher = makeFinisher({
    store,
    queue,
    runId,
    maxErrors: request.maxErrors,
    onFault: parts.onFault,
  });
  const reading = new AbortController();
  const worker = request.detach ? undefined : await parts.startRunWorker(run);
  const producing = readAll(parts, request, queue, reading.signal);
  let refused: { error: unknown } | undefined;
  const noteRefusal = (error: unknown) => {
    refused ??= { error };
  };
  producing.catch(noteRefusal);
  let stopping: Promise<void> | undefined;
  const beginStop = () => {
    reading.abort();
    stopping ??= worker?.stop() ?? Promise.resolve();
    stopping.catch(noteRefusal);
  };

  try {
    for (;;) {
      if (refused !== undefined) throw refused.error;
      if (signal.aborted) await store.changeRun(runId, { state: "interrupted" }, RUNNING_STATES);
      const seen = await finisher.step();
      if (seen.run === undefined)
        throw new TraceloadError("run_not_found", `run ${runId} was removed meanwhile`);
      run = seen.run;
      onProgress(run);
      if (run.owner !== presence.owner())
        await store.changeRun(runId, { owner: presence.owner() }, RUNNING_STATES);
      if (request.detach && run.sourceComplete && RUNNING_STATES.includes(run.state)) {
        await handOver(parts, runId);
        break;
      }
      if (!RUNNING_STATES.includes(run.state)) beginStop();
      if (seen.over) {
        beginStop();
        await Promise.all([stopping, producing]);
        // A batch may have come in while the run was being wound up: its rows get their last status, too.
        while (!(await finisher.step()).over) await clock.sleep(STEP_MS);
        break;
      }
      await waitOrAbort(clock, stopping === undefined ? signal : undefined);
    }
  } finally {
    beginStop();
    await Promise.all([stopping, producing]);
    await queue.close();
  }
  return { run: (await store.getRun(runId)) ?? run, fault: await producing };
}

/** What goes wrong with a source is written into the run, and answered. */
async function readAll(
  parts: ImportParts,
  request: ImportRequest,
  queue: ReturnType<Queues["runQueue"]>,
  signal: AbortSignal,
): Promise<TraceloadError | undefined> {
  const { store, clock, onFault } = parts;
  const { runId, origin } = request.run;
  const { sources, highWaterRows } = request;
  try {
    const read = await produce(
      { store, queue, clock, runId, origin, sources, highWaterRows, onFault },
      signal,
    );
    await checkTotal(store, runId, read);
    await store.changeRun(runId, { sourceComplete: true, state: "draining" }, ["reading"]);
    return undefined;
  } catch (error) {
    if (signal.aborted) return undefined;
    const message = error instanceof Error ? error.message : String(error);
    const fault =
      error instanceof TraceloadError ? error : new TraceloadError("bug", message, { cause: error });
    if (fault.code === "bug") onFault(error);
    const halt = { code: fault.code, message: fault.message };
    await store.changeRun(runId, { state: "stopped", halt }, RUNNING_STATES);
    return fault;
  }
}

/** The store must hold as many rows as were read: a run with fewer must not call itself complete. */
async function checkTotal(store: Store, runId: string, read: number): Promise<void> {
  const run = await store.getRun(runId);
  if (run === undefined) return;
  const stored = Object.values(run.counts).reduce((sum, count) => sum + count, 0);
  if (stored !== read) {
    throw new TraceloadError("bug", `${read} rows were read, but the store holds ${stored} of run ${runId}`);
  }
}

async function handOver({ store, queues, onFault }: ImportParts, runId: string): Promise<void> {
  await store.changeRun(runId, { owner: null }, RUNNING_STATES);
  // The queue fails fast while its server is away. Workers ask for the end of runs that nobody owns themselves.
  await queues.requestFinish(runId).catch(onFault);
}

async function waitOrAbort(clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  try {
    await clock.sleep(STEP_MS, signal);
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}
