/** NDJSON (JSON Lines): one object a line, in any mix of line ends, blank lines allowed. */
import { holdsTrace } from "../object-fields.ts";
import { excerpt, type RecordFormat, type RowProblem, type SourceRecord } from "../record.ts";
import { problem, tooLong } from "../row-problems.ts";
import { TextLines, type TextLine } from "../text-lines.ts";
import { holdsArrayOfObjects, parseJsonObject } from "./json-object.ts";
import { beginsRecord } from "./json.ts";

function recordOf({ line, text, ended }: TextLine): SourceRecord | undefined {
  if (text === undefined) return { kind: "broken", line, problem: tooLong() };
  if (!text.startsWith("{") && text.trim() === "") return undefined;
  const record = parseJsonObject(text, line);
  const cutOff = !ended && record.kind === "broken" && record.problem.code === "invalid_json";
  return cutOff ? { kind: "broken", line, problem: cutOffLine(text) } : record;
}

function cutOffLine(text: string): RowProblem {
  return problem("invalid_json", `the last line is not complete JSON, it may be cut off: ${excerpt(text)}`);
}

/** Whether the line is an object around an array of records rather than a record. */
function isWrapper(line: string): boolean {
  const record = parseJsonObject(line, 1);
  return record.kind === "object" && !holdsTrace(record.value) && holdsArrayOfObjects(record.value);
}

function isObjectLine(line: string): boolean {
  return parseJsonObject(line, 1).kind === "object";
}

export const ndjsonFormat: RecordFormat = {
  name: "ndjson",
  title: "NDJSON",
  spans: false,

  matches({ text: head, whole }) {
    if (!head.trimStart().startsWith("{")) return false;
    const lines = head.split("\n");
    const last = whole ? "" : (lines.pop() ?? "");
    const [first, second] = lines.filter((line) => line.trim() !== "");
    if (first === undefined) return beginsRecord(last);
    if (isObjectLine(first)) return !isWrapper(first);
    // A first line that is broken, followed by a good one, is no reason to take the rest for one document.
    return !/[[{,:]\s*$/.test(first) && second !== undefined && isObjectLine(second);
  },

  reason: () => "its first line is a JSON object, and no export that is known",

  async *records(text) {
    let records: SourceRecord[] = [];
    const lines = new TextLines((line) => {
      const record = recordOf(line);
      if (record !== undefined) records.push(record);
    });
    for await (const chunk of text) {
      lines.push(chunk);
      if (records.length > 0) yield records;
      records = [];
    }
    lines.end();
    yield records;
  },
};
