/** What each of the library's functions does between opening a workplace and the summary of the run. */
import type { Environment, LoadedSettings } from "../../config/load.ts";
import { TraceloadError } from "../core/errors.ts";
import type { OpenedSources } from "../core/source.ts";
import type { RunSummary } from "../report/summary.ts";
import {
  importInputs,
  importOptions,
  type RerunStatus,
  type RunEnd,
  runIdOf,
  sourceOptions,
  systemClock,
} from "../wire.ts";
import {
  conductImport,
  type Conducting,
  conductPublish,
  conductRerun,
  conductResume,
  conductVerify,
  importFault,
  publishExitCode,
  readingFault,
  RERUN_BY_DEFAULT,
  rerunStatuses,
  verifyExitCode,
} from "../wire/conduct.ts";
import { openImport } from "../wire/import-sources.ts";

export interface Work {
  /** Says what is wrong before anything is opened; answers what is done then. */
  prepare: (loaded: LoadedSettings, signal: AbortSignal) => Promise<(at: Conducting) => Promise<RunEnd>>;
  /** Why there is no result although there is a run. */
  faultOf?: (end: RunEnd, loaded: LoadedSettings) => TraceloadError | undefined;
  /** Stands in for the exit code that the run's own end means, unless it was aborted. */
  exitCodeOf?: (summary: RunSummary) => number;
}

export function importOf(files: string | readonly string[], environment: Environment): Work {
  return {
    prepare: async (loaded, signal) => {
      const { settings } = loaded;
      const inputs = importInputs(loaded, typeof files === "string" ? [files] : files);
      if (inputs.includes("-")) {
        throw new TraceloadError("wrong_usage", "standard input is the program's own: name a file");
      }
      const asking = { inputs, nowMs: systemClock.wallMs() };
      const reading = await importOptions(sourceOptions(settings), settings, asking);
      const from = { inputs, reading, environment, signal };
      const imported = await openImport(settings, runIdOf(settings), from);
      return (at) => {
        const look = async (sources: OpenedSources) => {
          const warnings = (await sources.plan(signal)).flatMap((plan) => plan.warnings);
          for (const warning of warnings) at.note(`warning: ${warning}`);
          return warnings;
        };
        return conductImport(at, { ...imported, look }, signal);
      };
    },
    faultOf: (end, { settings }) => importFault(settings, end),
  };
}

export function resumption(wanted: string | undefined, environment: Environment): Work {
  return {
    prepare: async (_, signal) => (at) => conductResume(at, { wanted, environment }, signal),
    faultOf: readingFault,
  };
}

export interface ChosenRows {
  only: readonly RerunStatus[] | undefined;
  code: string | undefined;
  match: string | undefined;
}

export function rerunOf(wanted: string, { only = RERUN_BY_DEFAULT, code, match }: ChosenRows): Work {
  return {
    prepare: async ({ settings: { limit } }, signal) => {
      const selection = {
        statuses: rerunStatuses("only", only),
        ...(code === undefined ? {} : { code }),
        ...(match === undefined ? {} : { match }),
        ...(limit === undefined ? {} : { limit }),
      };
      return (at) => conductRerun(at, { wanted, chosen: selection }, signal);
    },
  };
}

export function verification(chosen: { wanted: string | undefined; wait: boolean }): Work {
  return {
    prepare: async (_, signal) => (at) => conductVerify(at, chosen, signal),
    exitCodeOf: verifyExitCode,
  };
}

export function publication(chosen: { wanted: string; force: boolean }): Work {
  return {
    prepare: async (_, signal) => (at) => conductPublish(at, chosen, signal),
    exitCodeOf: publishExitCode,
  };
}
