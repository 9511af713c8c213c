/** The main job: a run from its sources to its last result, in this process and whoever helps. */
import type { Clock } from "../core/clock.ts";
import { TraceloadError } from "../core/errors.ts";
import type { Queues, RunQueue } from "../core/queue.ts";
import type { OpenedSources } from "../core/source.ts";
import { ACTIVE_STATES, RUNNING_STATES, rowsRead, type StatusCounts } from "../core/status.ts";
import type { NewRun, Run, Store } from "../core/store.ts";
import { startFeed } from "./feed.ts";
import { makeFinisher, type FinisherOptions } from "./finisher.ts";
import { isForced, produceForced } from "./forced-rows.ts";
import type { Presence } from "./presence.ts";
import type { Publisher } from "./publish/publish.ts";
import { type HeldRows, produce } from "./producer.ts";
import { parseRunOptions } from "./run-options.ts";
import type { Verifier } from "./verify/verify.ts";

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
  /** Undefined: runs end without asking the server. */
  makeVerifier?: (run: Run) => Verifier;
  /** Undefined, itself or what it answers: nothing is published. */
  makePublisher?: (run: Run) => Publisher | undefined;
  /** Whose process this is, a user's name and host: who decides where a decision is noted. */
  person: string;
  onFault: (error: unknown) => void;
}

export interface WorkRequest {
  /** Where the rows come from; undefined: the store holds all of them. */
  sources: OpenedSources | undefined;
  /** Leave the sending to workers: resolve when everything is enqueued. */
  detach: boolean;
  highWaterRows: number;
  maxErrors: FinisherOptions["maxErrors"];
}

export interface ImportRequest extends WorkRequest {
  run: Omit<NewRun, "owner">;
  warnings: readonly string[];
}

export interface CarriedOn {
  /** What the run holds already. */
  held: HeldRows;
  /** Its counts when it was taken up: `maxErrors` looks at what goes wrong from then on. */
  counts: StatusCounts;
}

/** How a run ended for the process that conducted it. `fault`: what was wrong with its sources. */
export interface RunEnd {
  run: Run;
  fault: TraceloadError | undefined;
}

const STEP_MS = 200;
/** Of the sources, before a store that keeps forgetting rows is given up. */
const MAX_READINGS = 3;
const FEED_MS = 100;

/**
 * Resolves with the run when it is over, or (detached) enqueued. Aborting `signal` interrupts the run: reading and
 * sending stop, rows in flight finish, the rest becomes unprocessed. Faults of a source stop the run likewise; they
 * are in its `halt`, and whole in `fault`. Rejects only when the store refuses for good, or another process has taken
 * the run up.
 */
export async function importRun(
  parts: ImportParts,
  request: ImportRequest,
  signal: AbortSignal,
  onProgress: (run: Run, waitingMs?: number) => void,
): Promise<RunEnd> {
  const { store, presence } = parts;
  const run = await store.createRun({ ...request.run, owner: presence.owner() });
  for (const warning of request.warnings) await store.changeRun(run.runId, { warning });
  return conductRun(parts, { ...request, run, carriedOn: undefined }, signal, onProgress);
}

/** The same for a run that is there, and this process's own: made just now, or taken up (resume.ts). */
export async function conductRun(
  parts: ImportParts,
  request: WorkRequest & { run: Run; carriedOn: CarriedOn | undefined },
  signal: AbortSignal,
  onProgress: (run: Run, waitingMs?: number) => void,
): Promise<RunEnd> {
  const { store, queues, presence, clock } = parts;
  const { runId } = request.run;
  let { run } = request;
  onProgress(run);

  const queue = queues.runQueue(runId);
  // The request's options may have been given anew; the store keeps those that the run was started with.
  const { makeVerifier, makePublisher } = parts;
  const asGiven = (seen: Run): Run => ({ ...seen, options: request.run.options });
  const verifying = makeVerifier && { makeVerifier: (seen: Run) => makeVerifier(asGiven(seen)), clock };
  const publishing = makePublisher && { makePublisher: (seen: Run) => makePublisher(asGiven(seen)), clock };
  const finisher = makeFinisher({
    store,
    queue,
    runId,
    highWaterRows: request.highWaterRows,
    maxErrors: request.maxErrors,
    ...(request.carriedOn === undefined ? {} : { errorsSince: request.carriedOn.counts }),
    ...(verifying === undefined ? {} : { verifying }),
    ...(publishing === undefined ? {} : { publishing }),
    onFault: parts.onFault,
  });
  const reading = new AbortController();
  const worker = request.detach ? undefined : await parts.startRunWorker(run);
  const { sources } = request;
  /** Whether the store has been told that all of the sources is read. */
  let isRead = false;
  const read = async (): Promise<TraceloadError | undefined> => {
    if (sources === undefined) return undefined;
    const fault = await readAll(parts, { ...request, sources }, queue, reading.signal);
    isRead = fault === undefined && !reading.signal.aborted;
    return fault;
  };
  let producing = read();
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
  const owners = new Set<unknown>();

  try {
    for (;;) {
      if (refused !== undefined) throw refused.error;
      if (signal.aborted) await store.changeRun(runId, { state: "interrupted" }, ACTIVE_STATES);
      owners.add(presence.owner());
      const wasRead = isRead;
      const seen = await finisher.step();
      if (seen.run === undefined)
        throw new TraceloadError("run_not_found", `run ${runId} was removed meanwhile`);
      run = seen.run;
      onProgress(run, finisher.waitingMs());
      if (run.owner !== presence.owner() && ACTIVE_STATES.includes(run.state)) {
        // Our own lease may have been lost; a living owner that was never us has taken the run up.
        if (run.ownerAlive && !owners.has(run.owner)) throw takenUp(runId);
        await store.changeRun(runId, { owner: presence.owner() }, ACTIVE_STATES);
      }
      if (request.detach && run.sourceComplete && RUNNING_STATES.includes(run.state)) {
        await handOver(parts, runId);
        break;
      }
      if (wasRead && run.state === "reading" && !run.sourceComplete && !reading.signal.aborted) {
        // A store that was restarted has forgotten it, and with it the last rows: those that it holds stay as they are.
        isRead = false;
        producing = read();
        producing.catch(noteRefusal);
      }
      if (!ACTIVE_STATES.includes(run.state)) beginStop();
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
    await finisher.close();
    await queue.close();
  }
  return { run: (await store.getRun(runId)) ?? run, fault: await producing };
}

type ReadRequest = Parameters<typeof conductRun>[1] & { sources: OpenedSources };

/** What goes wrong with a source is written into the run, and answered. */
async function readAll(
  parts: ImportParts,
  request: ReadRequest,
  queue: RunQueue,
  signal: AbortSignal,
): Promise<TraceloadError | undefined> {
  const { store, clock, onFault } = parts;
  const { runId, origin } = request.run;
  const { sources, highWaterRows, carriedOn } = request;
  const held = carriedOn === undefined ? {} : { held: carriedOn.held };
  try {
    if (carriedOn !== undefined) await feedHeld(parts, request, queue, signal);
    const options = { store, queue, clock, runId, origin, sources, highWaterRows, onFault, ...held };
    const forced = isForced(parseRunOptions(runId, request.run.options));
    for (let reading = 1; ; reading += 1) {
      const rows = await (forced
        ? produceForced(options, { store, run: request.run, by: parts.person }, signal)
        : produce(options, signal));
      const missing = await missingRows(store, request, rows);
      if (missing === 0) break;
      if (reading === MAX_READINGS) {
        throw new TraceloadError("bug", `${rows} rows were read, and the store lacks ${missing} of them`);
      }
    }
    // Some of it is known only when all was read: that it was one page of several.
    const warnings = sources.seen().flatMap((plan) => plan.warnings);
    for (const warning of warnings) await store.changeRun(runId, { warning });
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

/** Rows that the run holds and that were not sent come first: they are the first of the source. */
async function feedHeld(
  { store, clock, onFault }: ImportParts,
  { run, highWaterRows }: ReadRequest,
  queue: RunQueue,
  signal: AbortSignal,
): Promise<void> {
  const generation = clock.wallMs() % 1_000_000;
  const feed = startFeed({ store, queue, run, generation, highWaterRows });
  for (;;) {
    signal.throwIfAborted();
    try {
      if (await feed.fillUp()) return;
    } catch (error) {
      onFault(error);
    }
    await clock.sleep(FEED_MS, signal);
  }
}

/**
 * How many of the rows that were read the store lacks: a run with fewer must not call itself complete. A store that was
 * restarted may have forgotten the last ones it acknowledged; they come again when the sources are read once more.
 */
async function missingRows(store: Store, request: ReadRequest, read: number): Promise<number> {
  const { runId } = request.run;
  const run = await store.getRun(runId);
  if (run === undefined) return 0;
  const stored = rowsRead(run.counts);
  if (stored === read || request.carriedOn === undefined) return read - stored;
  const names = run.sources.join(", ");
  throw new TraceloadError(
    "source_changed",
    `${names}: ${read} rows now, but run ${runId} had read ${stored}`,
  );
}

async function handOver({ store, queues, onFault }: ImportParts, runId: string): Promise<void> {
  await store.changeRun(runId, { owner: null }, RUNNING_STATES);
  // The queue fails fast while its server is away. Workers ask for the end of runs that nobody owns themselves.
  await queues.requestFinish(runId).catch(onFault);
}

function takenUp(runId: string): TraceloadError {
  return new TraceloadError("run_state", `run ${runId} was taken up by another process meanwhile`, {
    next: `traceload status ${runId}`,
  });
}

async function waitOrAbort(clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  try {
    await clock.sleep(STEP_MS, signal);
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}
