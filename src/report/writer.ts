/** Writes a run's report: its directory, the CSV files in one pass over the rows, and `summary.json` last. */
import { lstat, mkdir, mkdtemp, open, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import path from "node:path";
import { TraceloadError } from "../core/errors.ts";
import type { RowStatus } from "../core/status.ts";
import type { ReportRow } from "./columns.ts";
import { CSV_HEADER, csvLines, printableJson } from "./rows-text.ts";
import type { RunSummary } from "./summary.ts";
import { ReportTally } from "./tally.ts";

/** The files beside `summary.json`. All but the first are there only when they hold a row. */
const ROW_FILES = [
  { name: "rows.csv", takes: undefined, always: true },
  { name: "failed.csv", takes: new Set<RowStatus>(["invalid", "rejected", "failed"]), always: false },
  { name: "unknown.csv", takes: new Set<RowStatus>(["unknown"]), always: false },
  { name: "unprocessed.csv", takes: new Set<RowStatus>(["unprocessed"]), always: false },
] as const;
const SUMMARY_FILE = "summary.json";
const PARTIAL_PREFIX = ".partial-";
const ABANDONED_AFTER_MS = 3_600_000;

export interface ReportRequest {
  /** Where reports go; this one becomes the directory named after the run in it. */
  directory: string;
  runId: string;
  /** Every row of the run, in input order. */
  rows: AsyncIterable<readonly ReportRow[]>;
  /** Called once, after the last row. */
  summarize: (tally: ReportTally) => RunSummary;
}

export interface WrittenReport {
  summary: RunSummary;
  /** Paths of the files written, `rows.csv` first and `summary.json` last. */
  files: string[];
}

/** The directory of one run's report. */
export function runReportDirectory(directory: string, runId: string): string {
  return path.join(directory, runId);
}

/**
 * Whether reports can be written to the directory, which need not be there yet: tries, and leaves nothing behind.
 * Repeating it is safe. Throws `report_unwritable`.
 */
export async function checkReportDirectory(directory: string): Promise<void> {
  await writing(directory, async () => {
    let place = path.resolve(directory);
    while (!(await isThere(place)) && path.dirname(place) !== place) place = path.dirname(place);
    await rmdir(await mkdtemp(path.join(place, PARTIAL_PREFIX)));
  });
}

/**
 * Writes the report of a run, replacing an earlier one. The files are written under other names and moved into place
 * when all are whole; `summary.json` goes first and comes last, so where it stands, the report is whole. Takes no more
 * memory for more rows. Repeating it is safe. Throws `report_unwritable` when the directory cannot be written; what
 * `rows` or `summarize` throw passes through, and leaves an earlier report as it was.
 */
export async function writeReport(request: ReportRequest): Promise<WrittenReport> {
  const target = runReportDirectory(request.directory, request.runId);
  const partial = await writing(target, async () => {
    await makeDirectory(target);
    return mkdtemp(path.join(target, PARTIAL_PREFIX));
  });
  try {
    const tally = new ReportTally();
    const written = await writeRowFiles(partial, target, request, tally);
    const summary = request.summarize(tally);
    return await writing(target, async () => {
      await writeWhole(path.join(partial, SUMMARY_FILE), `${printableJson(summary, 2)}\n`);
      await moveIntoPlace(partial, target, written);
      await removeAbandoned(target, partial);
      return { summary, files: [...written, SUMMARY_FILE].map((name) => path.join(target, name)) };
    });
  } finally {
    // What failed is already on its way to the caller; a leftover is removed by a later report.
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Step by step: where the system has no room for directories (/proc), Node's own recursive way never ends. */
async function makeDirectory(directory: string): Promise<void> {
  if (await isDirectory(directory)) return;
  const parent = path.dirname(directory);
  if (parent !== directory) await makeDirectory(parent);
  try {
    await mkdir(directory);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!(await isDirectory(directory))) throw error;
  }
}

async function isDirectory(place: string): Promise<boolean> {
  return (await stat(place).catch(() => undefined))?.isDirectory() ?? false;
}

async function isThere(place: string): Promise<boolean> {
  return (await lstat(place).catch(() => undefined)) !== undefined;
}

/** Answers the names of the files that hold something. */
async function writeRowFiles(
  partial: string,
  target: string,
  request: ReportRequest,
  tally: ReportTally,
): Promise<string[]> {
  const outputs = ROW_FILES.map((file) => ({
    ...file,
    output: new RowFile(path.join(partial, file.name), path.join(target, file.name)),
  }));
  try {
    for (const file of outputs) if (file.always) await file.output.write("");
    for await (const batch of request.rows) {
      for (const row of batch) tally.add(row);
      for (const { output, takes } of outputs) {
        const taken = takes === undefined ? batch : batch.filter((row) => takes.has(row.status));
        if (taken.length > 0) await output.write(csvLines(taken, request.runId));
      }
    }
    for (const { output } of outputs) await output.finish();
  } finally {
    for (const { output } of outputs) await output.close();
  }
  return outputs.filter(({ output }) => output.begun).map(({ name }) => name);
}

/** One CSV file, opened with its header at the first write. Waits for the disk, so the rows come no faster than it. */
class RowFile {
  readonly #path: string;
  readonly #shownPath: string;
  #handle: FileHandle | undefined;
  begun = false;

  constructor(filePath: string, shownPath: string) {
    this.#path = filePath;
    this.#shownPath = shownPath;
  }

  async write(text: string): Promise<void> {
    await writing(this.#shownPath, async () => {
      if (this.#handle === undefined) {
        this.#handle = await open(this.#path, "wx");
        this.begun = true;
        await this.#handle.writeFile(CSV_HEADER);
      }
      if (text !== "") await this.#handle.writeFile(text);
    });
  }

  /** On disk, so that a power cut after the move cannot leave an empty file under the final name. */
  async finish(): Promise<void> {
    await writing(this.#shownPath, async () => this.#handle?.sync());
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await writing(this.#shownPath, async () => handle?.close());
  }
}

async function writeWhole(filePath: string, text: string): Promise<void> {
  const handle = await open(filePath, "wx");
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function moveIntoPlace(partial: string, target: string, written: readonly string[]): Promise<void> {
  await rm(path.join(target, SUMMARY_FILE), { force: true });
  for (const { name } of ROW_FILES) {
    if (written.includes(name)) await rename(path.join(partial, name), path.join(target, name));
    else await rm(path.join(target, name), { force: true });
  }
  await rename(path.join(partial, SUMMARY_FILE), path.join(target, SUMMARY_FILE));
}

/** Removes what writers left that were killed: untouched for an hour, measured by the file system's own clock. */
async function removeAbandoned(target: string, own: string): Promise<void> {
  const nowMs = (await stat(own)).mtimeMs;
  for (const name of await readdir(target)) {
    if (!name.startsWith(PARTIAL_PREFIX) || name === path.basename(own)) continue;
    const left = path.join(target, name);
    const rows = await stat(path.join(left, "rows.csv")).catch(() => undefined);
    const touchedMs = rows?.mtimeMs ?? (await stat(left).catch(() => undefined))?.mtimeMs ?? nowMs;
    if (nowMs - touchedMs > ABANDONED_AFTER_MS) await rm(left, { recursive: true, force: true });
  }
}

async function writing<T>(shownPath: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw unwritable(shownPath, error);
  }
}

function unwritable(shownPath: string, cause: unknown): TraceloadError {
  return new TraceloadError(
    "report_unwritable",
    `the report cannot be written: ${shownPath}: ${reasonOf(cause)}`,
    {
      next: "name a directory that can be written with --report-dir, or make room; the run's results stay in the store",
      cause,
    },
  );
}

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  switch (code) {
    case "ENOSPC":
      return "no space left on the disk (ENOSPC)";
    case "EDQUOT":
      return "the disk quota is used up (EDQUOT)";
    case "EACCES":
    case "EPERM":
      return `permission denied (${code})`;
    case "EROFS":
      return "the file system is read-only (EROFS)";
    case "ENOENT":
      return "no directory can be made there (ENOENT)";
    case "ENOTDIR":
    case "EEXIST":
      return `a file is in the way (${code})`;
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
