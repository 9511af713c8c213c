/** Between the port's values and what the database takes and gives: tokens, ids, texts, numbers, JSON. */
import type { LeaseId, Token } from "../../core/store.ts";

/** A token's 64 bits as the signed integer that the database keeps. */
export function tokenParam(token: Token): string {
  return BigInt.asIntN(64, BigInt(`0x${token}`)).toString();
}

export function tokenOf(value: unknown): Token {
  return BigInt.asUintN(64, BigInt(String(value)))
    .toString(16)
    .padStart(16, "0") as Token;
}

/** Leases are numbered. What was never given out by this store is an id that no lease has. */
export function leaseParam(id: LeaseId): string {
  return /^[0-9]{1,18}$/.test(id) ? id : "0";
}

export function leaseOf(value: unknown): LeaseId {
  return String(value) as LeaseId;
}

export function keyOf(uuid: unknown): string {
  return String(uuid).replaceAll("-", "");
}

export function numberOrUndefined(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}

export function textOrUndefined(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : readText(value);
}

const ESCAPE = "\u0001";
// oxlint-disable-next-line no-control-regex
const UNSTORABLE = /[\u0000\u0001]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
// oxlint-disable-next-line no-control-regex
const ESCAPED = /\u0001([0-9a-f]{4})/g;

/** PostgreSQL takes neither NUL nor half a surrogate pair; both may stand in a source, and must come back. */
export function storeText(text: string): string {
  return text.replace(UNSTORABLE, (unit) => ESCAPE + unit.charCodeAt(0).toString(16).padStart(4, "0"));
}

export function readText(value: unknown): string {
  const text = String(value);
  if (!text.includes(ESCAPE)) return text;
  return text.replace(ESCAPED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

export function storeTextOrNull(text: string | undefined): string | null {
  return text === undefined ? null : storeText(text);
}

/** JSON whose texts the database can hold. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === "string") return storeText(part);
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [storeText(key), inner]));
  });
}

export function readJson(value: unknown): unknown {
  if (typeof value === "string") return readText(value);
  if (Array.isArray(value)) return value.map(readJson);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [readText(key), readJson(part)]));
}

export function objectOrUndefined(value: unknown): Record<string, unknown> | undefined {
  const read = readJson(value);
  if (typeof read !== "object" || read === null) return undefined;
  return Object.fromEntries(Object.entries(read));
}
