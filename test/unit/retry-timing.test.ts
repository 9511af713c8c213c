import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoffMs, MAX_RETRY_AFTER_MS, parseRetryAfter } from "../../src/core/retry-timing.ts";

const NOW_MS = Date.UTC(2026, 10, 6, 8, 49, 37);

describe("Retry-After", () => {
  test.each([
    ["0", 0],
    ["1", 1000],
    [" 120 ", 120_000],
    ["1.5", 1500],
    ["007", 7000],
  ])("of %j seconds is understood", (value, ms) => {
    expect(parseRetryAfter(value, NOW_MS)).toBe(ms);
  });

  test.each([
    ["the usual form", "Fri, 06 Nov 2026 08:50:07 GMT"],
    ["the form of RFC 850", "Friday, 06-Nov-26 08:50:07 GMT"],
    ["the form of asctime", "Fri Nov  6 08:50:07 2026"],
  ])("as a date in %s is understood", (_form, value) => {
    expect(parseRetryAfter(value, NOW_MS)).toBe(30_000);
  });

  test("as a date that has passed means now", () => {
    expect(parseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", NOW_MS)).toBe(0);
  });

  test("takes a two-digit year more than 50 years ahead for one of the past", () => {
    expect(parseRetryAfter("Sunday, 06-Nov-94 08:49:37 GMT", NOW_MS)).toBe(0);
  });

  test.each(["86400", "99999999999999999999", "Fri, 06 Nov 2099 08:49:37 GMT"])(
    "of %j is cut to the longest wait",
    (value) => {
      expect(parseRetryAfter(value, NOW_MS)).toBe(MAX_RETRY_AFTER_MS);
    },
  );

  test.each([
    undefined,
    "",
    "-1",
    "+5",
    "5s",
    "1e3",
    "0x10",
    "soon",
    "2026-11-06T08:50:07Z",
    "Fri, 06 Nov 2026 08:50:07",
    "Fri, 06 Foo 2026 08:50:07 GMT",
    "Fri, 06 Nov 2026 25:50:07 GMT",
    "Fri, 99 Nov 2026 08:50:07 GMT",
    "Fri, 06 Nov 2026 08:50:07 GMT, 5",
  ])("of %j is not understood", (value) => {
    expect(parseRetryAfter(value, NOW_MS)).toBeUndefined();
  });

  test("is a wait within the limits or nothing, whatever the header holds", () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const ms = parseRetryAfter(value, NOW_MS);
        expect(ms === undefined || (ms >= 0 && ms <= MAX_RETRY_AFTER_MS)).toBe(true);
      }),
    );
  });

  test("reads back any date of the usual form", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3600 }), (seconds) => {
        const date = new Date(NOW_MS + seconds * 1000).toUTCString();
        expect(parseRetryAfter(date, NOW_MS)).toBe(seconds * 1000);
      }),
    );
  });
});

describe("backoff", () => {
  const settings = { baseMs: 100, capMs: 10_000 };

  test.each([
    [0, 50],
    [1, 100],
    [4, 800],
    [20, 5000],
    [5000, 5000],
  ])("before retry %i waits %i ms at half the dice", (retry, ms) => {
    expect(backoffMs({ ...settings, retry, random: () => 0.5 })).toBe(ms);
  });

  test("spreads over everything from nothing to the full step", () => {
    expect(backoffMs({ ...settings, retry: 3, random: () => 0 })).toBe(0);
    expect(backoffMs({ ...settings, retry: 3, random: () => 0.999_999 })).toBe(799);
  });
});
