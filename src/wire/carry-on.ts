/** What carrying a run on needs beside the run: its sources once more, what it holds, and what is asked for anew. */
import { hostname } from "node:os";
import { stdin } from "node:process";
import type { Environment, LoadedSettings } from "../../config/load.ts";
import type { SettingName } from "../../config/settings.ts";
import { heldByContent, heldByNumber, heldByOwnNumber } from "../app/held-rows.ts";
import type { PublishWhen } from "../app/publish/policy.ts";
import type { HeldRows } from "../app/producer.ts";
import { factsDifference, reopenSources } from "../app/reopen.ts";
import { type OnDraftChange, type OnUnknown, parseRunOptions, type RunOptions } from "../app/run-options.ts";
import { findEarlier } from "../app/resume.ts";
import { TraceloadError } from "../core/errors.ts";
import type { OpenedSources } from "../core/source.ts";
import type { Run, Store } from "../core/store.ts";
import { openSources } from "../sources/open.ts";
import { openSpool } from "../sources/spool.ts";
import { remoteParts } from "./remote-sources.ts";
import type { RowsOfRun } from "./rerun.ts";
import { reopenSelection } from "./rerun.ts";

export const CHANGED_WARNING =
  "the source had changed when the run was carried on: from there on, rows were told apart by their IDs";

/** The sources of a run that holds some of their rows already. */
export interface HeldSources {
  opened: OpenedSources;
  /** Files: whether they have changed since. Rows of another run have numbers of their own. */
  changed: boolean;
  numbered: boolean;
}

export function heldRows(store: Store, run: Run, sources: HeldSources | undefined): HeldRows {
  if (sources?.numbered === true) return heldByOwnNumber(store, run);
  return sources?.changed === true ? heldByContent(store, run) : heldByNumber(store, run);
}

/**
 * The sources of a run that is to be carried on; undefined: all of their rows are in the store. Throws
 * `source_not_found` or `source_changed`.
 */
export async function sourcesOfRun(
  { store, rowsOfRun }: { store: Store; rowsOfRun: RowsOfRun },
  run: Run,
  { acceptChanged, environment }: { acceptChanged: boolean; environment: Environment },
): Promise<HeldSources | undefined> {
  if (run.sourceComplete) return undefined;
  const { rerun } = parseRunOptions(run.runId, run.options);
  if (rerun !== undefined) {
    const opened = rowsOfRun(await reopenSelection(store, run, rerun));
    return { opened, changed: false, numbered: true };
  }
  const parts = {
    host: hostname(),
    open: (
      inputs: string[],
      options: Parameters<typeof openSources>[1],
      copies: Readonly<Record<string, string>>,
    ) =>
      openSources(inputs, options, {
        stdin,
        remote: remoteParts(environment, (index) => copies[index] ?? ""),
      }),
    checkSpool: openSpool,
  };
  const { sources, changed } = await reopenSources(parts, run, acceptChanged);
  return { opened: sources, changed, numbered: false };
}

export interface EarlierRun {
  run: Run;
  sources: HeldSources | undefined;
  /** What is worth looking at before it is carried on: no server is asked for what the store holds. */
  toRead: OpenedSources | undefined;
}

/**
 * The earlier run that an import of these sources carries on, if there is one. `changed` is told of a run that is left
 * as it is, since its file was written anew meanwhile.
 */
export async function earlierRun(
  store: Store,
  wanted: { runId: string | undefined; fingerprint: string },
  sources: OpenedSources,
  options: {
    acceptChanged: boolean;
    changed: (run: Run, difference: string) => void;
    reopen: (copies: Readonly<Record<string, string>>) => Promise<OpenedSources>;
  },
): Promise<EarlierRun | undefined> {
  // Nothing tells one standard input, or pipe, from another.
  if (sources.facts.some(({ headHash }) => headHash === undefined)) return undefined;
  const run = await findEarlier(store, wanted.fingerprint);
  if (run === undefined || (wanted.runId !== undefined && wanted.runId !== run.runId)) return undefined;
  const { sourceFacts, reading } = parseRunOptions(run.runId, run.options);
  const difference = factsDifference(sourceFacts, sources.facts);
  // Of a run whose source was read to its end no more is read: what is new in the file is a new run's.
  if (difference !== undefined && (run.sourceComplete || !options.acceptChanged)) {
    options.changed(run, difference);
    return undefined;
  }
  const changed = difference !== undefined;
  const isRemote = sources.addresses !== undefined && sources.addresses.size > 0;
  if (run.sourceComplete) return { run, sources: undefined, toRead: isRemote ? undefined : sources };
  const opened = isRemote ? await options.reopen(reading?.copies ?? {}) : sources;
  return { run, sources: { opened, changed, numbered: false }, toRead: opened };
}

/** Options of the run that were given anew: by a flag, the environment or the file. */
export function givenOptions(
  { settings, origins }: LoadedSettings,
  { ratePerSecond, rateSearch }: { ratePerSecond: number | undefined; rateSearch: boolean },
): Partial<RunOptions> {
  const given = <T>(name: SettingName, value: T): T | undefined =>
    origins[name] === "default" ? undefined : value;
  const options = {
    timeoutMs: given("timeout", settings.timeout),
    horizonMs: given("horizon", settings.horizon),
    sendWindowMs: given("sendWindow", settings.sendWindow),
    maxAttempts: given("maxAttempts", settings.maxAttempts),
    retryBaseMs: given("retryBase", settings.retryBase),
    retryCapMs: given("retryCap", settings.retryCap),
    graceMs: given("grace", settings.grace),
    onUnknown: given<OnUnknown>("onUnknown", settings.onUnknown),
    onDraftChange: given<OnDraftChange>("onDraftChange", settings.onDraftChange),
    publish: given<PublishWhen>("publish", settings.publish),
    publishWaitMs: given("publishWait", settings.publishWait),
  };
  const rate = origins.rate === "default" ? {} : { ratePerSecond, rateSearch };
  return { ...definedOnly(options), ...rate };
}

function definedOnly<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Throws `wrong_usage` when the run went to another API than the one that is named now. */
export function requireOrigin(run: Run, origin: string, command: string): void {
  if (run.origin === origin) return;
  const name = (one: string) => (one === "sandbox" ? "the sandbox" : one);
  const flag = run.origin === "sandbox" ? "--sandbox" : `--base-url ${run.origin}`;
  throw new TraceloadError(
    "wrong_usage",
    `the rows of run ${run.runId} go to ${name(run.origin)}, not to ${name(origin)}`,
    { next: `traceload ${command} ${run.runId} ${flag}` },
  );
}
