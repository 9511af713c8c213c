/** Every format there is. Order is the order of detection: the first that matches is taken, the table last. */
import type { RecordFormat } from "../record.ts";
import { csvFormat, tsvFormat } from "./csv.ts";
import { jsonFormat } from "./json.ts";
import { ndjsonFormat } from "./ndjson.ts";

const FORMATS: readonly RecordFormat[] = [ndjsonFormat, jsonFormat, tsvFormat, csvFormat];

/** The format called `name`, or for `auto` the one that the head of the text shows. */
export function chooseFormat(name: string, head: string, whole: boolean): RecordFormat {
  const chosen =
    name === "auto"
      ? FORMATS.find((format) => format.matches(head, whole))
      : FORMATS.find((format) => format.name === name);
  return chosen ?? csvFormat;
}
