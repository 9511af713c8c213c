/** The last word on a run: its report is written, and its summary printed. */
import { flagName, SETTINGS } from "../../config/settings.ts";
import type { Run, Store } from "../core/store.ts";
import { printableJson } from "../report/rows-text.ts";
import type { RunSummary } from "../report/summary.ts";
import { reportRun } from "../wire/run-report.ts";
import type { Session } from "./session.ts";
import { renderSummary } from "./show/summary-text.ts";

export interface RunReportInput {
  store: Pick<Store, "readRows">;
  run: Run;
  /** Where reports go. */
  directory: string;
  rate: RunSummary["rate"];
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

/** Flags that later commands need to find the same store; a URL with a password is left to the environment. */
export function globalArguments({ loaded }: Session): string[] {
  const { store } = loaded.settings;
  if (loaded.origins.store !== "flag" || hasPassword(store)) return [];
  return ["--store", store];
}

const CARRIED = [
  "datasetGroup",
  "rate",
  "sandbox",
  "sandboxRecord",
  "baseUrl",
  "reportDir",
  "concurrency",
] as const;

/** What a later command on a run needs to send its rows where they went before, and to write its report there. */
export function runFlags(session: Session, origin: string): string[] {
  const named = session.loaded.origins.baseUrl;
  const elsewhere = origin !== new URL(SETTINGS.baseUrl.default ?? "").origin;
  const address = origin === "sandbox" ? ["--sandbox"] : ["--base-url", session.flags.baseUrl ?? origin];
  const needed = elsewhere && (origin === "sandbox" || named === "flag" || named === "default");
  const typed = (["sandboxRecord", "reportDir"] as const).flatMap((name) => {
    const value = session.flags[name];
    return value === undefined ? [] : [`--${flagName(name)}`, value];
  });
  return [...(needed ? address : []), ...typed, ...globalArguments(session)];
}

/** What the import of the failed rows needs to go where this one went. */
export function importFlags(session: Session): string[] {
  const carried = CARRIED.flatMap((name) => {
    const value = session.flags[name];
    if (value === undefined || hasPassword(value)) return [];
    const flag = `--${flagName(name)}`;
    return SETTINGS[name].flagOnly ? (value === "true" ? [flag] : []) : [flag, value];
  });
  return [...carried, ...globalArguments(session)];
}

/** Drivers of databases take one as a parameter, too. */
export function hasPassword(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { password, searchParams } = new URL(url);
  return password !== "" || searchParams.has("password");
}

/** A store's address as it may be shown. */
export function withoutPassword(url: string): string {
  if (!hasPassword(url)) return url;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
