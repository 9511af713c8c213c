import { describe, expect, test } from "vitest";
import { makeLocalSlots } from "../../src/app/pace/local-slots.ts";
import { isInSample, makeRemoteCheck } from "../../src/app/remote-check.ts";
import { newRow } from "../../src/app/producer.ts";
import type { NewRow } from "../../src/core/store.ts";
import { openRemoteCheck } from "../../src/wire/remote-check.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { failure, ok, scriptedApi, type ScriptedApi } from "../support/scripted-api.ts";
import { sourceRow } from "../support/scripted-sources.ts";

const NEVER = new AbortController().signal;

function rowsOf(...names: string[]): NewRow[] {
  return names.map((name, index) => {
    const [traceId = "", spanId = "", datasetGroupId = "42"] = name.split("/");
    return newRow(
      "https://api.example",
      sourceRow(index + 1, { traceId, spanId, datasetGroupId }),
      index + 1,
    );
  });
}

async function check(api: ScriptedApi, rows: NewRow[]) {
  const clock = fakeClock();
  const pauses: number[] = [];
  let slots = 0;
  const remote = makeRemoteCheck({
    api,
    clock,
    takeSlot: async () => {
      slots += 1;
    },
    pause: async (ms) => {
      pauses.push(ms);
    },
    concurrency: 1,
    knownGroupId: 42,
  });
  await clock.advanceUntil(remote.ask(rows, NEVER));
  return { findings: remote.findings(), pauses, slots };
}

describe("asking the API about rows", () => {
  test("tells found ones, missing traces and missing spans apart, each trace asked once", async () => {
    const api = scriptedApi();
    api.onGetTrace = (traceId) => (traceId === "gone" ? failure("not_found") : ok({ spanIds: ["s1"] }));
    const rows = rowsOf("t1", "t1/s1", "t1/s2", "gone/s1");
    const { findings, slots } = await check(api, rows);
    expect(findings).toMatchObject({
      tracesAsked: 2,
      found: 2,
      traceNotFound: 1,
      spanNotFound: 1,
      notAsked: 0,
      examples: [
        { line: 3, traceId: "t1", spanId: "s2", code: "span_not_found" },
        { line: 4, traceId: "gone", code: "trace_not_found" },
      ],
    });
    expect(rows.map(({ errorCode }) => errorCode)).toEqual([
      undefined,
      undefined,
      "span_not_found",
      "trace_not_found",
    ]);
    expect(rows.every(({ status }) => status === "queued")).toBe(true);
    expect([slots, api.calls]).toEqual([2, ["get t1", "get gone"]]);
  });

  test("waits as long as the server asks, and then asks again", async () => {
    const api = scriptedApi();
    let asked = 0;
    api.onGetTrace = () => (++asked < 3 ? failure("rate_limited", 7_000) : ok({ spanIds: [] }));
    const { findings, pauses, slots } = await check(api, rowsOf("t1"));
    expect([findings.found, pauses, slots]).toEqual([1, [7_000, 7_000], 3]);
  });

  test("leaves a server alone that asks for hours", async () => {
    const api = scriptedApi();
    api.onGetTrace = () => failure("rate_limited", 3_600_000);
    const { findings, pauses } = await check(api, rowsOf("t1", "t2"));
    expect(findings).toMatchObject({
      found: 0,
      notAsked: 2,
      reason: expect.stringMatching(/3600 s/) as string,
    });
    expect([pauses, api.calls]).toEqual([[], ["get t1"]]);
  });

  test("stops at a key that may not ask, and after failures in a row", async () => {
    const forbidden = scriptedApi();
    forbidden.onGetTrace = () => failure("forbidden");
    expect((await check(forbidden, rowsOf("t1", "t2", "t3"))).findings).toMatchObject({ notAsked: 3 });
    expect(forbidden.calls).toEqual(["get t1"]);

    const broken = scriptedApi();
    broken.onGetTrace = () => failure("server_error");
    const many = rowsOf(...Array.from({ length: 20 }, (_, n) => `t${n}`));
    expect((await check(broken, many)).findings).toMatchObject({
      notAsked: 20,
      reason: "scripted server_error",
    });
    expect(broken.calls).toHaveLength(5);
  });

  test("asks for groups that rows name themselves, but not for the one that was asked for before", async () => {
    const api = scriptedApi();
    api.onListDatasets = (group) => (group === 7 ? ok([]) : failure("forbidden"));
    api.onGetTrace = () => ok({ spanIds: [] });
    const { findings } = await check(api, rowsOf("t1//7", "t2//42", "t3//7"));
    expect(findings.groups).toEqual([{ datasetGroupId: "7", found: false }]);
    expect(api.calls.filter((call) => call.startsWith("list"))).toEqual(["list 7"]);
  });

  test("ends with the reason of a signal", async () => {
    const api = scriptedApi();
    const clock = fakeClock();
    const remote = makeRemoteCheck({
      api,
      clock,
      takeSlot: async (signal) => signal.throwIfAborted(),
      pause: async () => undefined,
      concurrency: 2,
      knownGroupId: 42,
    });
    await expect(remote.ask(rowsOf("t1", "t2"), AbortSignal.abort("no"))).rejects.toBe("no");
  });
});

test("in a store it keeps to the limit of all who send with the key, at the lowest rate among them", async () => {
  const clock = fakeClock();
  const store = createMemoryStore({ now: () => clock.monotonicMs() });
  const api = scriptedApi();
  const askedAt: number[] = [];
  api.onGetTrace = () => {
    askedAt.push(clock.monotonicMs());
    return ok({ spanIds: [] });
  };
  const target = { api, limiter: "key", ratePerSecond: 50 };
  await store.reserveSlots({ limiter: "key", sender: "import", ratePerSecond: 5, count: 1 });
  const remote = openRemoteCheck({ target, store, knownGroupId: 42, clock });
  await clock.advanceUntil(remote.ask(rowsOf("t1", "t2", "t3"), NEVER));
  expect(askedAt.map((at) => at - (askedAt[0] ?? 0))).toEqual([0, 200, 400]);
  const next = { limiter: "key", sender: "import", ratePerSecond: 5, count: 1 };
  expect((await store.reserveSlots(next)).startInMs).toBeGreaterThan(0);
});

test("a sample is as large as was asked for, spread evenly, and always the same", () => {
  for (const [rows, most] of [
    [1000, 50],
    [51, 50],
    [50, 50],
    [7, 50],
    [100, 1],
    [0, 5],
  ] as const) {
    const chosen = Array.from({ length: rows }, (_, place) => place).filter((place) =>
      isInSample(place, rows, most),
    );
    expect(chosen).toHaveLength(Math.min(rows, most));
    const gaps = chosen.slice(1).map((place, index) => place - (chosen[index] ?? 0));
    expect(Math.max(0, ...gaps) - Math.min(rows, ...gaps)).toBeLessThanOrEqual(rows > most ? 1 : rows);
  }
});

test("a process without a store spaces its questions as evenly, and pauses when told", async () => {
  const clock = fakeClock();
  const slots = makeLocalSlots(clock);
  const ask = (count: number) => slots.reserveSlots({ limiter: "l", sender: "s", ratePerSecond: 10, count });
  expect(await ask(2)).toMatchObject({ startInMs: 0, intervalMs: 100, ratePerSecond: 10 });
  expect(await ask(1)).toMatchObject({ startInMs: 200 });
  await slots.pauseLimiter("l", 5_000);
  expect(await ask(1)).toMatchObject({ startInMs: 5_000 });
});
