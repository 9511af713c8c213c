/**
 * What the console exporters of OpenTelemetry's SDKs print as text for people to look at. JavaScript's objects and
 * Java's log lines are read; the others print values as they are, so that a value could pass for an ID, and are refused
 * by name.
 */
import { TraceloadError } from "../../core/errors.ts";
import { namesTrace } from "../columns.ts";
import { isNoParent } from "../json/export-format.ts";
import { excerpt, type RecordFormat, type RowProblem, type SourceRecord } from "../record.ts";
import { problem, tooLong } from "../row-problems.ts";
import { TextLines, type TextLine } from "../text-lines.ts";

const OTHER_LINES = "lines of other output";
const NOT_A_SPAN = "printed objects without a span";

/** `util.inspect` indents every key, and escapes the line breaks of values: no value looks like such a line. */
const JS_OBJECT = /^\{\r?\n(?: {2}[^\n]*\n)*? {2}traceId: '[0-9a-f]{32}',/m;
const JS_KEY = /^ {2}(traceId|id|parentId): '([0-9a-f]*)',?\r?$/;
const JS_PARENT = /^ {2}parentSpanContext: [{[]/;

/** `'name' : trace span KIND [tracer: …] attributes`, behind whatever the logger puts before it. */
const JAVA_SPAN =
  /' : ([0-9a-f]{32}) ([0-9a-f]{16}) (?:INTERNAL|SERVER|CLIENT|PRODUCER|CONSUMER) \[tracer: /g;
const JAVA_EXPORTER = "LoggingSpanExporter";

const WRITE_OTLP = "Send the spans to an OpenTelemetry Collector, and import what its file exporter writes.";
const REFUSED: readonly { printer: string; seen: RegExp; next: string }[] = [
  { printer: ".NET's console exporter", seen: /^Activity\.TraceId: /m, next: WRITE_OTLP },
  {
    printer: "Ruby's console exporter",
    seen: /^#<struct OpenTelemetry::SDK::Trace::SpanData/m,
    next: WRITE_OTLP,
  },
  { printer: "Rust's stdout exporter", seen: /^\s+TraceId\s*: [0-9a-f]{32}\s*$/m, next: WRITE_OTLP },
  {
    printer: "C++'s ostream exporter",
    seen: /^\{\r?\n\s+name\s+: .*\r?\n\s+trace_id\s+: /m,
    next: WRITE_OTLP,
  },
  {
    printer: "the Collector's debug exporter",
    seen: /^\s+Trace ID\s*: [0-9a-f]{32}\s*$/m,
    next: "Let the Collector's file exporter write them, and import that file.",
  },
  {
    printer: "Java's JSON logging exporter, behind a logger's prefix",
    seen: /^[^\n{]+\{"resource":[^\n]*"scopeSpans":/m,
    next: `Take the prefix away: grep -o '{"resource".*' FILE | traceload import -`,
  },
];

/** A table may hold such lines in its cells. */
function isTable(text: string): boolean {
  const first = text.slice(0, text.indexOf("\n") + 1 || text.length);
  return first.split(/[,;\t|]/).some((name) => namesTrace(name.replaceAll('"', "").trim()));
}

function isJavaLog(text: string): boolean {
  return text.includes(JAVA_EXPORTER) && text.search(JAVA_SPAN) !== -1;
}

export const otelConsoleTextFormat: RecordFormat = {
  name: "otel-console-text",
  title: "OpenTelemetry console text",
  spans: true,
  matches: ({ text }) =>
    JS_OBJECT.test(text) ||
    ((isJavaLog(text) || REFUSED.some(({ seen }) => seen.test(text))) && !isTable(text)),
  reason: ({ text }) =>
    JS_OBJECT.test(text)
      ? "it has printed objects with a traceId"
      : "it has lines that a console exporter prints",
  async *records(text, source) {
    let records: SourceRecord[] = [];
    let printed: PrintedSpans | undefined;
    const lines = new TextLines((line) => {
      const record = printed?.take(line);
      if (record !== undefined) records.push(record);
    });
    for await (const chunk of text) {
      printed ??= printedSpans(chunk, source);
      lines.push(chunk);
      if (records.length > 0) yield records;
      records = [];
    }
    lines.end();
    yield records;
    if (printed?.isOpen === true) throw cutOff(source);
  },
};

interface PrintedSpans {
  /** What the line says, or completes. */
  take(line: TextLine): SourceRecord | undefined;
  /** Whether a span began and has not ended. */
  readonly isOpen: boolean;
}

function printedSpans(head: string, source: string): PrintedSpans {
  const refused = REFUSED.find(({ seen }) => seen.test(head));
  if (refused === undefined) return JS_OBJECT.test(head) ? new JsObjects() : new JavaLines();
  const { printer, next } = refused;
  throw new TraceloadError(
    "source_format",
    `${source} is output of ${printer}, from which IDs cannot be told for sure: what a span holds can look like one`,
    { next: next.replace("FILE", source) },
  );
}

function cutOff(source: string): TraceloadError {
  return new TraceloadError("source_format", `${source} ends in the middle of a span: the file is cut off`, {
    next: "Rows before it were read. Record the output again.",
  });
}

function broken(line: number, problem: RowProblem): SourceRecord {
  return { kind: "broken", line, problem };
}

function passedOver(line: number, what: string): SourceRecord {
  return { kind: "passed-over", line, what };
}

class JsObjects implements PrintedSpans {
  #open: { line: number; keys: Map<string, string>; hasParent: boolean } | undefined;

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** A line that is too long is none of a span's keys. */
  take({ line, text: raw = "…" }: TextLine): SourceRecord | undefined {
    const text = raw.trimEnd();
    if (this.#open === undefined) {
      if (text === "{") this.#open = { line, keys: new Map(), hasParent: false };
      return text === "{" || text === "" ? undefined : passedOver(line, OTHER_LINES);
    }
    if (text === "}") return this.#close(this.#open);
    const [, key, value] = JS_KEY.exec(text) ?? [];
    if (key !== undefined && value !== undefined) this.#open.keys.set(key, value);
    else if (JS_PARENT.test(text)) this.#open.hasParent = true;
    return undefined;
  }

  #close({ line, keys, hasParent }: { line: number; keys: Map<string, string>; hasParent: boolean }) {
    this.#open = undefined;
    const [traceId, spanId] = [keys.get("traceId"), keys.get("id")];
    if (traceId === undefined && spanId === undefined) return passedOver(line, NOT_A_SPAN);
    const isRoot = !hasParent && isNoParent(keys.get("parentId"));
    return { kind: "span" as const, line, traceId, spanId, isRoot, value: { traceId, spanId } };
  }
}

class JavaLines implements PrintedSpans {
  readonly isOpen = false;

  take({ line, text }: TextLine): SourceRecord | undefined {
    if (text === undefined) return broken(line, tooLong());
    const [found, another] = text.matchAll(JAVA_SPAN);
    if (found === undefined) return text.trim() === "" ? undefined : passedOver(line, OTHER_LINES);
    // A name or an attribute can hold such text: which one is the span's cannot be told.
    if (another !== undefined) {
      return broken(line, problem("ambiguous_ids", `the line names more than one span: ${excerpt(text)}`));
    }
    const [, traceId, spanId] = found;
    return { kind: "span", line, traceId, spanId, value: { traceId, spanId } };
  }
}
