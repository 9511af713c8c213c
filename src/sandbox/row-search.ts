/** Searches the rows of a dataset from end to end, in turns, so that other requests are answered meanwhile. */
import { setImmediate as nextTurn } from "node:timers/promises";

const ROWS_PER_TURN = 2000;

/** The matching rows from the `first`-th (from 0) on, at most `count`, and how many match in all. */
export async function searchRows<T>(search: {
  rows: Iterable<T>;
  matches: (row: T) => boolean;
  first: number;
  count: number;
}): Promise<{ rows: T[]; total: number }> {
  const rows: T[] = [];
  let total = 0;
  let seen = 0;
  for (const row of search.rows) {
    if (++seen % ROWS_PER_TURN === 0) await nextTurn();
    if (!search.matches(row)) continue;
    if (total >= search.first && rows.length < search.count) rows.push(row);
    total++;
  }
  return { rows, total };
}
