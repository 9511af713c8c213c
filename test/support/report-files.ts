/** A run's report, read back from its directory as anybody's script would. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { parse } from "csv-parse/sync";
import type { ReportColumn } from "../../src/report/columns.ts";
import type { RunSummary } from "../../src/report/summary.ts";
import type { Ended } from "./traceload.ts";

export type ReportLine = Record<ReportColumn, string>;

export interface ReportFiles {
  summary: RunSummary;
  rows: ReportLine[];
  /** The run's own directory. */
  directory: string;
}

/** The report of a command that ran with `--json` in that directory. */
export async function readReport(cwd: string, ended: Ended): Promise<ReportFiles> {
  if (!ended.stdout.startsWith("{")) {
    throw new Error(`no summary on standard output (code ${ended.code}):\n${ended.stdout}${ended.stderr}`);
  }
  const summary = JSON.parse(ended.stdout) as RunSummary;
  if (summary.reportDir === null) throw new Error(`no report was written:\n${ended.stdout}${ended.stderr}`);
  const directory = path.resolve(cwd, summary.reportDir);
  return { summary, rows: await readReportFile(path.join(directory, "rows.csv")), directory };
}

export async function readReportFile(file: string): Promise<ReportLine[]> {
  return parse(await readFile(file), { columns: true, bom: true }) as unknown as ReportLine[];
}
