/** From what a person names, a run or a report of one, to the rows that are tried again. */
import { stdin } from "node:process";
import type { RerunSelection } from "../app/reading-options.ts";
import { findRun } from "../app/find-run.ts";
import { type RerunRequest, selectRows } from "../app/rerun.ts";
import { TraceloadError } from "../core/errors.ts";
import type { OpenedSources, SourceOptions } from "../core/source.ts";
import { ACTIVE_STATES } from "../core/status.ts";
import type { Run, Store, StoredRow } from "../core/store.ts";
import { openSources } from "../sources/open.ts";

/** `onWait`: told how long earlier requests of unknown rows are waited for. */
export type RowsOfRun = (request: RerunRequest, onWait?: (ms: number) => void) => OpenedSources;

/**
 * What `rerun` was given: the run, and the report if it was one. Throws `run_not_found`, `run_state` while the run is
 * going on, and for a report what reading it throws.
 */
export async function findParent(
  store: Store,
  wanted: string,
): Promise<{ parent: Run; report: string | undefined; reported: ReadonlySet<number> | undefined }> {
  const isReport = /[/\\]|\.csv(?:\.gz|\.zst)?$/.test(wanted);
  const report = isReport ? await readReport(wanted) : undefined;
  const runId = report?.runId ?? wanted;
  const parent = await findRun(store, runId);
  if (parent === undefined) {
    const place = report === undefined ? "in this store" : `in this store, which ${wanted} is a report of`;
    throw new TraceloadError("run_not_found", `no run ${JSON.stringify(runId)} ${place}`, {
      next: report === undefined ? "traceload status" : `traceload import ${wanted}`,
    });
  }
  if (ACTIVE_STATES.includes(parent.state)) {
    const goesOn = parent.owner === undefined || parent.ownerAlive;
    throw new TraceloadError(
      "run_state",
      `run ${parent.runId} is ${goesOn ? `${parent.state}: it is going on` : "interrupted: it can be carried on"}`,
      { next: goesOn ? `traceload status ${parent.runId}` : `traceload resume ${parent.runId}` },
    );
  }
  return { parent, report: isReport ? wanted : undefined, reported: report?.rows };
}

/** The selection of a rerun that was interrupted while it read its parent's rows. */
export async function reopenSelection(
  store: Store,
  run: Run,
  selection: RerunSelection,
): Promise<RerunRequest> {
  const parent = run.parent === undefined ? undefined : await store.getRun(run.parent);
  if (parent === undefined) {
    throw new TraceloadError("run_not_found", `run ${String(run.parent)}, whose rows it takes, is gone`);
  }
  const reported = selection.report === undefined ? undefined : (await readReport(selection.report)).rows;
  return { parent, selection, reported, ownSeq: run.seq };
}

/** How many rows there are, and the first few of them. */
export async function countSelected(
  store: Store,
  request: RerunRequest,
  sampleRows: number,
): Promise<{ count: number; sample: StoredRow[] }> {
  let count = 0;
  const sample: StoredRow[] = [];
  for await (const rows of selectRows(store, request)) {
    count += rows.length;
    sample.push(...rows.slice(0, Math.max(0, sampleRows - sample.length)));
  }
  return { count, sample };
}

/** Reports have a column for the row and one for the run: they are read as if these were the IDs. */
const AS_PLACES: SourceOptions = {
  format: "auto",
  traceColumn: "row",
  spanColumn: "run_id",
  groupColumn: undefined,
  unit: "span",
  rootOnly: false,
  padIds: false,
  datasetGroupId: 1,
  skip: 0,
  limit: undefined,
};

async function readReport(file: string): Promise<{ runId: string; rows: ReadonlySet<number> }> {
  const rows = new Set<number>();
  const runs = new Set<string>();
  try {
    const opened = await openSources([file], AS_PLACES, { stdin });
    for await (const batch of opened.rows(new AbortController().signal)) {
      for (const { traceId, spanId } of batch) {
        if (!/^[1-9]\d*$/.test(traceId) || spanId === "") continue;
        rows.add(Number(traceId));
        runs.add(spanId);
      }
    }
  } catch (error) {
    if (!(error instanceof TraceloadError) || error.code !== "source_columns") throw error;
    throw noReport(file, "it has no columns row and run_id");
  }
  const [runId, ...others] = runs;
  if (runId === undefined) throw noReport(file, "it names no row of a run");
  if (others.length > 0) throw noReport(file, `it holds rows of ${others.length + 1} runs`);
  return { runId, rows };
}

function noReport(file: string, reason: string): TraceloadError {
  return new TraceloadError("source_columns", `${file} is not the report of a run: ${reason}`, {
    next: `traceload import ${file}`,
  });
}
