/**
 * What stands between the bytes of a source and its rows: records, and the formats that read them from text. A format
 * is one file exporting one `RecordFormat`; `formats/registry.ts` lists them all.
 */

/** A parsed JSON object. */
export type JsonObject = { readonly [key: string]: unknown };

/** Why a record can never be sent. `message` says the value; the caller puts file and line before it. */
export interface RowProblem {
  code: string;
  message: string;
}

/**
 * One record. A format for a tracing system's export yields `object` records whose `value` holds `trace_id` and
 * `span_id`, whatever the export calls them.
 */
export type SourceRecord =
  | { kind: "cells"; line: number; cells: string[] }
  /** `text` is the object's JSON: numbers are read from it without loss. Omit it where IDs are strings already. */
  | { kind: "object"; line: number; value: JsonObject; text?: string }
  | { kind: "broken"; line: number; problem: RowProblem };

export interface RecordFormat {
  /** As typed after `--format`, and shown to people. */
  readonly name: string;
  /** Whether text that starts with `head` is this format. `whole`: nothing follows the head. */
  matches(head: string, whole: boolean): boolean;
  /**
   * Reads the records. Faults of one record are `broken` records; a source that is not what it seems to be throws
   * `source_format`, after the records before the fault. The first piece of `text` is its head: at least `HEAD_CHARS`
   * characters, or all there are. It has neither byte order mark nor broken characters.
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
