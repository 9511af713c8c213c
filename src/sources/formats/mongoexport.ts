/**
 * mongoexport: documents in MongoDB's Extended JSON, one a line or as an array. They are lists; only what wraps a value
 * (`$oid`, `$numberLong` …) is taken off. (Its CSV is a table.)
 */
import { withFirstPiece } from "../first-piece.ts";
import { sourceHead } from "../head.ts";
import type { RecordFormat, SourceHead, SourceRecord } from "../record.ts";
import { isJsonObject } from "./json-object.ts";
import { jsonFormat } from "./json.ts";
import { ndjsonFormat } from "./ndjson.ts";

/** IDs stand no deeper; what is nested deeper stays as it is. */
const MAX_DEPTH = 4;

const TEXTS = new Set(["$oid", "$numberLong", "$numberInt", "$numberDecimal", "$uuid", "$symbol"]);
/** Of a document, or of one in an array: some value that is wrapped. */
const WRAPPED = /^(?:\[\]\.)?[^[\]]+\.\$(?:oid|numberLong|numberInt|numberDecimal|uuid|binary|date)$/;

export const mongoexportFormat: RecordFormat = {
  name: "mongoexport",
  title: "mongoexport",
  spans: false,
  matches: (head) => head.isJson && wrappedIn(head) !== undefined,
  reason: (head) => `it has ${wrappedIn(head)}`,
  async *records(text, source) {
    const { head, all } = await withFirstPiece(text);
    const plain = ndjsonFormat.matches(sourceHead(head, false)) ? ndjsonFormat : jsonFormat;
    for await (const records of plain.records(all, source)) yield records.map(withoutWrappers);
  },
};

function wrappedIn(head: SourceHead): string | undefined {
  return [...head.shape()].find((path) => WRAPPED.test(path));
}

function withoutWrappers(record: SourceRecord): SourceRecord {
  if (record.kind !== "object") return record;
  const value = unwrapped(record.value);
  return isJsonObject(value) ? { ...record, value } : record;
}

/** The value that the wrapper stands for, where that can be an ID. */
function unwrapped(value: unknown, depth = 0): unknown {
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value);
  const [[key, inner] = ["", undefined], ...others] = entries;
  if (others.length === 0 && TEXTS.has(key) && typeof inner === "string") return inner;
  if (others.length === 0 && key === "$binary") return idOfBinary(inner) ?? value;
  if (depth >= MAX_DEPTH) return value;
  return Object.fromEntries(entries.map(([key, inner]) => [key, unwrapped(inner, depth + 1)]));
}

/** Bytes of an ID become hex, and those of a UUID (subtype 4) its usual form. */
function idOfBinary(binary: unknown): string | undefined {
  if (!isJsonObject(binary) || typeof binary["base64"] !== "string") return undefined;
  const bytes = Buffer.from(binary["base64"], "base64");
  if (bytes.length !== 8 && bytes.length !== 16) return undefined;
  const hex = bytes.toString("hex");
  if (binary["subType"] !== "04" && binary["subType"] !== "4") return hex;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
