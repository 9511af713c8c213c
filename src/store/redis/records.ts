/** The bytes that lie in Redis: results of 20 bytes with their texts, and entries of the ledger. */
import type { AddMode } from "../../core/outcome.ts";
import type { LedgerEntry, PortableEntry, StoredRow, Token } from "../../core/store.ts";
import type { RowKey } from "../../core/row.ts";
import { ENTRY_STATES, MAX_TEXT_CHARS, statusOf } from "./layout.ts";

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

/** As it moves to another store; the group is still a number of this one. */
export function readPortable(
  key: RowKey,
  bytes: Buffer,
): Omit<PortableEntry, "group"> & { groupSeq: number } {
  const { state, token, until } = readEntry(key, bytes);
  return {
    key,
    groupSeq: bytes.readUInt32LE(9),
    state: state === "added" ? "added" : "unknown",
    token,
    draftDatasetId: bytes.readUIntLE(13, 6) || undefined,
    until,
  };
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
