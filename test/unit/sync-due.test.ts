/** When ticks are due: on the days when clocks change, with a jitter, and after a long time without a worker. */
import { describe, expect, it } from "vitest";
import { dueTicks, MOST_TICKS, nextDue } from "../../src/app/syncs/due.ts";

const utc = (text: string) => Date.parse(text);
const due = (cron: string, from: string, until: string, timezone = "Europe/Berlin") =>
  dueTicks({ sync: "a", cron, timezone, jitterMs: 0 }, utc(from), utc(until)).ticks.map((at) =>
    new Date(at).toISOString(),
  );

describe("the ticks of a schedule", () => {
  it("come after the cursor, and up to now", () => {
    const ticks = due("0 2 * * *", "2026-06-01T00:00:00Z", "2026-06-03T00:00:00Z");
    expect(ticks).toEqual(["2026-06-02T00:00:00.000Z", "2026-06-03T00:00:00.000Z"]);
  });

  it("come once, right after the missing hour, when clocks go forward", () => {
    const ticks = due("30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-31T00:00:00Z");
    expect(ticks).toEqual(["2026-03-29T01:30:00.000Z", "2026-03-30T00:30:00.000Z"]);
  });

  it("come once, at the first of both hours, when clocks go back", () => {
    const ticks = due("30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-27T00:00:00Z");
    expect(ticks).toEqual(["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]);
  });

  it.each([
    ["forward", "2026-03-29T00:00:00Z"],
    ["back", "2026-10-25T00:00:00Z"],
  ])("of every half hour go on doing so when clocks go %s", (_, from) => {
    const until = new Date(utc(from) + 4 * 3_600_000).toISOString();
    const ticks = due("*/30 * * * *", from, until).map(utc);
    expect(ticks).toHaveLength(8);
    expect(new Set(ticks.map((at, index) => at - (ticks[index - 1] ?? at - 1_800_000)))).toEqual(
      new Set([1_800_000]),
    );
  });

  it("are the same whether they are asked for at once or one after the other", () => {
    for (const [from, until] of [
      ["2026-03-28T20:00:00Z", "2026-03-30T20:00:00Z"],
      ["2026-10-24T20:00:00Z", "2026-10-26T20:00:00Z"],
    ] as const) {
      for (const cron of ["30 2 * * *", "0 * * * *", "*/20 1-3 * * *", "15 3 * * *"]) {
        const atOnce = due(cron, from, until);
        const oneByOne: string[] = [];
        const schedule = { sync: "a", cron, timezone: "Europe/Berlin", jitterMs: 0 };
        for (let at = nextDue(schedule, utc(from)); at <= utc(until); at = nextDue(schedule, at)) {
          oneByOne.push(new Date(at).toISOString());
        }
        expect(atOnce).toEqual(oneByOne);
      }
    }
  });

  it("come later by a jitter that is always the same, and another one for another sync", () => {
    const schedule = { cron: "0 * * * *", timezone: "UTC", jitterMs: 600_000 };
    const [from, until] = [utc("2026-06-01T00:00:00Z"), utc("2026-06-03T00:00:00Z")];
    const one = dueTicks({ ...schedule, sync: "one" }, from, until);
    expect(dueTicks({ ...schedule, sync: "one" }, from, until)).toEqual(one);
    const jitters = one.ticks.map((at) => at % 3_600_000);
    expect(Math.max(...jitters)).toBeLessThan(600_000);
    expect(new Set(jitters).size).toBeGreaterThan(20);
    expect(dueTicks({ ...schedule, sync: "two" }, from, until).ticks).not.toEqual(one.ticks);
    // The cursor is the pattern's time: the next one is neither lost nor given twice.
    expect(one.cursor % 3_600_000).toBe(0);
    expect(dueTicks({ ...schedule, sync: "one" }, one.cursor, until).ticks).toEqual([]);
  });

  it("of a long time are summed up but for the last ones", () => {
    const schedule = { sync: "a", cron: "* * * * * *", timezone: "UTC", jitterMs: 0 };
    const until = utc("2026-06-30T00:00:00Z");
    const found = dueTicks(schedule, utc("2026-06-01T00:00:00Z"), until);
    expect(found.summedUpFrom).toBe(utc("2026-06-01T00:00:01Z"));
    expect(found.ticks.length).toBeLessThan(MOST_TICKS);
    expect(found.ticks.at(-1)).toBe(until);
    expect(found.cursor).toBe(until);
  });
});
