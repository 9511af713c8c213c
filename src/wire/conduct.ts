/**
 * What an import, a rerun and others do between opening a workplace and writing a report, whoever shows it: the command
 * line and the library.
 */
import type { Environment, LoadedSettings } from "../../config/load.ts";
import { findResumable } from "../app/resume.ts";
import { parseRunOptions } from "../app/run-options.ts";
import { refuseSecond } from "../app/forced-rows.ts";
import type { RunEnd } from "../app/import-run.ts";
import { RERUN_STATUSES, type RerunSelection, type RerunStatus } from "../app/reading-options.ts";
import { TraceloadError } from "../core/errors.ts";
import type { OpenedSources } from "../core/source.ts";
import { rowsRead } from "../core/status.ts";
import type { Run } from "../core/store.ts";
import { rerunWarnings } from "../core/warnings.ts";
import { EXIT_CODES } from "../report/exit-code.ts";
import type { RunSummary } from "../report/summary.ts";
import { earlierRun, givenOptions, requireOrigin, sourcesOfRun } from "./carry-on.ts";
import type { ImportSources } from "./import-sources.ts";
import { newRerun, newRun, runIdOf } from "./new-run.ts";
import { countSelected, findParent } from "./rerun.ts";
import type { Target } from "./target.ts";
import type { Progress, Workplace } from "./workplace.ts";

export interface Conducting {
  loaded: LoadedSettings;
  target: Target;
  workplace: Workplace;
  /** Warnings that the run is to keep. */
  warnings: readonly string[];
  /** Told what is worth saying beside the progress, a line each. */
  note: (text: string) => void;
  onProgress: (progress: Progress) => void;
}

export interface Imported extends ImportSources {
  /** Looks at what is going to be read, before it is; answers warnings that a new run is to keep. */
  look: (sources: OpenedSources) => Promise<string[]>;
}

/** Conducts an import to its end: a new run, or an earlier one of the same rows that is carried on. */
export async function conductImport(
  { loaded, target, workplace, warnings, note, onProgress }: Conducting,
  { runId, sources, reading, reopen, look }: Imported,
  signal: AbortSignal,
): Promise<RunEnd> {
  const { settings } = loaded;
  const run = newRun(settings, target, { runId, sources, reading });
  const { detach, maxErrors, highWater: highWaterRows } = settings;
  const work = { detach, highWaterRows, maxErrors };
  const earlier = settings.fresh
    ? undefined
    : await earlierRun(workplace.store, { ...run, runId: settings.runId }, sources, {
        acceptChanged: settings.acceptChangedSource,
        reopen,
        changed: (left, difference) =>
          note(`run ${left.runId} is left as it is, and a new one started: ${difference}`),
      });
  const toRead = earlier === undefined ? sources : earlier.toRead;
  const seen = toRead === undefined ? [] : await look(toRead);
  const isNamed = sources.facts.every(({ headHash }) => headHash !== undefined);
  if (settings.force && !settings.fresh && isNamed) await refuseSecond(workplace.store, run.fingerprint);
  for (const orphan of await workplace.interruptOrphans(run.fingerprint, earlier?.run.runId, signal)) {
    const kept = settings.force ? "" : "; what it added is known, and is not sent again";
    note(`run ${orphan.runId} was interrupted${kept}`);
  }
  await workplace.removeOldRuns();
  if (earlier === undefined) {
    return workplace.importRun(
      { run, sources, warnings: [...warnings, ...seen], ...work },
      signal,
      onProgress,
    );
  }
  note(`carrying on run ${earlier.run.runId}, which has these rows (--fresh starts a new one)`);
  return workplace.carryOn({ ...earlier, options: run.options, ...work }, signal, onProgress);
}

/** What makes an import a failure although its run is over; undefined: nothing. */
export function importFault(
  { allowEmpty }: Pick<LoadedSettings["settings"], "allowEmpty">,
  end: RunEnd,
): TraceloadError | undefined {
  const { run } = end;
  const isEmpty = rowsRead(run.counts) === 0 && run.state === "finished" && !allowEmpty;
  return readingFault(end) ?? (isEmpty ? nothingToRead(run.sources) : undefined);
}

/** What kept a run from reading any row; undefined where it read some. */
export function readingFault({ run, fault }: RunEnd): TraceloadError | undefined {
  return rowsRead(run.counts) === 0 ? fault : undefined;
}

export function nothingToRead(names: readonly string[]): TraceloadError {
  return new TraceloadError("nothing_to_read", `nothing to read in ${names.join(", ")}`, {
    next: "if that is fine, add --allow-empty",
  });
}

export const RERUN_BY_DEFAULT: readonly RerunStatus[] = ["rejected", "failed", "unprocessed"];

/** Conducts a new run of the chosen rows of an earlier one, which is named by its id, `latest`, or a report of it. */
export async function conductRerun(
  { loaded, target, workplace, warnings, note, onProgress }: Conducting,
  { wanted, chosen }: { wanted: string; chosen: RerunSelection },
  signal: AbortSignal,
): Promise<RunEnd> {
  const { settings, origins } = loaded;
  const { parent, report, reported } = await findParent(workplace.store, wanted);
  requireOrigin(parent, target.origin, "rerun");
  const selection = report === undefined ? chosen : { ...chosen, report };
  const request = { parent, selection, reported, ownSeq: undefined };
  const { count } = await countSelected(workplace.store, request, 0);
  if (count === 0) throw nothingLeft(parent, selection);
  note(`trying ${count} rows of run ${parent.runId} again`);
  const resent = rerunWarnings(parent.warnings, selection.statuses.includes("unknown"));
  for (const warning of resent) note(`warning: ${warning}`);
  const onWait = (ms: number) =>
    note(
      `waiting ${Math.ceil(ms / 1000)} s, until no earlier request of unknown rows can be applied any more`,
    );
  const run = newRerun(loaded, target, { runId: runIdOf(settings), parent, selection });
  const { maxErrors: own } = parseRunOptions(parent.runId, parent.options);
  return workplace.importRun(
    {
      run,
      sources: workplace.rowsOfRun(request, onWait),
      warnings: [...warnings, ...resent],
      detach: settings.detach,
      highWaterRows: settings.highWater,
      maxErrors: origins.maxErrors === "default" ? own : settings.maxErrors,
    },
    signal,
    onProgress,
  );
}

export function nothingLeft(parent: Run, selection: RerunSelection): TraceloadError {
  const { statuses, code, match, report } = selection;
  const narrowed = code !== undefined || match !== undefined || report !== undefined;
  return new TraceloadError(
    "nothing_to_read",
    `no row of run ${parent.runId} is left that is ${statuses.join(", ")}${narrowed ? " and selected" : ""}`,
    { next: `traceload status ${parent.runId}` },
  );
}

/** `option`: what the statuses were given by. Throws `wrong_usage` for one that no rerun takes. */
export function rerunStatuses(option: string, names: readonly string[]): RerunStatus[] {
  return names.map((name) => {
    const found = RERUN_STATUSES.find((status) => status === name);
    if (found !== undefined) return found;
    const next = name === "invalid" ? "invalid rows can never be sent: mend failed.csv, and import it" : "";
    throw new TraceloadError(
      "wrong_usage",
      `${option}: ${JSON.stringify(name)} must be one of ${RERUN_STATUSES.join(", ")}`,
      next === "" ? {} : { next },
    );
  });
}

/** Carries a run on: the one that is named, or the newest that can be. `look` is shown what is still to be read. */
export async function conductResume(
  { loaded, target, workplace, note, onProgress }: Conducting,
  {
    wanted,
    environment,
    look,
  }: {
    wanted: string | undefined;
    environment: Environment;
    look?: (sources: OpenedSources) => void;
  },
  signal: AbortSignal,
): Promise<RunEnd> {
  const { settings, origins } = loaded;
  const run = await findResumable(workplace.store, wanted);
  requireOrigin(run, target.origin, "resume");
  const acceptChanged = settings.acceptChangedSource;
  const sources = await sourcesOfRun(workplace, run, { acceptChanged, environment });
  if (sources !== undefined) look?.(sources.opened);
  note(`carrying on run ${run.runId}`);
  const { maxErrors: own } = parseRunOptions(run.runId, run.options);
  const request = {
    run,
    sources,
    options: givenOptions(loaded, target),
    detach: false,
    highWaterRows: settings.highWater,
    maxErrors: origins.maxErrors === "default" ? own : settings.maxErrors,
  };
  return workplace.carryOn(request, signal, onProgress);
}

/** Settles the unknown rows of a run at rest: of the one that is named, or of the newest that has any. */
export async function conductVerify(
  { target, workplace, note, onProgress }: Conducting,
  { wanted, wait }: { wanted: string | undefined; wait: boolean },
  signal: AbortSignal,
): Promise<RunEnd> {
  const run = await workplace.findVerifiable(wanted, signal);
  requireOrigin(run, target.origin, "verify");
  note(`asking about ${run.counts.unknown} unknown rows of run ${run.runId}`);
  return { run: await workplace.verify({ run, wait }, signal, onProgress), fault: undefined };
}

/** Rows that are unknown still outrank how the run itself ended. */
export function verifyExitCode({ counts, exitCode }: RunSummary): number {
  return counts.unknown > 0 ? EXIT_CODES.unknownRows : exitCode;
}

/** Publishes the drafts of a finished run. `force`: also where another writer was seen, or rows did not make it. */
export async function conductPublish(
  { loaded, target, workplace, note, onProgress }: Conducting,
  { wanted, force }: { wanted: string; force: boolean },
  signal: AbortSignal,
): Promise<RunEnd> {
  const found = await workplace.findPublishable(wanted);
  requireOrigin(found, target.origin, "publish");
  note(`publishing the drafts of run ${found.runId}`);
  const policy = { when: "if-clean", force } as const;
  const request = { run: found, policy, waitMs: loaded.settings.publishWait };
  const run = await workplace.publish(request, signal, onProgress);
  if (run.counts.added === 0) note("the run added no row: none of its drafts is its own to publish");
  return { run, fault: undefined };
}

export function publishExitCode({ drafts }: RunSummary): number {
  const states = drafts.flatMap(({ publication }) => (publication === undefined ? [] : [publication?.state]));
  const isPublished = states.includes("published") && states.every((state) => state === "published");
  return isPublished ? EXIT_CODES.ok : EXIT_CODES.rowsNotAdded;
}
