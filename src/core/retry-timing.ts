/** How long to wait before the next attempt: what a server asks for, and backoff where it asks for nothing. Pure. */

/** A server that asks for longer is asked again after this: a typing error in a header must not stop a run for good. */
export const MAX_RETRY_AFTER_MS = 60 * 60 * 1000;

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** `Sun, 06 Nov 1994 08:49:37 GMT`, and with dashes and a short year its predecessor of RFC 850. */
const NAMED_DAY_DATE =
  /^[a-z]{3,9}, (?<day>\d{2})[ -](?<month>[a-z]{3})[ -](?<year>\d{4}|\d{2}) (?<time>\d{2}:\d{2}:\d{2}) GMT$/iu;
/** `Sun Nov  6 08:49:37 1994`, in GMT without saying so. */
const ASCTIME_DATE =
  /^[a-z]{3} (?<month>[a-z]{3}) (?<day>[ \d]\d) (?<time>\d{2}:\d{2}:\d{2}) (?<year>\d{4})$/iu;

/**
 * Milliseconds to wait, from the value of a `Retry-After` header: whole seconds or any of the three date forms (RFC 9110,
 * sections 10.2.3 and 5.6.7). At least 0, at most MAX_RETRY_AFTER_MS. `undefined` for a value that is neither.
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d+(?:\.\d+)?$/u.test(text)) return withinLimits(Math.ceil(Number(text) * 1000));
  const atMs = parseHttpDate(text, nowMs);
  return atMs === undefined ? undefined : withinLimits(atMs - nowMs);
}

function withinLimits(ms: number): number {
  return Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

/** Stricter than `Date.parse`, which reads a year into almost any text. */
function parseHttpDate(text: string, nowMs: number): number | undefined {
  const parts = (NAMED_DAY_DATE.exec(text) ?? ASCTIME_DATE.exec(text))?.groups;
  if (parts === undefined) return undefined;
  const month = MONTHS.indexOf((parts["month"] ?? "").toLowerCase());
  const day = Number(parts["day"]);
  const [hour = 99, minute = 99, second = 99] = (parts["time"] ?? "").split(":").map(Number);
  if (month < 0 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return undefined;
  return Date.UTC(fullYear(parts["year"] ?? "", nowMs), month, day, hour, minute, second);
}

/** A two-digit year that seems more than 50 years ahead is one of the past (RFC 9110, section 5.6.7). */
function fullYear(text: string, nowMs: number): number {
  const year = Number(text);
  if (text.length > 2) return year;
  const thisYear = new Date(nowMs).getUTCFullYear();
  const candidate = thisYear - (thisYear % 100) + year;
  return candidate > thisYear + 50 ? candidate - 100 : candidate;
}

export interface Backoff {
  /** 0 before the first retry. */
  retry: number;
  baseMs: number;
  capMs: number;
  /** Uniform in [0, 1). */
  random: () => number;
}

/** Full jitter: anything between nothing and the exponential step, so that senders who failed together part ways. */
export function backoffMs({ retry, baseMs, capMs, random }: Backoff): number {
  const step = Math.min(capMs, baseMs * 2 ** Math.max(0, retry));
  return Math.floor(random() * step);
}
