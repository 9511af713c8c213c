/** The progress of a run: on a terminal of any width, in a pipe, for a program. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PaceView } from "../../src/core/pace.ts";
import { displayWidth } from "../../src/cli/show/layout.ts";
import {
  progressObject,
  remainingMs,
  renderProgress,
  renderProgressLine,
  renderRunChange,
} from "../../src/cli/show/progress.ts";
import type { LimitingFactor } from "../../src/cli/show/progress.ts";
import { STORED_STATUSES, zeroCounts } from "../../src/core/status.ts";
import { progressState } from "./show-fixture.ts";

const plain = (columns: number, state = progressState()) =>
  `\n${renderProgress(state, { columns, color: false }).join("\n")}\n`;

describe("on a terminal", () => {
  test("of 80 columns it takes four lines", () => {
    expect(plain(80)).toMatchInlineSnapshot(`
      "
      run r1 · draining · 56 s
      ██████████████████████░░░░░░░░░░░░░░░░░░  55 % · 1,102 of 2,000 rows
      added 1,080 · duplicate 12 · invalid 3 · rejected 5 · unknown 2 · queued 898
      19.8/s of 20/s · about 45 s left · held by the rate limit
      "
    `);
  });

  test("of 40 columns it takes more lines, and loses nothing", () => {
    expect(plain(40)).toMatchInlineSnapshot(`
      "
      run r1 · draining · 56 s
      ██████░░░░░  55 % · 1,102 of 2,000 rows
      added 1,080 · duplicate 12 · invalid 3
      rejected 5 · unknown 2 · queued 898
      19.8/s of 20/s · about 45 s left
      held by the rate limit
      "
    `);
  });

  test("while the number of rows is a guess, it says so, and is never complete", () => {
    const guess = progressState({ phase: "reading", expected: { rows: 1_000, exact: false } });
    expect(plain(80, guess)).toContain("99 % · 1,102 of about 1,000 rows");
    const none = progressState({ phase: "reading", expected: undefined, limitedBy: { kind: "reading" } });
    expect(plain(80, none)).toMatchInlineSnapshot(`
      "
      run r1 · reading · 56 s
      1,102 rows
      added 1,080 · duplicate 12 · invalid 3 · rejected 5 · unknown 2 · queued 898
      19.8/s of 20/s · reading the sources
      "
    `);
  });

  test("colour changes nothing but the colour", () => {
    const colored = renderProgress(progressState(), { columns: 60, color: true }).join("\n");
    expect(colored).toContain("\u001B[32m");
    // oxlint-disable-next-line no-control-regex
    expect(`\n${colored.replaceAll(/\u001B\[\d+m/g, "")}\n`).toBe(plain(60));
  });

  test("of any width, with any numbers, no line is as wide as the terminal", () => {
    const anyCounts = fc.record(
      Object.fromEntries(STORED_STATUSES.map((status) => [status, fc.nat()])) as Record<
        (typeof STORED_STATUSES)[number],
        fc.Arbitrary<number>
      >,
    );
    fc.assert(
      fc.property(
        anyCounts,
        fc.integer({ min: 2, max: 200 }),
        fc.nat(),
        fc.string(),
        (counts, columns, rows, runId) => {
          const state = progressState({ counts, runId, expected: { rows, exact: true } });
          const lines = renderProgress(state, { columns, color: false });
          expect(Math.max(...lines.map(displayWidth))).toBeLessThan(columns);
        },
      ),
    );
  });

  test.each<[string, LimitingFactor, string]>([
    ["the limit", { kind: "rate" }, "held by the rate limit"],
    ["concurrency", { kind: "concurrency", requests: 8 }, "held by concurrency: all 8 requests in flight"],
    ["the server", { kind: "server_pause", remainingMs: 11_200 }, "paused by the server for 12 s"],
    ["a store's recovery", { kind: "recovery", remainingMs: 11_200 }, "Redis was restarted: waiting 12 s"],
    ["the sources", { kind: "reading" }, "reading the sources"],
    ["the draft", { kind: "draft" }, "opening the draft"],
    ["the store", { kind: "store" }, "waiting for the store"],
  ])("it names %s when that holds the run back", (_name, limitedBy, words) => {
    expect(plain(100, progressState({ limitedBy }))).toContain(words);
  });
});

test("a line for a pipe says the same", () => {
  expect(renderProgressLine(progressState())).toMatchInlineSnapshot(
    `"r1 draining · 55 % · 1,102 of 2,000 rows · added 1,080 · duplicate 12 · invalid 3 · rejected 5 · unknown 2 · queued 898 · 19.8/s of 20/s · about 45 s left · held by the rate limit"`,
  );
  expect(
    renderProgressLine(
      progressState({ phase: "stopping", limitPerSecond: undefined, limitedBy: { kind: "none" } }),
    ),
  ).toMatchInlineSnapshot(
    `"r1 stopping, 8 in flight · 55 % · 1,102 of 2,000 rows · added 1,080 · duplicate 12 · invalid 3 · rejected 5 · unknown 2 · queued 898 · 19.8/s, no limit · about 45 s left"`,
  );
});

test("a worker says what state it left a run in, with its counts so far", () => {
  const run = { runId: "r\u001b[2J", state: "paused" as const, counts: progressState().counts };
  expect(renderRunChange({ kind: "started", run })).toBe("run r\\x1b[2J: started");
  expect(renderRunChange({ kind: "left", run })).toBe(
    "run r\\x1b[2J: paused · queued 898 · added 1,080 · duplicate 12 · invalid 3 · rejected 5 · unknown 2",
  );
});

test("an object for a program holds the plain numbers", () => {
  expect(progressObject(progressState())).toEqual({
    type: "progress",
    runId: "r1",
    phase: "draining",
    counts: {
      read: 2_000,
      queued: 898,
      added: 1_080,
      duplicate: 12,
      invalid: 3,
      rejected: 5,
      failed: 0,
      unknown: 2,
      unprocessed: 0,
    },
    expectedRows: 2_000,
    expectedExact: true,
    inFlight: 8,
    rate: { limitPerSecond: 20, achievedPerSecond: 19.83 },
    elapsedMs: 56_400,
    remainingMs: 45_285,
    pace: null,
    limitedBy: { kind: "rate" },
  });
});

describe("the pace", () => {
  const slowed = { phase: "slowed", ceilingPerSecond: 12, refusedShare: 0.04 } as const;

  test.each<[PaceView["phase"], string]>([
    ["slowed", "slowed to 12/s: 4 % of requests refused"],
    ["climbing", "climbing back, at 12/s"],
    ["reopening", "reopening after a pause, at 12/s"],
    ["probing", "probing 12/s"],
    ["settled", "settled at 12/s, just under what is refused"],
  ])("%s is told with its reason, in the place of the limit", (phase, words) => {
    const state = progressState({ pace: { ...slowed, phase } });
    expect(plain(100, state)).toContain(words);
    expect(renderProgressLine(state)).toContain(words);
    expect(renderProgressLine(state)).not.toContain("held by the rate limit");
    expect(progressObject(state)).toMatchObject({ pace: { ...slowed, phase, text: words } });
  });

  test("gives way to a pause", () => {
    const state = progressState({ pace: slowed, limitedBy: { kind: "server_pause", remainingMs: 5_000 } });
    expect(renderProgressLine(state)).toContain("paused by the server for 5 s");
    expect(renderProgressLine(state)).not.toContain("slowed");
  });
});

test("what is left is not guessed before anything moves", () => {
  expect(remainingMs(progressState({ achievedPerSecond: 0 }))).toBeUndefined();
  expect(remainingMs(progressState({ expected: undefined }))).toBeUndefined();
  expect(remainingMs(progressState({ counts: { ...zeroCounts(), added: 2_000 } }))).toBe(0);
});
