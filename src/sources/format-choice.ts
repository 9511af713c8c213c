/** Which format a source is read as, and why. */
import { csvFormat } from "./formats/csv.ts";
import { FORMATS } from "./formats/registry.ts";
import type { JsonShape } from "./json/shape.ts";
import type { RecordFormat, SourceHead } from "./record.ts";

export interface FormatChoice {
  format: RecordFormat;
  /** A sentence's part: "it has resourceSpans". */
  reason: string;
}

/** The format called `name`, or for `auto` the first one that the head of the text shows. */
export function chooseFormat(name: string, head: SourceHead): FormatChoice {
  if (name !== "auto") {
    const format = FORMATS.find((one) => one.name === name) ?? csvFormat;
    return { format, reason: "--format says so" };
  }
  const noted = new NotedShape(head.isJson ? head.shape() : []);
  const noting = { ...head, shape: (): JsonShape => noted };
  for (const format of FORMATS) {
    noted.met.clear();
    if (format.matches(noting)) return { format, reason: format.reason?.(head) ?? reasonOf(noted) };
  }
  return { format: csvFormat, reason: csvFormat.reason?.(head) ?? "it is none of the others" };
}

const MOST_NAMED = 3;

function reasonOf({ met }: NotedShape): string {
  const paths = [...met].slice(0, MOST_NAMED);
  return paths.length === 0 ? "it begins as such files do" : `it has ${paths.join(", ")}`;
}

/** Remembers which of its paths were asked for. */
class NotedShape extends Set<string> {
  readonly met = new Set<string>();

  constructor(paths: Iterable<string>) {
    super();
    for (const path of paths) this.add(path);
  }

  override has(path: string): boolean {
    const isThere = super.has(path);
    if (isThere) this.met.add(path);
    return isThere;
  }
}
