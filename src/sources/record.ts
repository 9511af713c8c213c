/**
 * What stands between the bytes of a source and its rows: records, and the formats that read them from text. A format
 * is one file exporting one `RecordFormat`; `formats/registry.ts` lists them all.
 */

import type { JsonShape } from "./json/shape.ts";

/** A parsed JSON object. */
export type JsonObject = { readonly [key: string]: unknown };

/** Why a record can never be sent. `message` says the value; the caller puts file and line before it. */
export interface RowProblem {
  code: string;
  message: string;
}

/** One record, or what else is said of a source while it is read. */
export type SourceRecord =
  /** `named`: these are the columns' names, and no row. `isRoot` undefined: the source does not say. */
  | { kind: "cells"; line: number; cells: string[]; named?: true; isRoot?: boolean }
  /** `text` is the object's JSON: numbers are read from it without loss. Omit it where IDs are strings already. */
  | { kind: "object"; line: number; value: JsonObject; text?: string }
  /**
   * A span of a tracing system's export, or a trace without one. IDs are as the JSON has them: a text, or nothing.
   * `isRoot` undefined: the export does not say. `zeroIsAnId`: a trace ID of 0 names one. `value` is what conditions
   * are looked up in.
   */
  | {
      kind: "span";
      line: number;
      traceId: unknown;
      spanId?: unknown;
      isRoot?: boolean;
      zeroIsAnId?: boolean;
      value: JsonObject;
    }
  | { kind: "broken"; line: number; problem: RowProblem }
  /** Something that holds no row and is no fault: `what` in the plural, "log batches". */
  | { kind: "passed-over"; line: number; what: string }
  /**
   * The source says that it is a part of something larger. `message` begins in the middle of a sentence; `follow` is what
   * would be typed to have the server asked for the rest.
   */
  | { kind: "page"; line: number; message: string; follow?: string | undefined };

/** Where a list has its identity, whatever its other names look like. The user's own choice comes before it. */
export interface ListColumns {
  trace: string;
  span?: string;
  /** Names a span's parent: where that is missing, the span is a root. */
  parent?: string;
}

/** The beginning of a source's text, by which its format is known. */
export interface SourceHead {
  readonly text: string;
  /** Whether nothing follows it. */
  readonly whole: boolean;
  /** Whether it begins as JSON does. */
  readonly isJson: boolean;
  /** The paths that stand in it, of JSON. */
  shape(): JsonShape;
  /** The names that its records have, folded: a table's first line, or the keys of the first JSON objects. */
  names(): ReadonlySet<string>;
}

export interface RecordFormat {
  /** As typed after `--format`, and shown to people. */
  readonly name: string;
  /** As people call it. */
  readonly title: string;
  /** Whether its records are spans, so that one trace stands in many of them. */
  readonly spans: boolean;
  /** For lists alone; undefined: their columns are known by their names. */
  readonly columns?: ListColumns;
  /** Whether such a list can say that it is a part of something larger. (Of spans it is known, for all are counted.) */
  readonly pages?: true;
  matches(head: SourceHead): boolean;
  /** What of the head shows it: "it has resourceSpans". Omit it, or answer nothing, where paths in JSON do. */
  reason?(head: SourceHead): string | undefined;
  /**
   * Reads the records. Faults of one record are `broken` records; a source that is not what it seems to be throws
   * `source_format`, after the records before the fault. The first piece of `text` is its head: `HEAD_CHARS` characters,
   * or all there are. It has neither byte order mark nor broken characters.
   */
  records(text: AsyncIterable<string>, source: string): AsyncIterable<SourceRecord[]>;
}

/** Longest line, or record of several lines, that is read; a longer one is an invalid row and never held in memory. */
export const MAX_RECORD_CHARS = 1024 * 1024;

/** How much text a format is recognised by. */
export const HEAD_CHARS = 64 * 1024;

/** A source's text as a person would want to see it in a message: escaped, and cut after 60 characters. */
export function excerpt(text: string, length = 60): string {
  const cut = text.length > length ? `${text.slice(0, length)}…` : text;
  return JSON.stringify(cut);
}
