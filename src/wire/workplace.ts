/** Opens a store with its queue, puts the use cases' parts together on it, and closes everything in reverse order. */
import { makeFinishRun } from "../../jobs/finish-run.ts";
import { makeSyncTick } from "../../jobs/sync-tick.ts";
import type { Settings } from "../../config/settings.ts";
import {
  conductRun,
  importRun,
  type ImportRequest,
  type RunEnd,
  type WorkRequest,
} from "../app/import-run.ts";
import { makeGroupLocks } from "../app/group-locks.ts";
import { interruptOrphans } from "../app/orphans.ts";
import { openPresence } from "../app/presence.ts";
import { thisPerson, thisProcess } from "../app/process-identity.ts";
import type { PublishPolicy } from "../app/publish/policy.ts";
import { findPublishable, publishRun } from "../app/publish/run.ts";
import { removeOldRuns } from "../app/retention.ts";
import { rowsOfRun } from "../app/rerun.ts";
import { takeUpRun } from "../app/resume.ts";
import type { RunOptions } from "../app/run-options.ts";
import { findVerifiable, verifyRun } from "../app/verify/run.ts";
import { readStoreTime } from "../app/store-time.ts";
import { serveRuns, type ServeParts } from "../app/serve-runs.ts";
import { systemClock } from "../core/clock.ts";
import type { Outcome } from "../core/outcome.ts";
import type { PaceView } from "../core/pace.ts";
import { ACTIVE_STATES } from "../core/status.ts";
import type { Run, Store } from "../core/store.ts";
import { openQueues } from "../queue/bullmq-queues.ts";
import { CHANGED_WARNING, heldRows, type HeldSources } from "./carry-on.ts";
import { makeOpened, type Opened } from "./opened.ts";
import { makeRunPublisher, makeRunVerifier } from "./run-verifier.ts";
import { startRunWorker, type ObservedRunWorker } from "./run-worker.ts";
import type { RowsOfRun } from "./rerun.ts";
import { writeSnapshots } from "./snapshot.ts";
import { parseStoreUrl } from "./store-connection.ts";
import { openStore } from "./stores.ts";
import { sendingOptions, sourceOptions } from "./new-run.ts";
import type { Target } from "./target.ts";
import { forgetSpool } from "./state-directory.ts";
import { makeSyncDesk, type SyncDesk, type SyncDeskParts } from "./syncs.ts";

/** A store with its queue, and this process's place in it. */
export interface Workplace {
  store: Store;
  /** Ends runs whose importer died, but for one: all in an embedded store, those of the same rows in a shared one. */
  interruptOrphans(fingerprint: string, except: string | undefined, signal: AbortSignal): Promise<Run[]>;
  /** Forgets runs that are older than the settings keep them. */
  removeOldRuns(): Promise<number>;
  importRun(
    request: ImportRequest,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<RunEnd>;
  /** Takes a run up and conducts it to its end. */
  carryOn(
    request: CarryOnRequest,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<RunEnd>;
  /** The run to ask about; without an id the newest with unknown rows. Those whose importer died are wound down first. */
  findVerifiable(wanted: string | undefined, signal: AbortSignal): Promise<Run>;
  /** Settles the unknown rows of a run at rest by asking the server. */
  verify(
    request: { run: Run; wait: boolean },
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Run>;
  /** The finished run whose drafts are to be published; `latest`: the newest. */
  findPublishable(wanted: string): Promise<Run>;
  /** Publishes the drafts of a finished run, after a look at what they hold now. */
  publish(
    request: { run: Run; policy: PublishPolicy; waitMs: number },
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Run>;
  /** The selected rows of a run, as the sources of another one. */
  rowsOfRun: RowsOfRun;
  /** `syncs`: runs those of this API, too. */
  serve(
    options: Pick<ServeParts, "onChange"> & { concurrency: number; syncs?: SyncDesk },
    signal: AbortSignal,
  ): Promise<void>;
  /** What runs syncs here; their secrets come from this environment. */
  syncDesk(
    options: Pick<SyncDeskParts, "environment" | "onChange" | "onEnded">,
    onProgress: (progress: Progress) => void,
  ): SyncDesk;
  close(): Promise<void>;
}

export interface CarryOnRequest extends Omit<WorkRequest, "sources"> {
  run: Run;
  /** Undefined: the store holds all of its rows. */
  sources: HeldSources | undefined;
  /** Options that hold for this process instead of the run's own. */
  options: Partial<RunOptions>;
}

export interface Progress {
  run: Run;
  /** undefined: no limit. */
  limitPerSecond: number | undefined;
  /** How long everybody was asked to wait, from now. */
  pausedMs: number;
  /** How long the store still waits to be told again what it may have forgotten. */
  recoveringMs: number;
  /** The shared pace, while it is not the limits alone that hold. */
  pace: PaceView | undefined;
  /** Requests of this process that are under way. */
  inFlight: number;
  openingDraft: boolean;
  /** How long until the server is asked again about rows that may still arrive. */
  waitingMs: number | undefined;
  /** Requests of this process so far, by what became of them. */
  outcomes: Readonly<Record<Outcome["kind"], number>>;
}

/** Rejects with what could not be opened, when everything that was is closed again. */
export async function openWorkplace(
  settings: Settings,
  target: Target,
  onFault: (error: unknown) => void,
): Promise<Workplace> {
  const opened = makeOpened();
  try {
    return await openParts(opened, { settings, target, onFault });
  } catch (error) {
    await opened.close().catch(onFault);
    throw error;
  }
}

interface WorkplaceParts {
  settings: Settings;
  target: Target;
  onFault: (error: unknown) => void;
}

async function openParts(opened: Opened, { settings, target, onFault }: WorkplaceParts): Promise<Workplace> {
  const connection = opened.add(await openStore(settings, onFault));
  const { store } = connection;
  const clock = systemClock;
  const presence = opened.add(
    await openPresence({
      store,
      clock,
      holder: thisProcess(),
      leaseTtlMs: settings.leaseTtl,
      sweepIntervalMs: settings.sweepInterval,
      onFault,
    }),
  );
  // Requests that were lost with their process must be known as such before the first row is looked up.
  await presence.sweep();
  const address = parseStoreUrl(settings.store);
  if (address.kind === "embedded") {
    opened.add(writeSnapshots({ store, directory: address.directory, clock, onFault }));
  }
  const nowMs = await readStoreTime(store, clock);
  const queues = opened.add(openQueues({ connection: connection.queue, onFault, nowMs }));
  const outcomes = new Map<string, Record<Outcome["kind"], number>>();
  const outcomesOf = (runId: string) => {
    const known = outcomes.get(runId) ?? {
      added: 0,
      rejected: 0,
      "not-sent": 0,
      refused: 0,
      unknown: 0,
      halt: 0,
    };
    outcomes.set(runId, known);
    return known;
  };
  const workers = new Map<string, ObservedRunWorker>();
  const locks = makeGroupLocks({ store, clock, owner: () => presence.owner() });
  const asking = { store, api: target.api, presence, locks, clock, onFault };
  const makeVerifier = (run: Run) => makeRunVerifier(asking, run);
  const makePublisher = (run: Run) => makeRunPublisher(asking, run);
  const startWorker = async (run: Run) => {
    const lock = { lockMs: settings.lockTime, stalledCheckMs: settings.stalledCheck };
    const { concurrency } = settings;
    const onOutcome = (runId: string, { kind }: Outcome) => (outcomesOf(runId)[kind] += 1);
    const parts = {
      store,
      queues,
      api: target.api,
      presence,
      locks,
      clock,
      concurrency,
      lock,
      onOutcome,
      onFault,
    };
    const worker = await startRunWorker(parts, run);
    workers.set(run.runId, worker);
    return worker;
  };
  const parts = {
    store,
    queues,
    presence,
    clock,
    startRunWorker: startWorker,
    makeVerifier,
    makePublisher,
    person: thisPerson(),
    onFault,
  };
  const telling = (onProgress: (progress: Progress) => void) => (run: Run, waitingMs?: number) => {
    const activity = workers.get(run.runId)?.activity;
    onProgress({
      run,
      limitPerSecond: activity?.gate.inForce() ?? target.ratePerSecond,
      pausedMs: activity?.gate.pausedMs() ?? 0,
      recoveringMs: activity?.recoveringMs() ?? 0,
      pace: activity?.pacer.view(),
      inFlight: activity?.inFlight() ?? 0,
      openingDraft: activity?.openingDraft() ?? false,
      waitingMs,
      outcomes: outcomesOf(run.runId),
    });
  };
  const endOf = async (end: RunEnd): Promise<RunEnd> => {
    if (end.run.state === "finished") await forgetSpool(settings, end.run.runId).catch(onFault);
    return end;
  };

  return {
    store,
    removeOldRuns: () => removeOldRuns(store, settings.retention, (runId) => forgetSpool(settings, runId)),
    interruptOrphans: (fingerprint, except, signal) =>
      interruptOrphans(
        { store, queues, clock, onFault },
        // An embedded store has one process: whatever else is running there, is not.
        (run) => run.runId !== except && (address.kind === "embedded" || run.fingerprint === fingerprint),
        signal,
      ),
    importRun: async (request, signal, onProgress) =>
      endOf(await importRun(parts, request, signal, telling(onProgress))),
    carryOn: async ({ run: found, sources, options, ...request }, signal, onProgress) => {
      const taken = await takeUpRun({ store, queues, clock, presence, onFault }, found.runId, signal);
      if (sources?.changed === true) await store.changeRun(taken.runId, { warning: CHANGED_WARNING });
      const run = { ...taken, options: { ...taken.options, ...options, limiter: target.limiter } };
      const carriedOn = { counts: taken.counts, held: heldRows(store, taken, sources) };
      const work = { ...request, run, carriedOn, sources: sources?.opened };
      const end = await endOf(await conductRun(parts, work, signal, telling(onProgress)));
      return { ...end, run: { ...end.run, options: run.options } };
    },
    findVerifiable: async (wanted, signal) => {
      const found = await findVerifiable(store, wanted);
      if (!ACTIVE_STATES.includes(found.state)) return found;
      await interruptOrphans({ store, queues, clock, onFault }, ({ runId }) => runId === found.runId, signal);
      return findVerifiable(store, found.runId);
    },
    verify: (request, signal, onProgress) => {
      const verifier = makeRunVerifier(
        asking,
        request.run,
        // Who asks for it wants an answer, whatever the run was started with.
        { onUnknown: "verify" },
      );
      return verifyRun({ store, clock, verifier }, request, signal, telling(onProgress));
    },
    findPublishable: (wanted) => findPublishable(store, wanted),
    publish: ({ run, policy, waitMs }, signal, onProgress) => {
      const seen = { ...run, options: { ...run.options, publishWaitMs: waitMs } };
      const verifier = makeRunVerifier(asking, seen, { onUnknown: "hold" });
      const publisher = makeRunPublisher(asking, seen, policy);
      return publishRun({ store, clock, verifier, publisher }, run, signal, telling(onProgress));
    },
    rowsOfRun: (request, onWait) => rowsOfRun({ store, clock, locks, onWait }, request),
    syncDesk: (options, onProgress) =>
      makeSyncDesk({
        ...parts,
        ...options,
        settings,
        nowMs,
        target,
        optionsOf: (own, { hasRate }) => {
          // The sandbox has no limit but one that is asked for.
          const ratePerSecond = hasRate || target.sandbox === undefined ? own.rate.perSecond : undefined;
          const address = { ...target, ratePerSecond, rateSearch: own.rate.search };
          return { ...sendingOptions(own, address), sourceFacts: [] };
        },
        sourceOptions,
        onProgress: telling(onProgress),
      }),
    serve: async ({ onChange, syncs }, signal) => {
      const server = syncs?.serve(signal);
      const serving = serveRuns(
        {
          store,
          queues,
          clock,
          startRunWorker: startWorker,
          makeVerifier,
          makePublisher,
          startControlWorker: (finishStep) =>
            queues.workOnControl(
              {
                finishRun: makeFinishRun({ finishStep }),
                ...(server === undefined ? {} : { syncTick: makeSyncTick(server) }),
              },
              { concurrency: 10, lockMs: settings.lockTime, stalledCheckMs: settings.stalledCheck },
            ),
          origin: target.origin,
          limiter: target.limiter,
          leaseTtlMs: settings.leaseTtl,
          onFault,
          onChange,
          isConducted: (runId) => syncs?.conducts(runId) === true,
        },
        signal,
      );
      await Promise.all([serving, server?.ended]);
    },
    close: () => opened.close(),
  };
}
