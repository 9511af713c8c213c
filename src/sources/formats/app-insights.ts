/**
 * Azure's Application Insights and Log Analytics: results of KQL queries as the API and `az` answer them, and tables that
 * the portal exports as CSV. A record is a telemetry item: of requests and dependencies `id` is the span.
 */
import { foldName } from "../columns.ts";
import { cellText, resultTableFormat } from "../json/result-table.ts";
import type { JsonObject, RecordFormat, SourceRecord } from "../record.ts";
import { eitherFormat } from "./either-form.ts";
import { isJsonObject } from "./json-object.ts";
import { listExportFormat } from "./list-export.ts";

const COLUMNS = { trace: "operation_Id", span: "id", parent: "operation_ParentId" };
/** Names that stand beside the operation's ID in these tables, and hardly in others. */
const MARKS = ["operationparentid", "itemtype", "itemid", "cloudrolename", "approlename"];
/** The parent is called so in the tables of a workspace. */
const PARENT_NAMES = new Set(["operationparentid", "parentid"]);

const tables = resultTableFormat({
  name: "app-insights",
  title: "Application Insights",
  matches: (shape) => shape.has("tables[].columns[].name") && shape.has("tables[].rows"),
  columnsAt: "tables[].columns",
  columns: (list) =>
    Array.isArray(list)
      ? list.map((column) => (isJsonObject(column) ? cellText(column["name"]) : ""))
      : undefined,
  rowsAt: "tables[].rows[]",
  row: (record) => (Array.isArray(record) ? record : undefined),
  failure: "error",
});

const lists = listExportFormat({
  name: "app-insights",
  title: "Application Insights",
  matches: (names) => names.has("operationid") && MARKS.some((name) => names.has(name)),
  columns: COLUMNS,
});

const either = eitherFormat(tables, lists);

export const appInsightsFormat: RecordFormat = {
  ...either,
  async *records(text, source) {
    const parents = new OwnParents();
    for await (const records of either.records(text, source)) {
      yield records.map((record) => parents.pass(record));
    }
  },
};

/** The parent of a request that nothing else called is the operation itself: it has none then. */
class OwnParents {
  #at: { trace: number; parent: number } | undefined;

  pass(record: SourceRecord): SourceRecord {
    if (record.kind === "object") return Object.assign(record, { value: withoutOwnParent(record.value) });
    if (record.kind !== "cells") return record;
    const { cells } = record;
    if (this.#at === undefined) {
      const names = cells.map(foldName);
      const parent = names.findIndex((name) => PARENT_NAMES.has(name));
      this.#at = { trace: names.indexOf("operationid"), parent };
      return Object.assign(record, { cells: parent === -1 ? cells : cells.with(parent, COLUMNS.parent) });
    }
    const { trace, parent } = this.#at;
    const isOwn = parent !== -1 && parent < cells.length && cells[parent] === cells[trace];
    return isOwn ? Object.assign(record, { cells: cells.with(parent, "") }) : record;
  }
}

function withoutOwnParent(value: JsonObject): JsonObject {
  const isOwn = Object.hasOwn(value, COLUMNS.parent) && value[COLUMNS.parent] === value[COLUMNS.trace];
  return isOwn ? { ...value, [COLUMNS.parent]: "" } : value;
}
