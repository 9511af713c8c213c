/** The second line of ClickHouse's formats `…WithNamesAndTypes`: the columns' types, and no row. */

const TYPE =
  /^(?:U?Int(?:8|16|32|64|128|256)|B?Float(?:16|32|64)|String|FixedString\(\d+\)|UUID|Bool|IPv[46]|Date(?:32)?|Time|DateTime(?:\(.*\))?|(?:DateTime|Time)64\(.*\)|Decimal\d*\(.*\)|Enum(?:8|16)?\(.*\)|(?:Nullable|LowCardinality|Array|Map|Tuple|Nested|Variant|SimpleAggregateFunction|AggregateFunction|Object)\(.*\)|JSON(?:\(.*\))?|Dynamic(?:\(.*\))?|Interval\w+|Nothing|Point|Ring|Polygon|MultiPolygon|LineString|MultiLineString)$/s;

/** Whether each cell is the name of a type. */
export function isTypesRow(cells: readonly string[]): boolean {
  return cells.length > 0 && cells.every((cell) => TYPE.test(cell.trim()));
}
