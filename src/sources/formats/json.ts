/** JSON: an array of objects, an object around one, or objects one after the other. Read as a stream. */
import { TraceloadError } from "../../core/errors.ts";
import { namesTrace } from "../columns.ts";
import type { RecordFormat, SourceRecord } from "../record.ts";
import { tooLong } from "../row-problems.ts";
import { parseJsonObject } from "./json-object.ts";
import { JsonScanner, type JsonElement } from "./json-scanner.ts";

function asRecord({ line, text }: JsonElement): SourceRecord {
  return text === undefined ? { kind: "broken", line, problem: tooLong() } : parseJsonObject(text, line);
}

export function newScanner(): JsonScanner {
  return new JsonScanner(namesTrace);
}

export const jsonFormat: RecordFormat = {
  name: "json",

  matches(head) {
    return /^[[{]/.test(head.replaceAll("\u001e", "").trimStart());
  },

  async *records(text, source) {
    const scanner = newScanner();
    const failIfFaulty = (): void => {
      if (scanner.fault === undefined) return;
      const { line, message } = scanner.fault;
      throw new TraceloadError("source_format", `${source}:${line}: ${message}`, {
        next: "Rows before it were read. Mend or export the file again; one JSON object a line (NDJSON) survives bad lines.",
      });
    };
    for await (const chunk of text) {
      const elements = scanner.push(chunk);
      if (elements.length > 0) yield elements.map(asRecord);
      failIfFaulty();
    }
    scanner.end();
    failIfFaulty();
  },
};
