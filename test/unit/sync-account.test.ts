/** Every tick that is due gets its record: what runs, what is skipped, what was missed. */
import { describe, expect, it } from "vitest";
import { noteDue, overdueSince } from "../../src/app/syncs/account.ts";
import { readTickRecord, type OpenTick, type SyncState } from "../../src/app/syncs/state.ts";
import type { StoredSync, SyncPolicy } from "../../src/core/syncs.ts";

const START = Date.parse("2026-06-01T00:00:00Z");
const MINUTE = 60_000;
const SCHEDULE = { cron: "* * * * *", timezone: "UTC", jitterMs: 0 };

function aPolicy(change: Partial<SyncPolicy> = {}): SyncPolicy {
  return {
    schedule: SCHEDULE,
    overlap: "skip",
    catchUp: { run: "once", windowMs: 60 * MINUTE },
    watermark: { startMs: undefined, lagMs: 0, overlapMs: 0 },
    carry: { attempts: 5, maxAgeMs: 7 * 86_400_000 },
    graceMs: 0,
    datasetGroupId: 42,
    ...change,
  };
}

function note(minutes: number, change: { policy?: Partial<SyncPolicy>; state?: Partial<SyncState> } = {}) {
  const state = { cursor: START, scheduleKey: JSON.stringify(SCHEDULE), ...change.state };
  const sync: StoredSync = {
    name: "a",
    origin: "o",
    text: {},
    version: 1,
    appliedAt: START,
    state,
    claim: undefined,
  };
  const noted = noteDue(sync, aPolicy(change.policy), START + minutes * MINUTE + 500);
  const records = noted?.ticks.map((tick) => readTickRecord("a", tick)) ?? [];
  return { open: noted?.state.open ?? [], noted, records, became: records.map(({ became }) => became) };
}

const running: OpenTick = { id: "t0", due: START, kind: "scheduled", runId: "run-0" };
const waiting: OpenTick = { id: "t0", due: START, kind: "scheduled" };

describe("a tick that is due", () => {
  it("waits for its run, and is noted once", () => {
    const { noted, open, became } = note(1);
    expect(became).toEqual(["waiting"]);
    expect(open).toMatchObject([{ due: START + MINUTE, kind: "scheduled" }]);
    expect(noted?.state.cursor).toBe(START + MINUTE);
    expect(note(1, { state: noted?.state ?? {} }).noted).toBeUndefined();
  });

  it("is skipped while a run goes on, and the record says which", () => {
    const { records, open } = note(1, { state: { open: [running] } });
    expect(records).toMatchObject([{ became: "skipped", why: "run run-0 went on" }]);
    expect(open).toEqual([running]);
  });

  it("waits for the end of that run where one may, and the next one is skipped", () => {
    const queued = note(1, { policy: { overlap: "queue-one" }, state: { open: [running] } });
    expect(queued.open).toMatchObject([running, { due: START + MINUTE }]);
    const next = note(2, { policy: { overlap: "queue-one" }, state: queued.noted?.state ?? {} });
    expect(next.records).toMatchObject([
      {
        became: "skipped",
        why: "run run-0 went on, and the tick of 2026-06-01T00:01:00.000Z waits for its end",
      },
    ]);
    expect(next.open).toHaveLength(2);
  });

  it("makes the run give way where it shall, and takes the place of one that waits", () => {
    const cancelled = note(1, { policy: { overlap: "cancel-running" }, state: { open: [running] } });
    const [first, second] = cancelled.open;
    expect(first).toEqual({ ...running, cancelledBy: second?.id });
    const replaced = note(1, { policy: { overlap: "cancel-running" }, state: { open: [waiting] } });
    expect(replaced.open).toHaveLength(1);
    expect(replaced.records).toMatchObject([
      { due: START, became: "skipped", why: "it gave way to the tick of 2026-06-01T00:01:00.000Z" },
      { due: START + MINUTE, became: "waiting" },
    ]);
  });

  it("is skipped while the sync is paused, also when nobody looked for a while", () => {
    const { records, open } = note(90, { state: { paused: true } });
    expect(new Set(records.map(({ became, why }) => `${became}: ${why}`))).toEqual(
      new Set(["skipped: the sync was paused"]),
    );
    expect(records).toHaveLength(90);
    expect(open).toEqual([]);
  });
});

describe("ticks that came due while no worker ran", () => {
  it("are made up for by one run, and the others are missed", () => {
    const { became, open, records } = note(5);
    expect(became).toEqual(["missed", "missed", "missed", "missed", "waiting"]);
    expect(open).toMatchObject([{ due: START + 5 * MINUTE }]);
    expect(records[0]?.why).toBe("no worker ran then: the tick of 2026-06-01T00:05:00.000Z stands in for it");
  });

  it("are overdue while nobody has noted them", () => {
    const sync = { name: "a", origin: "o", text: {}, version: 1, appliedAt: START, claim: undefined };
    const at = (ms: number, state?: StoredSync["state"]) =>
      overdueSince({ ...sync, state }, SCHEDULE, START + ms);
    expect([at(MINUTE + 9_000), at(5 * MINUTE)]).toEqual([undefined, START + MINUTE]);
    const noted = note(5).noted?.state;
    expect(at(5 * MINUTE + 20_000, { ...noted })).toBeUndefined();
  });

  it("are made up for by a run each where they shall be", () => {
    const { became, open } = note(5, { policy: { catchUp: { run: "each", windowMs: 60 * MINUTE } } });
    expect(became).toEqual(["waiting", "waiting", "waiting", "waiting", "waiting"]);
    expect(open.map(({ kind }) => kind)).toEqual([
      "catch-up",
      "catch-up",
      "catch-up",
      "catch-up",
      "scheduled",
    ]);
  });

  it("are missed outside of the window, whatever the policy", () => {
    for (const run of ["once", "each"] as const) {
      const { records, open } = note(10, { policy: { catchUp: { run, windowMs: 2 * MINUTE } } });
      const old = records.filter(({ why }) => why?.includes("too long ago"));
      expect(old).toHaveLength(8);
      expect(records).toHaveLength(10);
      expect(open).toHaveLength(run === "once" ? 1 : 2);
    }
  });

  it("are made up for a hundred times at most", () => {
    const { became } = note(300, { policy: { catchUp: { run: "each", windowMs: 600 * MINUTE } } });
    expect(became.filter((one) => one === "waiting")).toHaveLength(100);
    expect(became.filter((one) => one === "missed")).toHaveLength(200);
  });
});

describe("a schedule that was changed", () => {
  it("begins when it was applied: none of its ticks before was missed", () => {
    const state = { cursor: START - 600 * MINUTE, scheduleKey: "another" };
    const { became, noted } = note(1, { state });
    expect(became).toEqual(["waiting"]);
    expect(noted?.state.scheduleKey).toBe(JSON.stringify(SCHEDULE));
    // Remembered at once: changed back, the old one has missed nothing either.
    expect(note(0, { state }).noted).toMatchObject({ state: { cursor: START }, ticks: [] });
  });
});
