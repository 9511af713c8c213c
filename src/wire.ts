/** The composition root: from settings to live parts, and back in reverse order. */
import { randomInt } from "node:crypto";
import path from "node:path";
import { makeFinishRun } from "../jobs/finish-run.ts";
import { keyFingerprint, readApiKey, readProxy } from "../config/credentials.ts";
import type { Environment, LoadedSettings } from "../config/load.ts";
import type { Settings } from "../config/settings.ts";
import { importRun, type ImportRequest } from "./app/import-run.ts";
import { makeGroupLocks } from "./app/group-locks.ts";
import { preflight } from "./app/preflight.ts";
import { interruptOrphans } from "./app/orphans.ts";
import { openPresence, sweepUpTheDead } from "./app/presence.ts";
import { thisProcess } from "./app/process-identity.ts";
import { removeOldRuns } from "./app/retention.ts";
import { limiterName, newRunId, runFingerprint, type RunOptions } from "./app/run-options.ts";
import { serveRuns, type ServeParts } from "./app/serve-runs.ts";
import type { Api } from "./core/api.ts";
import { systemClock } from "./core/clock.ts";
import type { Outcome } from "./core/outcome.ts";
import type { OpenedSources, SourceOptions } from "./core/source.ts";
import type { Run, Store } from "./core/store.ts";
import { createApi } from "./promptlayer/api-client.ts";
import { openQueues } from "./queue/bullmq-queues.ts";
import { startSandbox, type Sandbox } from "./sandbox/server.ts";
import { makeRunVerifier } from "./wire/run-verifier.ts";
import { startRunWorker, type ObservedRunWorker } from "./wire/run-worker.ts";
import { readSnapshot, type Snapshot, writeSnapshots } from "./wire/snapshot.ts";
import { openStoreConnection, parseStoreUrl, storeExists } from "./wire/store-connection.ts";
import { targetOrigin } from "./wire/origin.ts";
import { proxyFor } from "./wire/proxy.ts";
import { packageVersion } from "./wire/version.ts";

/** Where rows are sent: the API, and the names that its rows and its limit go by. */
export interface Target {
  api: Api;
  baseUrl: string;
  /** Part of every row's key. */
  origin: string;
  /** Name of the limit that all senders with this key share. */
  limiter: string;
  sandbox: Sandbox | undefined;
  ratePerSecond: number | undefined;
  close(): Promise<void>;
}

/** Starts the sandbox if that is what was asked for. Throws `key_missing` or `config_invalid`. */
export async function openTarget(
  { settings, origins }: LoadedSettings,
  environment: Environment,
): Promise<Target> {
  const sandbox = settings.sandbox ? await startSandbox({ recordFile: sandboxRecord(settings) }) : undefined;
  const baseUrl = sandbox?.url ?? settings.baseUrl;
  const apiKey = sandbox === undefined ? readApiKey(environment) : "sandbox";
  const api = createApi({
    baseUrl,
    apiKey,
    connections: settings.concurrency,
    proxy: sandbox === undefined ? proxyFor(baseUrl, readProxy(environment)) : undefined,
    userAgent: `traceload/${packageVersion()}`,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    readTimeoutMs: Math.min(settings.timeout, 30_000),
  });
  const origin = targetOrigin(settings);
  const unlimited = sandbox !== undefined && origins.rate === "default";
  return {
    api,
    baseUrl,
    origin,
    limiter: limiterName(origin, keyFingerprint(apiKey)),
    sandbox,
    ratePerSecond: unlimited ? undefined : settings.rate.perSecond,
    close: async () => {
      await api.close();
      await sandbox?.close();
    },
  };
}

/** A wrong address should cost a second or two; a slow handshake is only tried again. */
const CONNECT_TIMEOUT_MS = 2_500;

function sandboxRecord(settings: Settings): string {
  if (settings.sandboxRecord !== undefined) return settings.sandboxRecord;
  const address = parseStoreUrl(settings.store);
  const directory = address.kind === "embedded" ? address.directory : path.resolve(".traceload");
  return path.join(directory, "sandbox-record.ndjson");
}

/** A store with its queue, and this process's place in it. */
export interface Workplace {
  store: Store;
  /** Ends runs whose importer died: all in an embedded store, those of the same rows in a shared one. */
  interruptOrphans(fingerprint: string, signal: AbortSignal): Promise<Run[]>;
  /** Forgets runs that are older than the settings keep them. */
  removeOldRuns(): Promise<number>;
  importRun(
    request: ImportRequest,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): ReturnType<typeof importRun>;
  serve(options: Pick<ServeParts, "onChange"> & { concurrency: number }, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface Progress {
  run: Run;
  /** undefined: no limit. */
  limitPerSecond: number | undefined;
  /** How long everybody was asked to wait, from now. */
  pausedMs: number;
  /** Requests of this process that are under way. */
  inFlight: number;
  openingDraft: boolean;
  /** How long until the server is asked again about rows that may still arrive. */
  waitingMs: number | undefined;
  /** Requests of this process so far, by what became of them. */
  outcomes: Readonly<Record<Outcome["kind"], number>>;
}

/** Opens only the store: for looking at runs and writing reports. */
export async function openStore(settings: Settings, onFault: (error: unknown) => void) {
  return openStoreConnection(parseStoreUrl(settings.store), onFault);
}

export async function openWorkplace(
  settings: Settings,
  target: Target,
  onFault: (error: unknown) => void,
): Promise<Workplace> {
  const connection = await openStore(settings, onFault);
  const { store } = connection;
  const clock = systemClock;
  const presence = await openPresence({
    store,
    clock,
    holder: thisProcess(),
    leaseTtlMs: settings.leaseTtl,
    sweepIntervalMs: settings.sweepInterval,
    onFault,
  });
  // Requests that were lost with their process must be known as such before the first row is looked up.
  await presence.sweep();
  const address = parseStoreUrl(settings.store);
  const snapshots =
    address.kind === "embedded"
      ? writeSnapshots({ store, directory: address.directory, clock, onFault })
      : undefined;
  const queues = openQueues({ connection: connection.queue, onFault });
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
  const makeVerifier = (run: Run) => makeRunVerifier({ store, api: target.api, presence, locks, clock }, run);
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

  return {
    store,
    removeOldRuns: () => removeOldRuns(store, settings.retention),
    interruptOrphans: (fingerprint, signal) =>
      interruptOrphans(
        { store, queues, clock, onFault },
        // An embedded store has one process: whatever else is running there, is not.
        (run) => address.kind === "embedded" || run.fingerprint === fingerprint,
        signal,
      ),
    importRun: (request, signal, onProgress) =>
      importRun(
        { store, queues, presence, clock, startRunWorker: startWorker, makeVerifier, onFault },
        request,
        signal,
        (run, waitingMs) => {
          const activity = workers.get(run.runId)?.activity;
          onProgress({
            run,
            limitPerSecond: activity?.gate.inForce() ?? target.ratePerSecond,
            pausedMs: activity?.gate.pausedMs() ?? 0,
            inFlight: activity?.inFlight() ?? 0,
            openingDraft: activity?.openingDraft() ?? false,
            waitingMs,
            outcomes: outcomesOf(run.runId),
          });
        },
      ),
    serve: ({ onChange }, signal) =>
      serveRuns(
        {
          store,
          queues,
          clock,
          startRunWorker: startWorker,
          makeVerifier,
          startControlWorker: (finishStep) =>
            queues.workOnControl(
              { finishRun: makeFinishRun({ finishStep }) },
              { concurrency: 10, lockMs: settings.lockTime, stalledCheckMs: settings.stalledCheck },
            ),
          origin: target.origin,
          limiter: target.limiter,
          leaseTtlMs: settings.leaseTtl,
          onFault,
          onChange,
        },
        signal,
      ),
    close: async () => {
      await queues.close();
      await presence.close();
      await snapshots?.close();
      await connection.close();
    },
  };
}

/** Opens the store for looking into only; undefined where there is none yet, since looking must not create one. */
export async function openStoreIfThere(settings: Settings, onFault: (error: unknown) => void) {
  const address = parseStoreUrl(settings.store);
  if (!storeExists(address)) return undefined;
  const connection = await openStoreConnection(address, onFault);
  try {
    await sweepUpTheDead(connection.store, thisProcess());
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** What the owner of an embedded store last told of it; undefined for other stores, and where nothing was told. */
export async function storeSnapshot(settings: Settings): Promise<Snapshot | undefined> {
  const address = parseStoreUrl(settings.store);
  return address.kind === "embedded" ? readSnapshot(address.directory) : undefined;
}

/** What an import of these sources is called, and remembers. */
export function newRun(settings: Settings, target: Target, sources: OpenedSources): ImportRequest["run"] {
  const { format, traceColumn, spanColumn, groupColumn, unit, datasetGroup, skip, limit, maxErrors } =
    settings;
  const options: RunOptions = {
    ...(target.ratePerSecond === undefined ? {} : { ratePerSecond: target.ratePerSecond }),
    timeoutMs: settings.timeout,
    horizonMs: settings.horizon,
    sendWindowMs: settings.sendWindow,
    maxAttempts: settings.maxAttempts,
    retryBaseMs: settings.retryBase,
    retryCapMs: settings.retryCap,
    graceMs: settings.grace,
    onUnknown: settings.onUnknown,
    onDraftChange: settings.onDraftChange,
    ...(maxErrors === undefined
      ? {}
      : { maxErrors: JSON.parse(JSON.stringify(maxErrors)) as RunOptions["maxErrors"] }),
    limiter: target.limiter,
    sourceFacts: sources.facts.map((facts) => ({ ...facts })),
  };
  return {
    runId: settings.runId ?? newRunId(systemClock.wallMs(), () => randomInt(0x10000) / 0x10000),
    fingerprint: runFingerprint({
      origin: target.origin,
      sources: sources.facts,
      mapping: { format, traceColumn, spanColumn, groupColumn, unit, datasetGroup, skip, limit },
    }),
    origin: target.origin,
    sources: sources.names,
    options,
  };
}

export function sourceOptions(settings: Settings): SourceOptions {
  const { format, traceColumn, spanColumn, groupColumn, unit, datasetGroup, skip, limit } = settings;
  return { format, traceColumn, spanColumn, groupColumn, unit, datasetGroupId: datasetGroup, skip, limit };
}

/** One GET: are address, key and group good? Throws what is wrong; answers warnings. */
export function checkTarget(
  target: Target,
  datasetGroupId: number | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  const { api, baseUrl } = target;
  return preflight({ api, clock: systemClock, baseUrl, datasetGroupId }, signal);
}

export { dryRun } from "./app/dry-run.ts";
export { systemClock } from "./core/clock.ts";
export { openSources } from "./sources/open.ts";
export { startSandbox } from "./sandbox/server.ts";
export { parseSandboxFlags, type SandboxFlags } from "./sandbox/settings.ts";
export { packageVersion } from "./wire/version.ts";
