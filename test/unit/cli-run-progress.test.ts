/** What the progress view is told: rates, what limits them, and how much is expected. */
import { describe, expect, test } from "vitest";
import { RunProgress } from "../../src/cli/run-progress.ts";
import { zeroCounts, type StatusCounts } from "../../src/core/status.ts";
import type { LeaseId, Run } from "../../src/core/store.ts";
import type { Progress } from "../../src/wire.ts";

function scene(readShare: () => number | undefined = () => undefined) {
  let now = 5_000;
  const store = { isInTrouble: false };
  const isStoreInTrouble = () => store.isInTrouble;
  const progress = new RunProgress({ concurrency: 4, monotonicMs: () => now, readShare, isStoreInTrouble });
  const seen = (
    counts: Partial<StatusCounts>,
    change: Partial<Progress> = {},
    run: Partial<Run> = {},
  ): Progress => ({
    run: {
      runId: "run-1",
      fingerprint: "",
      origin: "",
      sources: [],
      options: {},
      seq: 1,
      state: "reading",
      owner: "lease" as LeaseId,
      ownerAlive: true,
      sourceComplete: false,
      halt: undefined,
      warnings: [],
      parent: undefined,
      haltedGroups: [],
      verdicts: [],
      createdAt: 0,
      finishedAt: undefined,
      counts: { ...zeroCounts(), ...counts },
      ...run,
    },
    limitPerSecond: 10,
    pausedMs: 0,
    recoveringMs: 0,
    inFlight: 0,
    openingDraft: false,
    waitingMs: undefined,
    pace: undefined,
    outcomes: { added: 0, rejected: 0, "not-sent": 0, refused: 0, unknown: 0, halt: 0 },
    ...change,
  });
  return {
    progress,
    store,
    seen,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

describe("progress", () => {
  test("says nothing before anything was seen", () => {
    const { progress } = scene();
    expect(progress.state()).toBeUndefined();
    expect(progress.overallPerSecond()).toBeUndefined();
  });

  test("tells the rate of the last seconds, and that of the whole run apart", () => {
    const { progress, seen, pass } = scene();
    // Sources are looked at before there is a run.
    pass(300_000);
    progress.update(seen({ added: 0 }));
    pass(20_000);
    progress.update(seen({ added: 100 }));
    for (let second = 1; second <= 15; second += 1) {
      pass(1_000);
      progress.update(seen({ added: 100 + second * 10, duplicate: 500 }));
    }
    expect(progress.state()?.achievedPerSecond).toBeCloseTo(10, 5);
    // Duplicates were answered by nobody.
    expect(progress.overallPerSecond()).toBeCloseTo(250 / 35, 5);
  });

  test("expects as many rows as the rest of the bytes would hold, and knows once all is read", () => {
    const { progress, seen } = scene(() => 0.25);
    progress.update(seen({ queued: 90, added: 10 }));
    expect(progress.state()?.expected).toEqual({ rows: 400, exact: false });
    progress.update(seen({ queued: 90, added: 10 }, {}, { sourceComplete: true }));
    expect(progress.state()?.expected).toEqual({ rows: 100, exact: true });
  });

  test.each([undefined, 0])("expects nothing of sources whose share read is %s", (share) => {
    const { progress, seen } = scene(() => share);
    progress.update(seen({ queued: 10 }));
    expect(progress.state()?.expected).toBeUndefined();
  });

  test.each([
    ["the server's pause", { pausedMs: 9_000, inFlight: 4 }, { kind: "server_pause", remainingMs: 9_000 }],
    [
      "the store's recovery",
      { pausedMs: 9_500, recoveringMs: 9_000 },
      { kind: "recovery", remainingMs: 9_000 },
    ],
    ["the draft", { openingDraft: true }, { kind: "draft" }],
    ["the places", { inFlight: 4, limitPerSecond: undefined }, { kind: "concurrency", requests: 4 }],
    ["the reading", { limitPerSecond: undefined }, { kind: "reading" }],
  ])("names what holds it back: %s", (_, change, limitedBy) => {
    const { progress, seen } = scene();
    progress.update(seen({}, change));
    expect(progress.state()?.limitedBy).toEqual(limitedBy);
  });

  test("names the rate when it is nearly reached", () => {
    const { progress, seen, pass } = scene();
    progress.update(seen({ queued: 100 }));
    pass(5_000);
    progress.update(seen({ queued: 50, added: 46 }, { inFlight: 4 }));
    expect(progress.state()?.limitedBy).toEqual({ kind: "rate" });
  });

  test("is stopping from the first signal until the run is over", () => {
    const { progress, seen } = scene();
    progress.update(seen({ queued: 1 }));
    expect(progress.state()?.phase).toBe("reading");
    progress.stopping();
    expect(progress.state()?.phase).toBe("stopping");
    progress.update(seen({ unprocessed: 1 }, {}, { state: "interrupted", finishedAt: 1 }));
    expect(progress.state()?.phase).toBe("interrupted");
  });
});

describe("the store", () => {
  test("is what limits a run that it is known to hold up", () => {
    const { progress, store, seen } = scene();
    progress.update(seen({ queued: 5 }));
    expect(progress.state()?.limitedBy.kind).not.toBe("store");
    store.isInTrouble = true;
    expect(progress.state()?.limitedBy).toEqual({ kind: "store" });
  });

  test("is what limits a run that nothing was heard of, and the last rate holds no more", () => {
    const { progress, seen, pass } = scene();
    progress.update(seen({ added: 0, queued: 100 }));
    pass(1_000);
    progress.update(seen({ added: 10, queued: 90 }));
    expect(progress.state()).toMatchObject({ achievedPerSecond: 10, limitedBy: { kind: "rate" } });
    pass(5_000);
    expect(progress.state()).toMatchObject({ achievedPerSecond: 0, limitedBy: { kind: "store" } });
    progress.update(seen({ added: 11, queued: 89 }));
    expect(progress.state()?.limitedBy.kind).not.toBe("store");
  });

  test("is not blamed while requests in flight are awaited at the end", () => {
    const { progress, seen, pass } = scene();
    progress.update(seen({ queued: 5 }));
    progress.stopping();
    pass(30_000);
    expect(progress.state()?.limitedBy.kind).not.toBe("store");
  });
});
