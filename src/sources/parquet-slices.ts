/** Which rows of a Parquet file are read at a time: few enough that a bounded number of values is held. */
import type { FileMetaData, RowGroup } from "hyparquet";

/** Rows by their numbers from 0; `to` is not one of them. */
export interface RowRange {
  from: number;
  to: number;
}

/** Values that are decoded at a time of one column. */
const SLICE_VALUES = 50_000;

/** The largest number of values that one of the row group's columns has. */
function valuesIn({ columns }: RowGroup): number {
  return columns.reduce((most, { meta_data: about }) => Math.max(most, Number(about?.num_values ?? 0)), 0);
}

/** Whether single pages of the row group can be read. Without that, values in lists are all decoded each time. */
function hasPages({ columns }: RowGroup): boolean {
  return columns.every(({ offset_index_offset: index }) => index !== undefined);
}

function isNested({ columns }: RowGroup): boolean {
  return columns.some(({ meta_data: about }) => (about?.path_in_schema.length ?? 0) > 1);
}

/** In order. `metadata` names the columns that are read, and no others. */
export function* slicesOf(metadata: FileMetaData): Generator<RowRange> {
  let start = 0;
  for (const group of metadata.row_groups) {
    const rows = Number(group.num_rows);
    const slices = isNested(group) && !hasPages(group) ? 1 : Math.ceil(valuesIn(group) / SLICE_VALUES);
    const sliceRows = Math.max(1, Math.ceil(rows / Math.max(1, slices)));
    for (let from = 0; from < rows; from += sliceRows) {
      yield { from: start + from, to: start + Math.min(rows, from + sliceRows) };
    }
    start += rows;
  }
}
