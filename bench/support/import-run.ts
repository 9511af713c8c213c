/** One `traceload import` of a file of rows, unlimited, to a local API: what it took. */
import { readFile } from "node:fs/promises";
import { DATASET_GROUP_ID } from "./rows-file.ts";
import { type Scene, succeeded, type Usage } from "./scene.ts";

export interface ImportRequest {
  file: string;
  rows: number;
  storeUrl: string;
  apiUrl: string;
  concurrency: string;
}

export interface Imported {
  endedAt: number;
  wallMs: number;
  usage: Usage;
}

/** Throws unless every row was added. */
export async function importRows(
  scene: Scene,
  { file, rows, storeUrl, apiUrl, concurrency }: ImportRequest,
): Promise<Imported> {
  const runId = `bench-${Date.now().toString(36)}`;
  const { wallMs, usage } = await succeeded(
    scene.traceload([
      "import",
      file,
      `--dataset-group=${DATASET_GROUP_ID}`,
      `--store=${storeUrl}`,
      `--base-url=${apiUrl}`,
      "--rate=unlimited",
      `--concurrency=${concurrency}`,
      "--progress=none",
      `--run-id=${runId}`,
      `--report-dir=${scene.file("reports")}`,
    ]),
  );
  const summary = JSON.parse(await readFile(scene.file(`reports/${runId}/summary.json`), "utf8")) as {
    counts: { added: number };
    finishedAt: string;
  };
  if (summary.counts.added !== rows) throw new Error(`${summary.counts.added} of ${rows} rows were added`);
  return { endedAt: Date.parse(summary.finishedAt), wallMs, usage };
}

/** From the arrival of the first POST on, of which there must be one for each row. */
export function rowsPerSecond(rows: number, arrivals: readonly number[], endedAt: number): number {
  if (arrivals.length !== rows) throw new Error(`${arrivals.length} POSTs for ${rows} rows`);
  return (rows * 1000) / (endedAt - Math.min(...arrivals.slice(0, 1_000)));
}
