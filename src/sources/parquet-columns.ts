/** Takes a Parquet file for one that has only some of its columns: what is not named is neither fetched nor decoded. */
import { parquetSchema, type FileMetaData, type SchemaElement, type SchemaTree } from "hyparquet";

/** `wanted` is asked of each column that holds values, by the names that lead to it. */
export function withColumns(
  metadata: FileMetaData,
  wanted: (path: readonly string[]) => boolean,
): FileMetaData {
  const kept = ({ element, children, path }: SchemaTree): SchemaElement[] => {
    if (children.length === 0) return wanted(path) ? [element] : [];
    const inner = children.map(kept).filter((elements) => elements.length > 0);
    return inner.length === 0 ? [] : [{ ...element, num_children: inner.length }, ...inner.flat()];
  };
  const row_groups = metadata.row_groups.map((group) => ({
    ...group,
    columns: group.columns.filter(
      ({ meta_data: about }) => about !== undefined && wanted(about.path_in_schema),
    ),
  }));
  return { ...metadata, schema: kept(parquetSchema(metadata)), row_groups };
}
