/** Which rows of a Parquet file are read at a time: few enough that a bounded number of values is held. */
import type { FileMetaData } from "hyparquet";

/** Rows by their numbers from 0; `to` is not one of them. */
export interface RowRange {
  from: number;
  to: number;
}

const SLICE_ROWS = 50_000;

/** In order; none has rows of two row groups. */
export function* slicesOf({ row_groups }: Pick<FileMetaData, "row_groups">): Generator<RowRange> {
  let start = 0;
  for (const { num_rows } of row_groups) {
    const end = start + Number(num_rows);
    for (let from = start; from < end; from += SLICE_ROWS)
      yield { from, to: Math.min(end, from + SLICE_ROWS) };
    start = end;
  }
}
