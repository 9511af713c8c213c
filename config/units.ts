/** Settings that people write with a unit: durations (`60s`) and rates (`20/s`). */
import ms from "ms";
import { z } from "zod";

/** What a timer can wait (2^31 - 1 ms); a longer one would go off at once. */
const LONGEST_MS = 24 * 24 * 60 * 60 * 1000;

/**
 * `250ms`, `60s`, `2m`, `30d`; a bare number is refused, since nobody agrees on its unit. In whole milliseconds. For
 * ages: nobody waits for it.
 */
export const ageMs = z.string().transform(parseDuration);

/** As `ageMs`, for what a timer waits for: at most 24 days. */
export const durationMs = ageMs.refine((ms) => ms <= LONGEST_MS, "must be at most 24d");

function parseDuration(text: string, context: z.RefinementCtx): number {
  const value = /^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)\s*$/.test(text)
    ? ms(text.trim() as ms.StringValue)
    : undefined;
  if (value === undefined) {
    context.addIssue({
      code: "custom",
      message: `${JSON.stringify(text)} is not a duration: write 500ms, 60s or 2m`,
    });
    return z.NEVER;
  }
  return Math.round(value);
}

/** A duration of which nothing would be no limit, but a fault: a timeout, a lease. */
export const positiveDurationMs = durationMs.refine((ms) => ms > 0, "must be longer than nothing");

export interface RateLimit {
  /** undefined: no limit of ours. */
  perSecond: number | undefined;
  /** Whether the rate that the server allows is to be found. */
  search: boolean;
}

const SLOWEST_PER_SECOND = 1 / 3600;

/** `20/s`, `600/m`, `36000/h`, `auto` or `unlimited`; at least one an hour. */
export const rateLimit = z.string().transform((text, context): RateLimit => {
  if (text.trim() === "unlimited") return { perSecond: undefined, search: false };
  if (text.trim() === "auto") return { perSecond: undefined, search: true };
  const match = /^\s*(\d+(?:\.\d+)?)\s*\/\s*(s|m|h)\s*$/.exec(text);
  const amount = Number(match?.[1]);
  const seconds = { s: 1, m: 60, h: 3600 }[match?.[2] ?? ""];
  if (seconds === undefined || !(amount > 0 && Number.isFinite(amount))) {
    context.addIssue({
      code: "custom",
      message: `${JSON.stringify(text)} is not a rate: write 20/s, 600/m, auto or unlimited`,
    });
    return z.NEVER;
  }
  if (amount / seconds < SLOWEST_PER_SECOND) {
    context.addIssue({ code: "custom", message: `${JSON.stringify(text)} is slower than 1/h` });
    return z.NEVER;
  }
  return { perSecond: amount / seconds, search: false };
});

export interface ErrorLimit {
  /** Stop after this many rows that are rejected, failed or unknown; or after this share of the settled rows. */
  rows: number | undefined;
  percent: number | undefined;
}

/** `100` rows, or `5%` of the rows settled (judged after at least 100). */
export const errorLimit = z.string().transform((text, context): ErrorLimit => {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(%?)\s*$/.exec(text);
  const amount = Number(match?.[1]);
  if (match?.[2] === "%" && amount > 0 && amount <= 100) return { rows: undefined, percent: amount };
  if (match?.[2] === "" && Number.isInteger(amount)) return { rows: amount, percent: undefined };
  context.addIssue({
    code: "custom",
    message: `${JSON.stringify(text)} is neither a number of rows nor a percentage: write 100 or 5%`,
  });
  return z.NEVER;
});

const BYTE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1000,
  m: 1000 ** 2,
  g: 1000 ** 3,
  t: 1000 ** 4,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
};

/** `500MB`, `4GiB`: a size in bytes, of one at least. */
export const byteSize = z.string().transform((text, context): number => {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b\s*$/i.exec(text);
  const unit = BYTE_UNITS[(match?.[2] ?? "").toLowerCase()] ?? Number.NaN;
  const bytes = Math.round(Number(match?.[1]) * unit);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  context.addIssue({
    code: "custom",
    message: `${JSON.stringify(text)} is not a size: write 500MB or 4GiB`,
  });
  return z.NEVER;
});

/** A time as it was written: an instant, or how long ago. */
export type TypedTime =
  { kind: "instant"; text: string; at: string } | { kind: "age"; text: string; ms: number };

/** `2026-11-27`, `2026-11-27T14:30:00Z` (UTC unless it says otherwise), or an age: `24h`, `7d`. */
export const timeOrAge = z.string().transform((text, context): TypedTime => {
  const instant = utcInstant(text.trim());
  if (instant !== undefined) return { kind: "instant", text: text.trim(), at: instant };
  const age = ageMs.safeParse(text);
  if (age.success) return { kind: "age", text: text.trim(), ms: age.data };
  context.addIssue({
    code: "custom",
    message: `${JSON.stringify(text)} is neither a time nor an age: write 2026-11-27, 2026-11-27T14:30:00Z or 24h`,
  });
  return z.NEVER;
});

/** In UTC, with the fraction of a second as it was written, which may be finer than a Date is. */
function utcInstant(text: string): string | undefined {
  const match =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d)?)?$/i.exec(text);
  if (match === null) return undefined;
  const [, day = "", minutes = "00:00", seconds = "00", fraction, zone = "Z"] = match;
  const offset = zone.toUpperCase() === "Z" ? "Z" : `${zone.slice(0, 3)}:${zone.slice(-2)}`;
  const time = new Date(`${day}T${minutes}:${seconds}${offset}`);
  if (Number.isNaN(time.getTime())) return undefined;
  // Dates that no calendar has (30 February) would otherwise become the next month's.
  if (new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10) !== day) return undefined;
  const whole = time.toISOString().slice(0, 19);
  return fraction === undefined ? `${whole}Z` : `${whole}.${fraction}Z`;
}

/** What a bare number in a program is of each kind: milliseconds, requests a second, bytes. */
export const UNITS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [ageMs, "ms"],
  [durationMs, "ms"],
  [positiveDurationMs, "ms"],
  [rateLimit, "/s"],
  [byteSize, "B"],
]);
