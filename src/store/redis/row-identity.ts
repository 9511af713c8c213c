/**
 * What a row is and where it came from, in few bytes: hex and UUIDs as the bytes they stand for, everything else
 * exactly as the source wrote it.
 */
import type { NewRow } from "../../core/store.ts";

export type RowIdentity = Pick<NewRow, "source" | "line" | "datasetGroupId" | "traceId" | "spanId">;

/** How a text's bytes are to be read. Never renumbered: stored rows name them. */
const FORMS = ["utf8", "hex", "upper-hex", "uuid", "utf16"] as const;
type Form = (typeof FORMS)[number];

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function packIdentity(row: RowIdentity): Buffer {
  const parts: number[] = [];
  pushNumber(parts, row.source);
  pushNumber(parts, row.line);
  const pieces: Buffer[] = [Buffer.from(parts)];
  for (const text of [row.datasetGroupId, row.traceId, row.spanId]) {
    const form = formOf(text);
    const bytes = toBytes(text, form);
    const head: number[] = [];
    pushNumber(head, bytes.length * 8 + FORMS.indexOf(form));
    pieces.push(Buffer.from(head), bytes);
  }
  return Buffer.concat(pieces);
}

export function unpackIdentity(bytes: Buffer): RowIdentity {
  let at = 0;
  function number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes.readUInt8(at++);
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  }
  function text(): string {
    const head = number();
    const length = Math.floor(head / 8);
    const form = FORMS[head % 8];
    if (form === undefined) throw new RangeError(`no form of text has the number ${head % 8}`);
    at += length;
    return fromBytes(bytes.subarray(at - length, at), form);
  }
  return { source: number(), line: number(), datasetGroupId: text(), traceId: text(), spanId: text() };
}

function formOf(text: string): Form {
  if (text.length % 2 === 0 && text !== "") {
    if (/^[0-9a-f]+$/.test(text)) return "hex";
    if (/^[0-9A-F]+$/.test(text)) return "upper-hex";
    if (UUID.test(text)) return "uuid";
  }
  return text.isWellFormed() ? "utf8" : "utf16";
}

function toBytes(text: string, form: Form): Buffer {
  switch (form) {
    case "utf8":
      return Buffer.from(text, "utf8");
    case "hex":
    case "upper-hex":
      return Buffer.from(text, "hex");
    case "uuid":
      return Buffer.from(text.replaceAll("-", ""), "hex");
    case "utf16":
      return Buffer.from(text, "utf16le");
    default:
      return form satisfies never;
  }
}

function fromBytes(bytes: Buffer, form: Form): string {
  switch (form) {
    case "utf8":
      return bytes.toString("utf8");
    case "hex":
      return bytes.toString("hex");
    case "upper-hex":
      return bytes.toString("hex").toUpperCase();
    case "uuid":
      return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    case "utf16":
      return bytes.toString("utf16le");
    default:
      return form satisfies never;
  }
}

/** Seven bits to a byte, lowest first. */
function pushNumber(into: number[], value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) into.push((rest % 128) + 128);
  into.push(rest);
}
