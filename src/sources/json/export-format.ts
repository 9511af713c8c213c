/** The frame of the formats for tracing systems' JSON exports: each says where its spans stand, and how one is read. */
import { TraceloadError } from "../../core/errors.ts";
import { isJsonObject, notAnObject, parseJson } from "../formats/json-object.ts";
import type { JsonObject, RecordFormat, SourceRecord } from "../record.ts";
import { brokenJson, isNoParent, tooLong } from "../row-problems.ts";
import { sourceHead } from "../head.ts";
import { Pages } from "./pages.ts";
import type { JsonShape } from "./shape.ts";
import { JsonWalker, type FoundText } from "./walker.ts";

/** A span, or a trace (without `spanId`), as an export names it. Values are as they stand in the JSON. */
export interface ExportedSpan {
  traceId: unknown;
  spanId?: unknown;
  /** Whether no other span of its trace is its parent; undefined: the export does not say. */
  isRoot?: boolean;
  /** Whether a trace ID of 0 names a trace; else it means that there is none. */
  zeroIsAnId?: boolean;
}

export interface JsonExport {
  /** As typed after `--format`. */
  name: string;
  /** As people call it. */
  title: string;
  /** Whether a document that begins so is such an export. */
  matches(shape: JsonShape): boolean;
  /** Where the records of such a document stand, in the notation of `JsonWalker`. */
  paths: readonly string[] | ((shape: JsonShape) => readonly string[]);
  /** The spans that a record names; undefined: it is not what such a record is. */
  spans: (record: unknown, path: string) => readonly ExportedSpan[] | undefined;
  /** What else stands in such files and holds no span: where, and what it is called. It is counted. */
  passedOver?: Readonly<Record<string, string>>;
  /** Where it stands what leads to the next page, if this is one of several: not null, false or empty. */
  cursors?: readonly string[];
  /** Where it stands how many records there are in all, and the path of the records that this counts. */
  totals?: Readonly<Record<string, string>>;
  /** Where the system lists traces that it did not hand out. */
  missing?: string;
  /** Numbers come as texts, exactly as written: for exports whose IDs are numbers. */
  exactNumbers?: boolean;
  /** Longest record; 1 MiB unless told. */
  maxRecordChars?: number;
}

/** The format that reads such exports: documents of any size, one or several, one a line or not. */
export function jsonExportFormat(definition: JsonExport): RecordFormat {
  const { name, title } = definition;
  return {
    name,
    title,
    spans: true,
    matches: (head) => head.isJson && definition.matches(head.shape()),
    async *records(text, source) {
      let reader: ExportReader | undefined;
      for await (const chunk of text) {
        reader ??= new ExportReader(definition, chunk);
        const records = reader.read(chunk);
        if (records.length > 0) yield records;
        reader.failIfFaulty(source);
      }
      if (reader === undefined) return;
      yield reader.end();
      reader.failIfFaulty(source);
    },
  };
}

class ExportReader {
  readonly #definition: JsonExport;
  readonly #walker: JsonWalker;
  readonly #found = new Map<string, number>();
  readonly #pages: Pages;

  constructor(definition: JsonExport, head: string) {
    const { paths, passedOver = {}, cursors = [], totals = {}, missing, maxRecordChars } = definition;
    this.#definition = definition;
    this.#pages = new Pages({ cursors, totals, missing });
    const own = typeof paths === "function" ? paths(sourceHead(head, false).shape()) : paths;
    this.#walker = new JsonWalker({
      paths: [...own, ...Object.keys(passedOver), ...this.#pages.paths],
      lines: isOneDocumentALine(head),
      ...(maxRecordChars === undefined ? {} : { maxChars: maxRecordChars }),
    });
  }

  read(chunk: string): SourceRecord[] {
    return this.#walker
      .push(chunk)
      .flatMap((found) => (found.path === undefined ? [brokenJson(found)] : this.#recordsOf(found)));
  }

  /** What is known only when all was read. */
  end(): SourceRecord[] {
    this.#walker.end();
    return this.#pages.end(this.#found);
  }

  failIfFaulty(source: string): void {
    const { fault } = this.#walker;
    if (fault === undefined) return;
    throw new TraceloadError("source_format", `${source}:${fault.line}: ${fault.message}`, {
      next: "Rows before it were read. Mend or export the file again; one JSON object a line (NDJSON) survives bad lines.",
    });
  }

  #recordsOf({ path, line, text }: FoundText): SourceRecord[] {
    const { passedOver = {}, spans, exactNumbers = false } = this.#definition;
    const what = passedOver[path];
    if (what !== undefined) return [{ kind: "passed-over", line, what }];
    if (text === undefined) return [{ kind: "broken", line, problem: tooLong() }];
    if (this.#pages.paths.includes(path)) {
      this.#pages.take(path, text);
      return [];
    }
    const parsed = parseJson(text, exactNumbers);
    this.#found.set(path, (this.#found.get(path) ?? 0) + 1);
    if (!parsed.ok) return [{ kind: "broken", line, problem: parsed.problem }];
    const { value } = parsed;
    const found = spans(value, path);
    if (found === undefined) return [{ kind: "broken", line, problem: notAnObject(text) }];
    const place = { kind: "span" as const, line, value: isJsonObject(value) ? value : {} };
    return found.map((span) => Object.assign({}, place, span));
  }
}

/** Spans of records that are objects. */
export function ofObject(
  read: (record: JsonObject, path: string) => readonly ExportedSpan[],
): JsonExport["spans"] {
  return (record, path) => (isJsonObject(record) ? read(record, path) : undefined);
}

/** Whether one of the paths is there. */
export function hasAny(shape: JsonShape, paths: readonly string[]): boolean {
  return paths.some((path) => shape.has(path));
}

/** The spans of a list that stands in a record. */
export function objectsIn(list: unknown): JsonObject[] {
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}

/**
 * Whether the first line is a document of its own. Of an object whose line does not end in the head, so it seems. A
 * first line that is broken, followed by a good one, is no reason to take the rest for one document.
 */
function isOneDocumentALine(head: string): boolean {
  const lines = head.trimStart().replaceAll("\u001e", "").split("\n");
  const last = lines.pop() ?? "";
  const [first, second] = lines.filter((line) => line.trim() !== "");
  if (first === undefined) return last.startsWith("{");
  if (parseJson(first).ok) return true;
  return !/[[{,:]\s*$/.test(first) && second !== undefined && /^\s*[[{]/.test(second) && parseJson(second).ok;
}

export { isNoParent };
export type { JsonShape };
