/** The beginning of a source's text, as formats look at it. */
import { parse } from "csv-parse/sync";
import { foldName } from "./columns.ts";
import { sniffDelimiter } from "./formats/delimiter.ts";
import type { JsonShape } from "./json/shape.ts";
import { shapeOf } from "./json/shape.ts";
import type { SourceHead } from "./record.ts";

/** RFC 7464 puts a record separator before each document; generated fixtures begin with comments. */
// oxlint-disable-next-line no-control-regex -- the separator is one
const BEFORE_JSON = /^(?:[\s\u001e]|\/\/[^\n]*\n)+/;

/** `whole`: whether nothing follows `text`. */
export function sourceHead(text: string, whole: boolean): SourceHead {
  let shape: JsonShape | undefined;
  let names: ReadonlySet<string> | undefined;
  const begin = text.replace(BEFORE_JSON, "");
  const isJson = /^[[{]/.test(begin);
  const head: SourceHead = {
    text,
    whole,
    isJson,
    shape: () => (shape ??= shapeOf(begin)),
    names: () => (names ??= isJson ? keysOf(head.shape(), begin) : firstCells(text)),
  };
  return head;
}

/** Nested keys are names with their parents' before them; an array's own keys are those of its elements. */
function keysOf(shape: JsonShape, begin: string): ReadonlySet<string> {
  const paths = begin.startsWith("{") ? [...shape] : [...shape].map((path) => path.replace(/^\[\]\.?/, ""));
  return new Set(paths.filter((path) => !path.includes("[]")).map(foldName));
}

function firstCells(text: string): ReadonlySet<string> {
  try {
    const [cells = []] = parse(text, {
      delimiter: sniffDelimiter(text),
      // Finding it out takes long where there is none.
      record_delimiter: ["\r\n", "\n", "\r"],
      to: 1,
      relax_quotes: true,
      relax_column_count: true,
      skip_empty_lines: true,
    });
    return new Set(cells.map(foldName));
  } catch {
    // A first line that is no record has no names.
    return new Set();
  }
}
