/** Rows: what is to be added, and the content key that the ledger knows them by. */
import { hash } from "node:crypto";

/** One trace, or one span of a trace, to be added to one dataset group. IDs are exactly as the source wrote them. */
export interface Row {
  datasetGroupId: number;
  traceId: string;
  /** Absent: the whole trace. Never an empty string (the API refuses it). */
  spanId: string | undefined;
}

/** A row's identity as sources and stores hold it: in texts, and without a span an empty one. */
export interface RowTexts {
  datasetGroupId: string;
  traceId: string;
  spanId: string;
}

/** The row that texts name which were found to be good. */
export function rowOfTexts({ datasetGroupId, traceId, spanId }: RowTexts): Row {
  return { datasetGroupId: Number(datasetGroupId), traceId, spanId: spanId === "" ? undefined : spanId };
}

/** 32 lowercase hex digits: the first 16 bytes of a SHA-256 over content, never over a position. */
export type RowKey = string & { readonly __brand: "RowKey" };

/** Names a dataset group at one API origin; groups of different origins never share bookkeeping. */
export type GroupKey = string & { readonly __brand: "GroupKey" };

/**
 * The row's identity across all runs. `origin` is the API's origin (`https://api.promptlayer.com`), or `sandbox`
 * whatever the sandbox's port. Fields are length-prefixed, so no two different rows hash the same text.
 */
export function rowKey(origin: string, row: Row): RowKey {
  const span = row.spanId === undefined ? "-" : `${row.spanId.length}:${row.spanId}`;
  const text = `${origin.length}:${origin}|${row.datasetGroupId}|${row.traceId.length}:${row.traceId}|${span}`;
  return hash("sha256", text, "hex").slice(0, 32) as RowKey;
}

export function groupKey(origin: string, datasetGroupId: number): GroupKey {
  return `${origin}|${datasetGroupId}` as GroupKey;
}
