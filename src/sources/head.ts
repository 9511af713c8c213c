/** The beginning of a source's text, as formats look at it. */
import type { JsonShape } from "./json/shape.ts";
import { shapeOf } from "./json/shape.ts";
import type { SourceHead } from "./record.ts";

/** RFC 7464 puts a record separator before each document; generated fixtures begin with comments. */
// oxlint-disable-next-line no-control-regex -- the separator is one
const BEFORE_JSON = /^(?:[\s\u001e]|\/\/[^\n]*\n)+/;

/** `whole`: whether nothing follows `text`. */
export function sourceHead(text: string, whole: boolean): SourceHead {
  let shape: JsonShape | undefined;
  const begin = text.replace(BEFORE_JSON, "");
  return {
    text,
    whole,
    isJson: /^[[{]/.test(begin),
    shape: () => (shape ??= shapeOf(begin)),
  };
}
