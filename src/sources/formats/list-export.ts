/**
 * The frame of systems' exports that are lists (a table, a JSON array, an object a line) whose names alone would
 * mislead, or say too little: each says how it is known, and where the identity stands.
 */
import { foldName } from "../columns.ts";
import { withFirstPiece } from "../first-piece.ts";
import { sourceHead } from "../head.ts";
import type { ListColumns, RecordFormat } from "../record.ts";
import { csvFormat } from "./csv.ts";
import { jsonFormat } from "./json.ts";
import { ndjsonFormat } from "./ndjson.ts";

export interface ListExport {
  /** As typed after `--format`. */
  name: string;
  /** As people call it. */
  title: string;
  /** Whether a list whose records have these names, folded, is such an export. */
  matches: (names: ReadonlySet<string>) => boolean;
  columns: ListColumns;
}

/** The format that reads such lists; its records are spans, or traces. */
export function listExportFormat({ name, title, matches, columns }: ListExport): RecordFormat {
  return {
    name,
    title,
    spans: true,
    columns,
    matches: (head) => matches(head.names()),
    reason: (head) => {
      const { trace, span, parent } = columns;
      const there = [trace, span, parent].filter(
        (one) => one !== undefined && head.names().has(foldName(one)),
      );
      return there.length === 0
        ? "it has the names of such tables"
        : `it has ${there.join(", ")} beside other names of such tables`;
    },
    async *records(text, source) {
      const { head, all } = await withFirstPiece(text);
      yield* plainFormat(head).records(all, source);
    },
  };
}

/** What a list is written as. */
function plainFormat(text: string): RecordFormat {
  const head = sourceHead(text, false);
  return [ndjsonFormat, jsonFormat].find((format) => format.matches(head)) ?? csvFormat;
}
