/** The bytes that scripts take and give: texts sent once per call, results of 20 bytes, entries of the ledger. */
import type { AddMode } from "../../core/outcome.ts";
import type { LedgerEntry, LeaseId, StoredRow, Token } from "../../core/store.ts";
import type { RowKey } from "../../core/row.ts";
import { ENTRY_STATES, MAX_TEXT_CHARS, statusOf } from "./layout.ts";
import type { Argument, Reply } from "./script.ts";

/** Texts of one script call, each sent once; records name them by their place in ARGV. */
export class TextList {
  readonly args: Argument[] = [];
  readonly #places = new Map<string, number>();
  readonly #before: number;

  /** `before`: how many arguments stand before the first text. */
  constructor(before: number) {
    this.#before = before;
  }

  place(text: string): number {
    let place = this.#places.get(text);
    if (place === undefined) {
      this.args.push(text);
      place = this.#before + this.args.length;
      this.#places.set(text, place);
    }
    return place;
  }
}

/** Code and message as scripts store them; cut to 500 characters, never within one. */
export function resultText(code: string | undefined, message: string | undefined): string {
  if (code === undefined && message === undefined) return "";
  const text = `${code ?? ""}\0${message ?? ""}`;
  if (text.length <= MAX_TEXT_CHARS) return text;
  const cut = text.slice(0, MAX_TEXT_CHARS);
  return cut.isWellFormed() || !text.isWellFormed() ? cut : cut.slice(0, -1);
}

const MODES: readonly (AddMode | undefined)[] = [undefined, "trace", "span"];

export function modeNumber(mode: AddMode): number {
  return MODES.indexOf(mode);
}

export type StoredResult = Omit<
  StoredRow,
  "row" | "source" | "line" | "datasetGroupId" | "traceId" | "spanId"
>;

/** Longest duration and most attempts that a result can hold. */
export const MAX_DURATION_MS = 0xffffff - 1;
export const MAX_ATTEMPTS = 0xffff;

/** Durations are stored one higher, so that 0 says there is none. */
export function durationNumber(durationMs: number): number {
  return Math.max(0, Math.min(Math.round(durationMs), MAX_DURATION_MS)) + 1;
}

export function readResult(bytes: Buffer, text: Buffer): StoredResult {
  const head = bytes.readUInt8(0);
  const status = statusOf(head % 16);
  if (status === undefined) throw new RangeError(`no status has the number ${head % 16}`);
  const duration = bytes.readUIntLE(5, 3);
  const [code, message] = text.length === 0 ? [] : splitText(text.toString());
  return {
    status,
    mode: MODES[(head >> 4) % 4],
    attempts: bytes.readUInt16LE(1),
    httpStatus: bytes.readUInt16LE(3) || undefined,
    durationMs: duration === 0 ? undefined : duration - 1,
    draftDatasetId: bytes.readUIntLE(8, 6) || undefined,
    finishedAt: bytes.readUIntLE(14, 6) || undefined,
    errorCode: code === "" ? undefined : code,
    error: message === "" ? undefined : message,
  };
}

function splitText(text: string): [code: string, message: string] {
  const at = text.indexOf("\0");
  return [text.slice(0, at), text.slice(at + 1)];
}

export function readEntry(key: RowKey, bytes: Buffer): LedgerEntry {
  const state = ENTRY_STATES[bytes.readUInt8(0) - 1];
  if (state === undefined) throw new RangeError(`no entry state has the number ${bytes.readUInt8(0)}`);
  const landed = state === "added";
  return {
    key,
    state,
    token: bytes.toString("hex", 19, 27) as Token,
    runSeq: bytes.readUInt32LE(1),
    row: bytes.readUInt32LE(5),
    draftDatasetId: landed ? bytes.readUIntLE(13, 6) || undefined : undefined,
    until: landed ? undefined : bytes.readUIntLE(31, 6),
  };
}

/** Lease ids are numbers to Redis, so that an entry holds them in four bytes. */
export function leaseNumber(id: LeaseId): number {
  const number = Number(id);
  if (!Number.isInteger(number) || number < 1 || number > 0xffffffff) {
    throw new RangeError(`"${id}" is not a lease of this store`);
  }
  return number;
}

export function replyList(reply: Reply): Reply[] {
  if (Array.isArray(reply)) return reply;
  throw new TypeError("Redis answered something else than a list");
}

export function replyNumber(reply: Reply | undefined): number {
  if (typeof reply === "number") return reply;
  if (Buffer.isBuffer(reply)) return Number(reply.toString());
  throw new TypeError("Redis answered something else than a number");
}

export function replyBytes(reply: Reply | undefined): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  throw new TypeError("Redis answered something else than text");
}

/** A hash, as fields and values by turns. */
export function replyMap(reply: Reply | undefined): Map<string, string> {
  const list = replyList(reply ?? []);
  const map = new Map<string, string>();
  for (let n = 0; n < list.length; n += 2) {
    map.set(replyBytes(list[n]).toString(), replyBytes(list[n + 1]).toString());
  }
  return map;
}
