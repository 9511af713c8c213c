/** The last word on a run: its report is written, and its summary printed. */
import type { Run, Store } from "../core/store.ts";
import { printableJson } from "../report/rows-text.ts";
import type { RunSummary } from "../report/summary.ts";
import { addressFlags, globalArguments, importFlags, runFlags } from "../wire/command-flags.ts";
import { reportRun } from "../wire/run-report.ts";
import type { Session } from "./session.ts";
import { renderSummary } from "./show/summary-text.ts";

export interface RunReportInput {
  store: Pick<Store, "readRows">;
  run: Run;
  /** Where reports go. */
  directory: string;
  /** Undefined: this process did not see the run. */
  achievedPerSecond: number | undefined;
  /** The import to type again, if it is known here. */
  importArguments: readonly string[] | undefined;
}

/** Throws `report_unwritable`. */
export function writeRunReport(session: Session, input: RunReportInput): Promise<RunSummary> {
  const { importArguments, ...report } = input;
  return reportRun({
    ...report,
    commands: {
      importArguments,
      globalArguments: globalArguments(session),
      runFlags: runFlags(session, input.run.origin),
      addressFlags: addressFlags(session, input.run.origin),
      importFlags: importFlags(session),
      program: session.program,
    },
    signal: session.received(),
    allowEmpty: session.loaded.settings.allowEmpty,
  });
}

/** The summary on standard output: for a person, or as one JSON object. */
export function printSummary(session: Session, summary: RunSummary): void {
  const { out, loaded } = session;
  const text = loaded.settings.json
    ? `${printableJson(summary)}\n`
    : renderSummary(summary, { color: out.color, columns: out.columns });
  out.stream.write(text);
}
