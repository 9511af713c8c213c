/** What a new run remembers: where its rows come from, where they go, and how they are sent. */
import { randomInt } from "node:crypto";
import { hostname } from "node:os";
import path from "node:path";
import type { LoadedSettings } from "../../config/load.ts";
import type { Settings } from "../../config/settings.ts";
import type { ImportRequest } from "../app/import-run.ts";
import { identityOf, readingOf, type RerunSelection } from "../app/reading-options.ts";
import { newRunId, parseRunOptions, runFingerprint, type RunOptions } from "../app/run-options.ts";
import { systemClock } from "../core/clock.ts";
import type { OpenedSources, SourceOptions } from "../core/source.ts";
import type { Run } from "../core/store.ts";
import { givenOptions } from "./carry-on.ts";
import { copyFile, spoolFile } from "./state-directory.ts";
import type { Target } from "./target.ts";

/** What a run is called that is named by nobody. */
export function runIdOf(settings: Settings): string {
  return settings.runId ?? newRunId(systemClock.wallMs(), () => randomInt(0x10000) / 0x10000);
}

/** What of a target a run remembers. */
export type Address = Pick<Target, "origin" | "limiter" | "ratePerSecond" | "rateSearch">;

/** What an import of these sources remembers. */
export function newRun(
  settings: Settings,
  target: Address,
  {
    runId,
    sources,
    reading = sourceOptions(settings),
  }: { runId: string; sources: OpenedSources; reading?: SourceOptions },
): ImportRequest["run"] {
  // A run that was not forced must not go on as if it had been, nor the other way round.
  const forced = settings.force ? { force: true } : {};
  const addresses = sources.addresses ?? new Map<number, string>();
  const places = sources.names.map(
    (name, index) => addresses.get(index) ?? (name === "-" ? spoolFile(settings, runId) : path.resolve(name)),
  );
  const copies = Object.fromEntries(
    [...addresses.keys()].map((index) => [index, path.resolve(copyFile(settings, runId, index))]),
  );
  const options: RunOptions = {
    ...sendingOptions(settings, target),
    sourceFacts: sources.facts.map((facts) => ({ ...facts })),
    reading: readingOf(hostname(), places, reading, copies),
  };
  return {
    runId,
    fingerprint: runFingerprint({
      origin: target.origin,
      sources: sources.facts,
      mapping: { ...identityOf(reading), ...forced },
    }),
    origin: target.origin,
    sources: sources.names,
    options,
  };
}

/** What a new run of an earlier one's rows remembers: the earlier one's options, but for what is given anew. */
export function newRerun(
  loaded: LoadedSettings,
  target: Target,
  { runId, parent, selection }: { runId: string; parent: Run; selection: RerunSelection },
): ImportRequest["run"] {
  const { reading: _reading, ...kept } = parseRunOptions(parent.runId, parent.options);
  const options: RunOptions = {
    ...kept,
    ...givenOptions(loaded, target),
    limiter: target.limiter,
    sourceFacts: [],
    rerun: selection,
  };
  const fingerprint = runFingerprint({
    origin: target.origin,
    sources: [],
    mapping: { rerun: selection, parent: parent.runId },
  });
  const { sources } = parent;
  return { runId, fingerprint, origin: target.origin, sources, options, parent: parent.runId };
}

/** How a run sends, verifies and publishes; without where its rows come from. */
export function sendingOptions(settings: Settings, target: Address): Omit<RunOptions, "sourceFacts"> {
  const { maxErrors } = settings;
  return {
    ...(target.ratePerSecond === undefined ? {} : { ratePerSecond: target.ratePerSecond }),
    rateSearch: target.rateSearch,
    timeoutMs: settings.timeout,
    horizonMs: settings.horizon,
    sendWindowMs: settings.sendWindow,
    maxAttempts: settings.maxAttempts,
    retryBaseMs: settings.retryBase,
    retryCapMs: settings.retryCap,
    graceMs: settings.grace,
    onUnknown: settings.onUnknown,
    onDraftChange: settings.onDraftChange,
    publish: settings.publish,
    publishWaitMs: settings.publishWait,
    force: settings.force,
    ...(maxErrors === undefined ? {} : { maxErrors }),
    limiter: target.limiter,
  };
}

/** How these settings have records read. */
export function sourceOptions(settings: Settings): SourceOptions {
  const { format, traceColumn, spanColumn, groupColumn, unit, rootOnly, padIds, skip, limit } = settings;
  const { datasetGroup: datasetGroupId, map, where } = settings;
  return {
    format,
    traceColumn,
    spanColumn,
    groupColumn,
    map,
    where,
    unit,
    rootOnly,
    padIds,
    datasetGroupId,
    skip,
    limit,
  };
}
