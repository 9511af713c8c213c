/** Puts together what runs syncs: their definitions read, their sources opened, their runs conducted like an import's. */
import path from "node:path";
import { stdin } from "node:process";
import type { Environment } from "../../config/load.ts";
import { resolveAll } from "../../config/references.ts";
import type { Settings } from "../../config/settings.ts";
import { readStoredSync } from "../../config/sync-file.ts";
import { settingsOfSync, type ParsedSync } from "../../config/sync-schema.ts";
import { heldByContent } from "../app/held-rows.ts";
import { conductRun, importRun, type ImportParts, type ImportRequest } from "../app/import-run.ts";
import { windDown } from "../app/orphans.ts";
import type { Presence } from "../app/presence.ts";
import { takeUpRun } from "../app/resume.ts";
import { newRunId, runFingerprint, type RunOptions } from "../app/run-options.ts";
import { accountDue } from "../app/syncs/account.ts";
import { openManualTick, syncNotFound, syncRunning, type NamedWindow } from "../app/syncs/control.ts";
import {
  driveSync,
  type DriveEnd,
  type DriveParts,
  type OpenedSync,
  type Window,
} from "../app/syncs/drive.ts";
import { serveSyncs, type SyncServer } from "../app/syncs/serve.ts";
import type { FileMark } from "../app/syncs/state.ts";
import type { SettledTick } from "../app/syncs/settle.ts";
import { TraceloadError } from "../core/errors.ts";
import type { OpenedSources, SourceOptions } from "../core/source.ts";
import type { Run } from "../core/store.ts";
import type { StoredSync } from "../core/syncs.ts";
import { markFiles } from "../sources/content-marks.ts";
import { openSources } from "../sources/open.ts";
import { importOptions, remoteParts } from "./remote-sources.ts";
import { copyFile, forgetSpool } from "./state-directory.ts";
import { noticesInWords, tellOfTick } from "./sync-notices.ts";
import { makeTokenMint } from "./token-mint.ts";

export interface SyncDeskParts extends ImportParts {
  presence: Presence;
  settings: Settings;
  environment: Environment;
  /** The store's time. */
  nowMs: () => number;
  target: { origin: string; limiter: string };
  /** What a run of these settings remembers. `hasRate`: the sync says which. */
  optionsOf(settings: Settings, given: { hasRate: boolean }): RunOptions;
  sourceOptions(settings: Settings): SourceOptions;
  onProgress: (run: Run, waitingMs?: number) => void;
  onChange: DriveParts["onChange"];
  /** What else is done with a run that has ended; what it throws ends nothing. */
  onEnded?: ((run: Run) => Promise<void>) | undefined;
}

export interface SyncDesk {
  /** Serves the syncs of this API until the signal aborts. */
  serve(signal: AbortSignal): SyncServer;
  /**
   * Runs the sync in this process, now; a tick that is open already is run instead. Answers the tick. Throws
   * `sync_not_found`, and `sync_running` while another process runs it, or a sync of the same dataset group.
   */
  runNow(name: string, window: NamedWindow, signal: AbortSignal): Promise<SettledTick>;
  /** Whether this process conducts the run as a sync's. */
  conducts(runId: string): boolean;
}

export function makeSyncDesk(parts: SyncDeskParts): SyncDesk {
  const { store, queues, clock, presence, target, onFault } = parts;
  const nowMs = () => Math.floor(parts.nowMs());
  const conducted = new Set<string>();
  const policyOf = (sync: StoredSync) => readStoredSync(sync.name, sync.text).policy;
  const driveParts = (endsWithSignal: boolean): DriveParts => ({
    store,
    clock,
    nowMs,
    owner: () => presence.owner(),
    mintToken: makeTokenMint(),
    policyOf,
    newRunId: (name) => `${name.slice(0, 32)}-${newRunId(nowMs(), Math.random)}`,
    open: ({ sync, runId, window, known }, signal) =>
      openSync(parts, { sync: resolved(parts, sync), runId }, { window, known }, signal),
    conduct: async (request, signal) => {
      conducted.add(request.runId);
      try {
        return await conductSync(parts, request, signal);
      } finally {
        conducted.delete(request.runId);
        if (!signal.aborted) await forgetSpool(parts.settings, request.runId).catch(onFault);
      }
    },
    windDown: (runId, signal) => windDown({ store, queues, clock, onFault }, runId, signal),
    afterRun: async (ended, stopped) => {
      const { runId } = ended.record;
      const run = runId === undefined ? undefined : await store.getRun(runId);
      if (run !== undefined) await parts.onEnded?.(run).catch(onFault);
      const done = await tellOfTick({ store, environment: parts.environment }, ended, stopped);
      for (const became of done === undefined ? [] : noticesInWords(done)) {
        parts.onChange({ sync: ended.sync.name, tick: ended.id, runId: undefined, became });
      }
      return done;
    },
    endsWithSignal,
    onChange: parts.onChange,
  });
  const drive = (name: string, endsWithSignal: boolean, signal: AbortSignal): Promise<DriveEnd> =>
    driveSync(driveParts(endsWithSignal), name, signal);
  const account = { store, nowMs, policyOf };

  return {
    conducts: (runId) => conducted.has(runId),
    serve: (signal) =>
      serveSyncs(
        {
          ...account,
          clock,
          queues,
          origin: target.origin,
          onFault,
          drive: (name) => drive(name, false, signal),
        },
        signal,
      ),
    runNow: async (name, window, signal) => {
      const sync = await accountDue(account, name);
      if (sync === undefined) throw syncNotFound(name);
      const { tick } = await openManualTick(account, name, window);
      const end = await drive(name, true, signal);
      switch (end.kind) {
        case "done": {
          const settled = end.ends.find(({ id }) => id === tick.id) ?? end.ends.at(-1);
          if (settled !== undefined) return settled;
          throw syncRunning(name, "another process has run it meanwhile");
        }
        case "busy":
          throw syncRunning(
            name,
            end.by === name ? "another process runs it" : `sync ${end.by} adds to its dataset group now`,
          );
        case "gone":
          throw syncNotFound(name);
        default:
          return end satisfies never;
      }
    },
  };
}

/**
 * With the environment's values, but for those that open doors: they are resolved where they are used. Throws
 * `config_invalid` when one is missing.
 */
function resolved({ environment }: SyncDeskParts, { name, text }: StoredSync): ParsedSync {
  const { from, header, notify } = text;
  const { value, missing } = resolveAll(
    { ...text, from: undefined, header: undefined, notify: undefined },
    environment,
  );
  const [first] = missing;
  if (first !== undefined) {
    throw new TraceloadError("config_invalid", `sync ${name}: ${first} is not set in this environment`, {
      next: `export ${first}=…   (for this process, and for every worker)`,
    });
  }
  return readStoredSync(name, { ...(value as StoredSync["text"]), ...defined({ from, header, notify }) });
}

async function openSync(
  parts: SyncDeskParts,
  { sync, runId }: { sync: ParsedSync; runId: string },
  { window, known }: { window: Window; known: readonly FileMark[] },
  signal: AbortSignal,
): Promise<OpenedSync> {
  const settings = settingsOfSync(sync, parts.settings);
  const options = parts.sourceOptions(settings);
  const { from } = sync.settings;
  if (from !== undefined) {
    const { sinceMs, untilMs, isNamed } = window;
    const since = timeOf(sinceMs ?? 0, { isNamed: isNamed && sinceMs !== undefined });
    const bounded = { ...settings, since, until: timeOf(untilMs, { isNamed }) };
    const asking = { inputs: [from], nowMs: window.untilMs };
    const reading = await importOptions(options, bounded, asking);
    const remote = remoteParts(parts.environment, (index) => copyFile(parts.settings, runId, index));
    return { sources: await openSources([from], reading, { stdin, remote }), files: undefined };
  }
  const { fresh, known: kept } = await markFiles(sync.files, known, signal);
  const names = fresh.map(({ name }) => relativeIfBelow(name));
  const sources = names.length === 0 ? NOTHING : await openSources(names, options, { stdin });
  return { sources, files: { reading: fresh, kept } };
}

/** A window of the sync's own is for queries that ask for one; one that a person named must be used. */
function timeOf(ms: number, { isNamed }: { isNamed: boolean }): NonNullable<Settings["since"]> {
  const at = new Date(ms).toISOString();
  return { text: isNamed ? at : "", kind: "instant", at };
}

const NOTHING: OpenedSources = {
  names: [],
  facts: [],
  async *rows() {},
  plan: async () => [],
  seen: () => [],
  readShare: () => undefined,
};

/** As a person would type it. */
function relativeIfBelow(name: string): string {
  const relative = path.relative("", name);
  return relative.startsWith("..") ? name : relative;
}

async function conductSync(
  parts: SyncDeskParts,
  { sync, runId, run, sources, graceMs }: Parameters<DriveParts["conduct"]>[0],
  signal: AbortSignal,
): Promise<Run> {
  const { settings, target, store, onProgress } = parts;
  const definition = resolved(parts, sync);
  const own = settingsOfSync(definition, settings);
  const hasRate = definition.settings.rate !== undefined;
  const { maxErrors } = own;
  const work = { detach: false, highWaterRows: settings.highWater, maxErrors };
  if (run === undefined) {
    const request: ImportRequest["run"] = {
      runId,
      // No import is to carry it on: its sources are the sync's own.
      fingerprint: runFingerprint({
        origin: target.origin,
        sources: [],
        mapping: { sync: sync.name, runId },
      }),
      origin: target.origin,
      sources: sources?.names ?? [],
      options: { ...parts.optionsOf(own, { hasRate }), graceMs, sync: sync.name },
    };
    return (await importRun(parts, { run: request, sources, warnings: [], ...work }, signal, onProgress)).run;
  }
  const taken = await takeUpRun(parts, runId, signal);
  const carriedOn = { counts: taken.counts, held: heldByContent(store, taken) };
  const options = { ...taken.options, limiter: target.limiter };
  const request = {
    ...work,
    run: { ...taken, options },
    carriedOn,
    sources: taken.sourceComplete ? undefined : sources,
  };
  return (await conductRun(parts, request, signal, onProgress)).run;
}

function defined<T extends Record<string, unknown>>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
