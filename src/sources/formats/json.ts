/** JSON: an array of objects, an object around one, or objects one after the other. Read as a stream. */
import { TraceloadError } from "../../core/errors.ts";
import { namesTrace } from "../columns.ts";
import { marksPages, WrapperPages } from "../json/wrapper-pages.ts";
import { holdsTrace } from "../object-fields.ts";
import type { RecordFormat, SourceRecord } from "../record.ts";
import { tooLong } from "../row-problems.ts";
import { holdsArrayOfObjects, parseJsonObject } from "./json-object.ts";
import { JsonScanner, type JsonElement } from "./json-scanner.ts";

function asRecord({ line, text }: JsonElement): SourceRecord {
  return text === undefined ? { kind: "broken", line, problem: tooLong() } : parseJsonObject(text, line);
}

/** Whether text that is cut off inside an object showed before that it is a record. */
export function beginsRecord(head: string): boolean {
  const scanner = new JsonScanner({ wrappers: true, namesRecord: namesTrace });
  scanner.push(head);
  return scanner.insideRecord;
}

/** Whether the objects that follow one another are wrappers: the first one tells, as far as it is in the head. */
function holdsWrappers(head: string): boolean {
  const [first] = new JsonScanner({ wrappers: false, namesRecord: namesTrace }).push(head).map(asRecord);
  if (first?.kind !== "object") return !beginsRecord(head);
  return !holdsTrace(first.value) && holdsArrayOfObjects(first.value);
}

export const jsonFormat: RecordFormat = {
  name: "json",
  title: "JSON",
  spans: false,

  matches: ({ text }) => /^[[{]/.test(text.replaceAll("\u001e", "").trimStart()),

  reason: () => "it is no export that is known, and so a list",

  async *records(text, source) {
    let scanner: JsonScanner | undefined;
    const failIfFaulty = (): void => {
      if (scanner?.fault === undefined) return;
      const { line, message } = scanner.fault;
      throw new TraceloadError("source_format", `${source}:${line}: ${message}`, {
        next: "Rows before it were read. Mend or export the file again; one JSON object a line (NDJSON) survives bad lines.",
      });
    };
    const pages = new WrapperPages();
    let held = 0;
    for await (const chunk of text) {
      scanner ??= new JsonScanner({
        wrappers: holdsWrappers(chunk),
        namesRecord: namesTrace,
        keepsMember: marksPages,
        onWrapper: (members) => pages.take(members),
      });
      const elements = scanner.push(chunk);
      held += elements.length;
      if (elements.length > 0) yield elements.map(asRecord);
      failIfFaulty();
    }
    scanner?.end();
    failIfFaulty();
    const parts = pages.end(held);
    if (parts.length > 0) yield parts;
  },
};
