/** The library: runs conducted as the command line's are, with values in place of flags, and events in place of output. */
import type { Environment, LoadedSettings } from "../../config/load.ts";
import { loadSettings } from "../../config/load.ts";
import type { SettingName } from "../../config/settings.ts";
import { TraceloadError } from "../core/errors.ts";
import { type ReportRow, storedReportRows } from "../report/columns.ts";
import type { RunSummary } from "../report/summary.ts";
import { checkReportDirectory } from "../report/writer.ts";
import {
  checkTarget,
  openTarget,
  openWorkplace,
  type Progress,
  ratePerSecond,
  type Target,
  type Workplace,
} from "../wire.ts";
import { addressFlags, globalArguments, importFlags, runFlags } from "../wire/command-flags.ts";
import { makeOpened } from "../wire/opened.ts";
import { namedRun } from "../wire/stores.ts";
import { reportRun } from "../wire/run-report.ts";
import type {
  ImportOptions,
  PublishOptions,
  RerunOptions,
  ResumeOptions,
  TraceloadOptions,
  VerifyOptions,
} from "./options.ts";
import { AnsweredRate, progressEvent } from "./progress.ts";
import { RunEvents, type RunEvent } from "./run-events.ts";
import {
  CLIENT_SETTINGS,
  IMPORT_SETTINGS,
  PUBLISH_SETTINGS,
  RERUN_SETTINGS,
  RESUME_SETTINGS,
  type SettingTexts,
  settingTexts,
  VERIFY_SETTINGS,
} from "./setting-texts.ts";
import { importOf, publication, rerunOf, resumption, verification, type Work } from "./work.ts";

/** What a run came to: the object that `summary.json` holds. */
export type RunResult = RunSummary;

/** A run that has begun, or waits for the one before it. */
export interface RunHandle extends AsyncIterable<RunEvent> {
  /**
   * Resolves when the run is over for this process, whatever became of its rows: see `state`, `counts` and `exitCode`.
   * An aborted signal interrupts the run, which then can be carried on by the same import. Rejects with a
   * `TraceloadError` for faults that no run can come of, and with the signal's reason when it was aborted before there
   * was a run.
   */
  readonly result: Promise<RunResult>;
}

export interface Traceload {
  /**
   * Adds the rows of files (paths, patterns) or addresses to their dataset groups' drafts, each at most once. The same
   * import again carries its run on, or finds the rows added before.
   */
  import(files: string | readonly string[], options?: ImportOptions): RunHandle;
  /** Carries on a run that was interrupted, stopped, paused or cancelled; without a run, the newest that can be. */
  resume(run?: string, options?: ResumeOptions): RunHandle;
  /** Tries rows of a run again, as a new run: the run is named by its id, `"latest"`, or a CSV report of it. */
  rerun(run: string, options?: RerunOptions): RunHandle;
  /** Settles the unknown rows of a run by asking the server; without a run, of the newest that has any. */
  verify(run?: string, options?: VerifyOptions): RunHandle;
  /** Publishes the drafts of a finished run, named by its id or `"latest"`. */
  publish(run: string, options?: PublishOptions): RunHandle;
  /** The rows of a run as its report has them, in input order. Read a page at a time. */
  rows(run: string): AsyncIterable<ReportRow>;
  /** Interrupts the run that goes on, waits for its rows in flight, and closes all that was opened. Repeating it does nothing. */
  close(): Promise<void>;
}

interface Desk {
  target: Target;
  workplace: Workplace;
}

/**
 * Opens nothing yet: that is done by the first run. One run goes on at a time, others wait for it. Nothing is printed,
 * and nothing is read from the environment or from a settings file that is not given here. Throws a `TraceloadError`
 * for options that mean nothing.
 */
export function createTraceload(options: TraceloadOptions = {}): Traceload {
  const { apiKey, environment: variables = {}, configFile, onFault = () => undefined, ...rest } = options;
  const environment: Environment =
    apiKey === undefined ? variables : { ...variables, PROMPTLAYER_API_KEY: apiKey };
  const own = settingTexts(rest, CLIENT_SETTINGS);
  const load = (flags: SettingTexts): LoadedSettings =>
    loadSettings({ flags, environment, configFile, fromProgram: true });
  const ownLoaded = load(own);
  const opened = makeOpened();
  const stop = new AbortController();
  let desk: Promise<Desk> | undefined;
  let line: Promise<unknown> = Promise.resolve();
  let closing: Promise<void> | undefined;

  const open = async (): Promise<Desk> => {
    const target = await openTarget(ownLoaded, environment);
    try {
      const workplace = await openWorkplace(ownLoaded.settings, target, onFault);
      opened.add(target);
      opened.add(workplace);
      return { target, workplace };
    } catch (error) {
      await target.close().catch(onFault);
      throw error;
    }
  };
  const openOnce = (): Promise<Desk> => {
    desk ??= open();
    // What could not be opened now may be there the next time.
    desk.catch(() => (desk = undefined));
    return desk;
  };

  const begin = (
    { signal: asked, ...more }: { signal?: AbortSignal },
    allowed: readonly SettingName[],
    { prepare, faultOf, exitCodeOf }: Work,
  ): RunHandle => {
    const events = new RunEvents();
    const signal = asked === undefined ? stop.signal : AbortSignal.any([stop.signal, asked]);
    const work = async (): Promise<RunResult> => {
      if (closing !== undefined) throw closedFault();
      signal.throwIfAborted();
      const flags = { ...own, ...settingTexts(more, allowed) };
      const loaded = load(flags);
      const { settings, origins } = loaded;
      const directory = origins.reportDir === "default" ? undefined : settings.reportDir;
      if (directory !== undefined) await checkReportDirectory(directory);
      const act = await prepare(loaded, signal);
      const { target: shared, workplace } = await openOnce();
      const rate = { ratePerSecond: ratePerSecond(loaded), rateSearch: settings.rate.search };
      const target = { ...shared, ...rate };
      // One from the environment is of no matter to runs that have their rows.
      const group = allowed.includes("datasetGroup") ? settings.datasetGroup : undefined;
      const warnings = await checkTarget(target, group, signal);
      const note = (message: string) => events.push({ type: "note", message });
      for (const warning of [...workplace.store.facts.warnings, ...warnings]) note(`warning: ${warning}`);
      const answered = new AnsweredRate();
      const onProgress = (progress: Progress) => {
        answered.see(progress);
        events.push(progressEvent(progress));
      };
      const end = await act({ loaded, target, workplace, warnings, note, onProgress });
      const given = { loaded, flags };
      const summary = await reportRun({
        store: workplace.store,
        run: end.run,
        directory,
        achievedPerSecond: answered.perSecond(),
        commands: {
          importArguments: undefined,
          globalArguments: globalArguments(given),
          runFlags: runFlags(given, end.run.origin),
          addressFlags: addressFlags(given, end.run.origin),
          importFlags: importFlags(given),
        },
        signal: undefined,
        allowEmpty: settings.allowEmpty,
      });
      const fault = faultOf?.(end, loaded);
      if (fault !== undefined) throw fault;
      return exitCodeOf === undefined || signal.aborted
        ? summary
        : { ...summary, exitCode: exitCodeOf(summary) };
    };
    const result = line.then(work);
    line = result.then(
      (summary) => events.end(summary),
      (error: unknown) => events.fail(error),
    );
    // Who reads the events alone hears of it there.
    result.catch(() => undefined);
    return { result, [Symbol.asyncIterator]: () => events.read() };
  };

  return {
    import: (files, importing = {}) => begin(importing, IMPORT_SETTINGS, importOf(files, environment)),
    resume: (wanted, resuming = {}) => begin(resuming, RESUME_SETTINGS, resumption(wanted, environment)),
    rerun: (wanted, { only, code, match, ...more } = {}) =>
      begin(more, RERUN_SETTINGS, rerunOf(wanted, { only, code, match })),
    verify: (wanted, { wait = true, ...more } = {}) =>
      begin(more, VERIFY_SETTINGS, verification({ wanted, wait })),
    publish: (wanted, { force = false, ...more } = {}) =>
      begin(more, PUBLISH_SETTINGS, publication({ wanted, force })),
    async *rows(wanted) {
      if (closing !== undefined) throw closedFault();
      const { store } = (await openOnce()).workplace;
      for await (const page of storedReportRows(store, await namedRun(store, wanted))) yield* page;
    },
    close,
  };

  function close(): Promise<void> {
    closing ??= (async () => {
      stop.abort(closedFault());
      await line;
      await desk?.catch(() => undefined);
      await opened.close();
    })();
    return closing;
  }
}

function closedFault(): TraceloadError {
  return new TraceloadError("wrong_usage", "it was closed: nothing can be run with it any more", {
    next: "call createTraceload again",
  });
}
