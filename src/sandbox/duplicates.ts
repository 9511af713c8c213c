/** Finds rows that were applied more than once, in memory that stays small for millions of rows. */
import type { AppliedRow } from "./workspace.ts";

/** A row that the server holds more than once. */
export interface DuplicateRow {
  datasetGroupId: number;
  traceId: string;
  spanId: string | undefined;
  count: number;
}

export interface DuplicateCount {
  /** Different rows (group, trace, span). */
  distinct: number;
  /** Rows that should not be there: applied rows less distinct ones. */
  extra: number;
  /** The duplicated rows, at most `listed` of them. */
  rows: DuplicateRow[];
}

/**
 * Counts duplicates in two passes over the rows: first hashes alone, at eight bytes a row, then the texts of the few
 * whose hash occurs twice.
 */
export function countDuplicates(
  applied: () => Iterable<AppliedRow>,
  rowCount: number,
  listed = 100,
): DuplicateCount {
  const suspects = repeatedHashes(applied(), rowCount);
  if (suspects.size === 0) return { distinct: rowCount, extra: 0, rows: [] };
  const counts = new Map<string, { row: AppliedRow; count: number }>();
  for (const row of applied()) {
    const key = keyOf(row);
    if (!suspects.has(hashOf(key))) continue;
    const seen = counts.get(key);
    if (seen === undefined) counts.set(key, { row, count: 1 });
    else seen.count++;
  }
  const duplicated = [...counts.values()].filter(({ count }) => count > 1);
  const extra = duplicated.reduce((sum, { count }) => sum + count - 1, 0);
  return {
    distinct: rowCount - extra,
    extra,
    rows: duplicated.slice(0, listed).map(({ row, count }) => ({
      datasetGroupId: row.datasetGroupId,
      traceId: row.traceId,
      spanId: row.spanId,
      count,
    })),
  };
}

function repeatedHashes(rows: Iterable<AppliedRow>, rowCount: number): Set<number> {
  const slots = new Float64Array(2 ** Math.ceil(Math.log2(Math.max(16, rowCount * 1.5))));
  const repeated = new Set<number>();
  for (const row of rows) {
    const hash = hashOf(keyOf(row));
    let slot = hash % slots.length;
    while (slots[slot] !== 0 && slots[slot] !== hash) slot = (slot + 1) % slots.length;
    if (slots[slot] === hash) repeated.add(hash);
    else slots[slot] = hash;
  }
  return repeated;
}

function keyOf(row: AppliedRow): string {
  return JSON.stringify([row.datasetGroupId, row.traceId, row.spanId ?? null]);
}

/** 52 bits of FNV-1a, in two halves with different starts; never 0, which marks a free slot. */
function hashOf(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b);
    high ^= high >>> 13;
  }
  return (high >>> 12) * 2 ** 32 + (low >>> 0) + 1;
}
