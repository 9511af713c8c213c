/** Grafana data frames: tables by column, as panels and data sources hand them out. */
import { hasAny, isNoParent, jsonExportFormat, objectsIn, ofObject } from "../json/export-format.ts";
import type { JsonObject } from "../record.ts";
import { foldName } from "../columns.ts";
import { isJsonObject } from "./json-object.ts";

/** Frames come whole, columns first. */
const MAX_FRAME_CHARS = 16 * 1024 * 1024;

interface Column {
  name: string;
  values: readonly unknown[];
}

/** Over the wire names and values stand apart; in a panel's JSON they stand together. */
function columnsOf(frame: JsonObject): Column[] {
  const schema = isJsonObject(frame["schema"]) ? frame["schema"] : frame;
  const data = isJsonObject(frame["data"]) ? frame["data"]["values"] : undefined;
  return objectsIn(schema["fields"]).map((field, index) => {
    const values: unknown = Array.isArray(data) ? data[index] : field["values"];
    return { name: foldName(String(field["name"])), values: Array.isArray(values) ? values : [] };
  });
}

const PLACES = ["frames[]", "data[]", "[]", "series[]"];

export const grafanaFramesFormat = jsonExportFormat({
  name: "grafana",
  title: "Grafana data frames",
  matches: (shape) =>
    PLACES.some((place) => hasAny(shape, [`${place}.schema.fields`, `${place}.fields[].values`])),
  paths: (shape) =>
    PLACES.filter((place) => hasAny(shape, [`${place}.schema.fields`, `${place}.fields[].values`])).slice(
      0,
      1,
    ),
  maxRecordChars: MAX_FRAME_CHARS,
  spans: ofObject((frame) => {
    const columns = columnsOf(frame);
    const valuesOf = (name: string) => columns.find((column) => column.name === name)?.values;
    const traces = valuesOf("traceid") ?? [];
    const spans = valuesOf("spanid");
    const parents = valuesOf("parentspanid");
    return traces.map((traceId, row) => {
      const span = { traceId, spanId: spans?.[row] };
      return parents === undefined ? span : Object.assign(span, { isRoot: isNoParent(parents[row]) });
    });
  }),
});
