/** Systems whose exports come in two forms: as JSON of their own, and as lists. */
import { withFirstPiece } from "../first-piece.ts";
import { sourceHead } from "../head.ts";
import type { RecordFormat, SourceHead } from "../record.ts";

/** One format, under the name of `json`; the lists' columns are what `list` says. */
export function eitherFormat(json: RecordFormat, list: RecordFormat): RecordFormat {
  const { name, title } = json;
  const { columns } = list;
  const formOf = (head: SourceHead): RecordFormat =>
    json.matches(head) || (head.isJson && !list.matches(head)) ? json : list;
  return {
    name,
    title,
    spans: true,
    ...(columns === undefined ? {} : { columns }),
    matches: (head) => json.matches(head) || list.matches(head),
    reason: (head) => formOf(head).reason?.(head),
    async *records(text, source) {
      const { head, all } = await withFirstPiece(text);
      yield* formOf(sourceHead(head, false)).records(all, source);
    },
  };
}
