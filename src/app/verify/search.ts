/**
 * Looks for single rows in a draft, where its count does not settle them. A row is there when the cells of one row of
 * the draft equal its IDs, and no row of the version that the draft was made from does. Whether rows show their IDs at
 * all is found out on rows that are known to be there.
 */
import type { Api, ApiAnswer, FoundRows } from "../../core/api.ts";
import { rowOfTexts, type Row, type RowKey } from "../../core/row.ts";
import type { Run, Store } from "../../core/store.ts";
import { storedRowKey } from "../feed.ts";
import { rowPages } from "../row-pages.ts";
import type { Ask } from "./asking.ts";

export interface SearchParts {
  store: Pick<Store, "listRuns" | "readRows" | "lookup">;
  api: Pick<Api, "findRows">;
  ask: Ask;
}

/** Traces and spans are told apart: one may show its IDs and the other not. */
export type RowKind = "trace" | "span";

export interface DoubtfulRow {
  key: RowKey;
  row: Row;
}

export interface SearchedDraft {
  draftDatasetId: number;
  /** The last published version; undefined: there is none, so the draft began empty. */
  publishedDatasetId: number | undefined;
}

export type Sighting = "there" | "not-there" | "there-before" | "unclear";

const PAGE_ROWS = 1_000;
const SAMPLES = 3;
const SPAN_COLUMN = /^\s*span[\s_-]*id\s*$/iu;

/**
 * Rows of the group whose entry is in doubt, of all runs at this origin, each key once; at most `limit`. Results may be
 * unknown that the ledger has settled since: those are not among them.
 */
export async function rowsInDoubt(
  store: SearchParts["store"],
  group: { origin: string; datasetGroupId: number },
  limit: number,
): Promise<DoubtfulRow[]> {
  const found = new Map<RowKey, Row>();
  const runs = await store.listRuns();
  for (const run of runs.filter(({ origin, counts }) => origin === group.origin && counts.unknown > 0)) {
    for await (const rows of rowPages(store, run.runId, ["unknown"])) {
      const ofGroup = new Map<RowKey, Row>();
      for (const stored of rows) {
        const row = rowOfTexts(stored);
        if (row.datasetGroupId === group.datasetGroupId) ofGroup.set(storedRowKey(run.origin, stored), row);
      }
      if (ofGroup.size === 0) continue;
      for (const { key, state } of await store.lookup([...ofGroup.keys()])) {
        const row = ofGroup.get(key);
        if (state === "unknown" && row !== undefined) found.set(key, row);
        if (found.size >= limit) return asList(found);
      }
    }
  }
  return asList(found);
}

/** Which kinds of rows show their IDs in this draft: those of which the newest additions are all found. */
export async function kindsShown(
  parts: SearchParts,
  draft: SearchedDraft & { datasetGroupId: number },
  run: Pick<Run, "runId" | "counts">,
  signal: AbortSignal,
): Promise<ReadonlySet<RowKind>> {
  const total = Object.values(run.counts).reduce((sum, count) => sum + count, 0);
  const latest = await samples(parts.store, draft, run.runId, Math.max(1, total - PAGE_ROWS + 1));
  const known = latest.length > 0 ? latest : await samples(parts.store, draft, run.runId, 1);
  const shown = new Set<RowKind>();
  for (const kind of ["trace", "span"] as const) {
    const sample = known.filter((row) => kindOf(row) === kind).slice(0, SAMPLES);
    if (sample.length > 0 && (await areAllThere(parts, draft.draftDatasetId, sample, signal)))
      shown.add(kind);
  }
  return shown;
}

async function areAllThere(
  parts: SearchParts,
  draftDatasetId: number,
  rows: readonly Row[],
  signal: AbortSignal,
): Promise<boolean> {
  for (const row of rows) {
    const answer = await find(parts, draftDatasetId, row, signal);
    if (!answer.ok || !shows(answer.value, row)) return false;
  }
  return true;
}

/** Looks for one row. `unclear`: the server did not answer, or not with all that it found. */
export async function lookFor(
  parts: SearchParts,
  draft: SearchedDraft,
  row: Row,
  signal: AbortSignal,
): Promise<Sighting> {
  const now = await find(parts, draft.draftDatasetId, row, signal);
  if (!now.ok) return "unclear";
  if (!shows(now.value, row)) return now.value.complete ? "not-there" : "unclear";
  if (draft.publishedDatasetId === undefined) return "there";
  const before = await find(parts, draft.publishedDatasetId, row, signal);
  if (!before.ok || (!before.value.complete && !shows(before.value, row))) return "unclear";
  return shows(before.value, row) ? "there-before" : "there";
}

export function kindOf(row: Row): RowKind {
  return row.spanId === undefined ? "trace" : "span";
}

function find(
  { api, ask }: SearchParts,
  datasetId: number,
  row: Row,
  signal: AbortSignal,
): Promise<ApiAnswer<FoundRows>> {
  return ask(() => api.findRows(datasetId, row.spanId ?? row.traceId, { signal }), signal);
}

/** Rows of a trace's spans show the trace's ID, too: a trace is there only in a row whose span ID is empty. */
function shows({ columns, rows }: FoundRows, { traceId, spanId }: Row): boolean {
  if (spanId !== undefined) return rows.some((cells) => cells.includes(traceId) && cells.includes(spanId));
  const spanColumn = columns.findIndex((name) => SPAN_COLUMN.test(name));
  if (spanColumn === -1) return false;
  return rows.some((cells) => cells.includes(traceId) && (cells[spanColumn] ?? "") === "");
}

/** The newest of a page of the run's rows that are known to be in the draft, a few of each kind. */
async function samples(
  store: SearchParts["store"],
  draft: { draftDatasetId: number; datasetGroupId: number },
  runId: string,
  fromRow: number,
): Promise<Row[]> {
  const page = await store.readRows(runId, { fromRow, limit: PAGE_ROWS, statuses: ["added", "duplicate"] });
  return page
    .filter((row) => row.draftDatasetId === draft.draftDatasetId)
    .toSorted((a, b) => (b.finishedAt ?? 0) - (a.finishedAt ?? 0))
    .map(rowOfTexts)
    .filter((row) => row.datasetGroupId === draft.datasetGroupId);
}

function asList(found: ReadonlyMap<RowKey, Row>): DoubtfulRow[] {
  return [...found].map(([key, row]) => ({ key, row }));
}
