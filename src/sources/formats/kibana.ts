/**
 * Kibana: the CSV of Discover. A document is a log line, a transaction or a span; a transaction is the span that its
 * own ID names.
 */
import { foldName } from "../columns.ts";
import type { RecordFormat, SourceRecord } from "../record.ts";
import { isMissing } from "../row-problems.ts";
import { csvFormat } from "./csv.ts";

const MARKS = ["timestamp", "index", "timestampus"];

export const kibanaFormat: RecordFormat = {
  name: "kibana",
  title: "Kibana CSV",
  spans: true,
  columns: { trace: "trace.id", span: "span.id", parent: "parent.id" },
  matches: (head) => {
    // By the names as they are written: dots are Elastic's, and in a folded name there are none.
    if (head.isJson || !/\btrace\.id\b/.test(head.text.slice(0, head.text.indexOf("\n")))) return false;
    const names = head.names();
    return names.has("traceid") && MARKS.some((mark) => names.has(mark));
  },
  reason: () => "it has trace.id beside names that Elasticsearch gives",
  async *records(text, source) {
    let columns: { span: number; transaction: number } | undefined;
    for await (const records of csvFormat.records(text, source)) {
      for (const record of records) {
        if (record.kind !== "cells") continue;
        if (columns === undefined) columns = spanColumns(record);
        else takeTransaction(record, columns);
      }
      yield records;
    }
  },
};

type Cells = Extract<SourceRecord, { kind: "cells" }>;

function spanColumns({ cells }: Cells): { span: number; transaction: number } {
  const at = (name: string) => cells.findIndex((cell) => foldName(cell) === foldName(name));
  return { span: at("span.id"), transaction: at("transaction.id") };
}

function takeTransaction(
  { cells }: Cells,
  { span, transaction }: { span: number; transaction: number },
): void {
  if (span === -1 || transaction === -1 || !isMissing((cells[span] ?? "").trim())) return;
  cells[span] = cells[transaction] ?? "";
}
