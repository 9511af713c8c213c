/** The row job: in which order it goes, and what each answer of the store and the server makes of the row. */
import { describe, expect, test } from "vitest";
import { rowKey } from "../../src/core/row.ts";
import { TraceloadError } from "../../src/core/errors.ts";
import type { AttemptSignal } from "../../src/core/outcome.ts";
import type { ClaimAnswer, Token } from "../../src/core/store.ts";
import { added, answered } from "../support/scripted-api.ts";
import { ORIGIN, sendingScene } from "../support/sending-scene.ts";
import { settle as settled } from "../support/fake-clock.ts";

const DONE = { kind: "done" };
const KEY = rowKey(ORIGIN, { datasetGroupId: 42, traceId: "trace-1", spanId: undefined });

describe("a row that is added", () => {
  test("goes place, slot, claim, POST, settle, and gives its place back", async () => {
    const scene = await sendingScene();
    expect(await scene.process()).toEqual(DONE);
    expect(scene.diary).toEqual(["place", "slot", "claim", "POST", "settle added", "leave"]);
    expect(await scene.result()).toMatchObject({
      status: "added",
      attempts: 1,
      httpStatus: 201,
      mode: "trace",
    });
  });

  test("is settled under the token it was claimed under, for as long as a request could be applied", async () => {
    const scene = await sendingScene();
    await scene.process();
    expect(scene.claims).toMatchObject([{ key: KEY, row: 1, owner: scene.owner, holdMs: 185_000 }]);
    expect(scene.settlements.map(({ token }) => token)).toEqual(scene.claims.map(({ token }) => token));
  });

  test("as another mode than it was sent carries a warning that says both", async () => {
    const scene = await sendingScene({ span: "span-1" });
    scene.api.onAddTrace = () => added({ spanId: undefined });
    await scene.process();
    expect(await scene.result()).toMatchObject({
      status: "added",
      errorCode: "mode_mismatch",
      error: "sent as span, added as trace",
    });
  });

  test("is told to the progress view before the store has it", async () => {
    const scene = await sendingScene();
    await scene.process();
    expect(scene.outcomes.map(({ kind }) => kind)).toEqual(["added"]);
  });
});

describe("what a claim is answered", () => {
  const answers: [ClaimAnswer["kind"], ClaimAnswer, unknown][] = [
    ["done", { kind: "done" }, DONE],
    ["already-added", { kind: "already-added", own: true }, DONE],
    ["unknown", { kind: "unknown" }, DONE],
    ["wait", { kind: "wait", reason: "sending", retryInMs: 700 }, { kind: "again", delayMs: 700 }],
  ];
  test.each(answers)(
    "%s: nothing is sent or settled, and the place is given back",
    async (_, answer, verdict) => {
      const scene = await sendingScene({ store: () => ({ claim: async () => answer }) });
      expect(await scene.process()).toEqual(verdict);
      expect(scene.diary).toEqual(["place", "slot", "claim", "leave"]);
    },
  );

  test("stopped, after a claim whose answer was lost: the row is not left sending", async () => {
    const scene = await sendingScene({
      store: (store) => ({
        claim: async (request) => {
          await store.claim(request);
          await store.changeRun(request.runId, { state: "interrupted" });
          return store.claim(request);
        },
      }),
    });
    expect(await scene.process()).toEqual(DONE);
    expect(scene.diary).toEqual(["place", "slot", "claim", "settle released", "leave"]);
    expect(await scene.store.lookup([KEY])).toEqual([]);
    expect(await scene.result()).toMatchObject({ status: "queued" });
  });

  test.each(["draft", "paused", "recovery"] as const)(
    "wait for %s: a new slot and a new token after the wait",
    async (reason) => {
      let asked = 0;
      const recoveries: number[] = [];
      const scene = await sendingScene({
        parts: { onRecovery: (ms) => void recoveries.push(ms) },
        store: (store) => ({
          claim: async (request) => {
            asked += 1;
            return asked === 1 ? { kind: "wait", reason, retryInMs: 250 } : store.claim(request);
          },
        }),
      });
      const verdict = scene.process();
      await scene.clock.advance(249);
      expect(scene.claims).toHaveLength(1);
      await scene.clock.advance(1);
      expect(await verdict).toEqual(DONE);
      expect(scene.diary).toEqual([
        "place",
        "slot",
        "claim",
        "settle released",
        "slot",
        "claim",
        "POST",
        "settle added",
        "leave",
      ]);
      expect(new Set(scene.claims.map(({ token }) => token)).size).toBe(2);
      expect(recoveries).toEqual(reason === "recovery" ? [250] : []);
    },
  );

  test("a fault: the job fails with it, and the place is given back", async () => {
    const fault = new TraceloadError("store_full", "no room");
    const scene = await sendingScene({ store: () => ({ claim: () => Promise.reject(fault) }) });
    await expect(scene.process()).rejects.toBe(fault);
    expect(scene.diary).toEqual(["place", "slot", "claim", "leave"]);
  });
});

describe("the guard", () => {
  test.each([
    ["the wall clock, while the monotonic one stands still", { wall: 5_001, monotonic: 0 }],
    ["the monotonic clock, while the wall clock stands still", { wall: 0, monotonic: 5_001 }],
    ["the monotonic clock, while the wall clock is set back", { wall: -3_600_000, monotonic: 5_001 }],
  ])("lets no request out when the send window has passed by %s", async (_, passed) => {
    const scene = await sendingScene({
      settings: { maxAttempts: 1 },
      store: (store) => ({
        claim: async (request) => {
          const answer = await store.claim(request);
          scene.clock.jumpWall(passed.wall);
          scene.clock.jumpMonotonic(passed.monotonic);
          return answer;
        },
      }),
    });
    await scene.process();
    expect(scene.api.sent).toEqual([]);
    expect(await scene.result()).toMatchObject({ status: "failed", errorCode: "not_sent", attempts: 0 });
  });

  test("counts the time that the claim call itself took", async () => {
    const scene = await sendingScene({
      settings: { maxAttempts: 1 },
      store: (store) => ({
        claim: async (request) => {
          await scene.clock.sleep(3_000);
          const answer = await store.claim(request);
          await scene.clock.sleep(2_500);
          return answer;
        },
      }),
    });
    await scene.clock.advanceUntil(scene.process());
    expect(scene.api.sent).toEqual([]);
  });

  test("does not count the wait for a slot, and starts anew with each claim", async () => {
    let claims = 0;
    const scene = await sendingScene({
      store: (store) => ({
        claim: async (request) => {
          claims += 1;
          return claims === 1 ? { kind: "wait", reason: "draft", retryInMs: 60_000 } : store.claim(request);
        },
      }),
      parts: { takeSlot: () => scene.clock.sleep(20_000) },
    });
    await scene.clock.advanceUntil(scene.process());
    expect(scene.api.sent).toHaveLength(1);
  });

  test("lets a request out at the last millisecond of the window", async () => {
    const scene = await sendingScene({
      store: (store) => ({
        claim: async (request) => {
          const answer = await store.claim(request);
          scene.clock.jumpMonotonic(5_000);
          return answer;
        },
      }),
    });
    await scene.process();
    expect(scene.api.sent).toHaveLength(1);
  });
});

describe("what an answer makes of the row", () => {
  const lost: AttemptSignal = { phase: "after-header", reason: "connection_lost", cause: "reset" };
  const ends: [string, AttemptSignal, object][] = [
    [
      "400",
      answered(400, { success: false, message: "no" }),
      { status: "rejected", errorCode: "bad_request" },
    ],
    [
      "404",
      answered(404, { success: false, message: "none" }),
      { status: "rejected", errorCode: "trace_not_found" },
    ],
    ["422", answered(422, { detail: "odd" }), { status: "rejected", errorCode: "validation_error" }],
    ["500", answered(500, {}), { status: "unknown", errorCode: "server_error" }],
    ["a bare 503", answered(503, {}), { status: "unknown", errorCode: "server_error" }],
    ["a reset", lost, { status: "unknown", errorCode: "connection_lost" }],
    ["half a body", { ...answered(201, {}), body: undefined } as AttemptSignal, { status: "unknown" }],
  ];
  test.each(ends)("%s is settled at once, and the row is not sent again", async (_, answer, result) => {
    const scene = await sendingScene();
    scene.api.onAddTrace = () => answer;
    expect(await scene.process()).toEqual(DONE);
    expect(await scene.result()).toMatchObject({ ...result, attempts: 1 });
    expect(scene.api.sent).toHaveLength(1);
  });

  test("no header out: released and tried again, failed when the attempts are used up", async () => {
    const scene = await sendingScene({ settings: { maxAttempts: 3 } });
    scene.api.onAddTrace = () => ({ phase: "before-header", cause: "refused" });
    expect(await scene.process()).toEqual(DONE);
    expect(scene.settlements.map(({ settlement }) => settlement.kind)).toEqual([
      "released",
      "released",
      "failed",
    ]);
    expect(await scene.result()).toMatchObject({
      status: "failed",
      errorCode: "not_sent",
      error: "refused",
      attempts: 0,
    });
    expect(new Set(scene.claims.map(({ token }) => token)).size).toBe(3);
    expect(await scene.store.lookup([KEY])).toEqual([]);
  });

  test("one attempt in all means one", async () => {
    const scene = await sendingScene({ settings: { maxAttempts: 1 } });
    scene.api.onAddTrace = () => ({ phase: "before-header", cause: "refused" });
    await scene.process();
    expect(scene.diary).toEqual(["place", "slot", "claim", "POST", "settle failed", "leave"]);
  });

  test.each([408, 425])("%i uses attempts like a request that was not sent", async (status) => {
    const scene = await sendingScene({ settings: { maxAttempts: 2 } });
    scene.api.onAddTrace = () => answered(status, { message: "later" });
    await scene.process();
    expect(await scene.result()).toMatchObject({
      status: "failed",
      errorCode: "refused",
      attempts: 2,
      httpStatus: status,
    });
  });

  test("429 pauses everybody before the row is released, and uses no attempt", async () => {
    const scene = await sendingScene({ settings: { maxAttempts: 1 } });
    let posts = 0;
    scene.api.onAddTrace = (row) => {
      posts += 1;
      return posts < 5 ? answered(429, { message: "slow down" }, "2") : added(row);
    };
    await scene.clock.advanceUntil(scene.process());
    expect(scene.diary.slice(0, 7)).toEqual([
      "place",
      "slot",
      "claim",
      "POST",
      "pause 2000",
      "settle released",
      "leave",
    ]);
    expect(await scene.result()).toMatchObject({ status: "added", attempts: 5 });
  });

  test("a row that the server keeps putting off is given up in the end", async () => {
    const scene = await sendingScene();
    scene.api.onAddTrace = () => answered(429, { message: "slow down" }, "1");
    await scene.clock.advanceUntil(scene.process());
    expect(await scene.result()).toMatchObject({ status: "failed", errorCode: "rate_limited" });
    expect(scene.api.sent).toHaveLength(100);
  });

  test("a Retry-After that is over already is no reason to ask again at once", async () => {
    const scene = await sendingScene({ settings: { retryBaseMs: 1_000, retryCapMs: 30_000 } });
    let posts = 0;
    scene.api.onAddTrace = (row) => {
      posts += 1;
      return posts === 1 ? answered(429, {}, "0") : added(row);
    };
    const started = scene.clock.monotonicMs();
    await scene.clock.advanceUntil(scene.process());
    expect(scene.clock.monotonicMs() - started).toBeGreaterThanOrEqual(500);
  });

  test("429 without Retry-After: the row waits alone, longer each time, and holds no place meanwhile", async () => {
    const scene = await sendingScene({
      rows: 2,
      settings: { maxAttempts: 1, retryBaseMs: 1_000, retryCapMs: 30_000 },
    });
    scene.api.onAddTrace = (row) => (row.traceId === "trace-1" ? answered(429, {}) : added(row));
    const first = scene.process(1);
    await scene.clock.advance(10);
    expect(await scene.process(2)).toEqual(DONE);
    const sentAt: number[] = [];
    scene.api.onAddTrace = (row) => {
      sentAt.push(scene.clock.monotonicMs());
      return sentAt.length < 5 ? answered(429, {}) : added(row);
    };
    await scene.clock.advanceUntil(first);
    expect(scene.diary.filter((line) => line.startsWith("pause"))).toEqual([]);
    expect(scene.pauses).toEqual([]);
    const waits = sentAt.slice(1).map((at, index) => at - (sentAt[index] ?? 0));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(await scene.result(1)).toMatchObject({ status: "added", attempts: 6 });
  });

  test("told to stop while it waits after a 429: the row goes back", async () => {
    const scene = await sendingScene({ settings: { retryBaseMs: 60_000, retryCapMs: 60_000 } });
    scene.api.onAddTrace = () => answered(429, {});
    const verdict = scene.process();
    await scene.clock.advance(1_000);
    scene.stop.abort(new Error("told to stop"));
    expect(await verdict).toEqual({ kind: "again", delayMs: 0 });
    expect(scene.clock.sleeping()).toBe(0);
  });

  test.each<[string, AttemptSignal, string[]]>([
    ["201", added({ spanId: undefined }), ["answered"]],
    ["404", answered(404, { success: false, message: "none" }), ["answered"]],
    ["500", answered(500, {}), ["answered"]],
    ["a lost connection", lost, []],
  ])("%s is told to the pace as it is", async (_, answer, told) => {
    const scene = await sendingScene();
    scene.api.onAddTrace = () => answer;
    await scene.process();
    expect({ answers: scene.answers, pauses: scene.pauses }).toEqual({ answers: told, pauses: [] });
  });

  test.each([429, 503])(
    "%i with Retry-After is told to the pace as refused, and as a pause",
    async (status) => {
      const scene = await sendingScene();
      let posts = 0;
      scene.api.onAddTrace = (row) => {
        posts += 1;
        return posts === 1 ? answered(status, {}, "7") : added(row);
      };
      await scene.clock.advanceUntil(scene.process());
      expect(scene.answers).toEqual(["refused", "answered"]);
      expect(scene.pauses).toEqual([7_000]);
    },
  );

  test.each([
    [401, "unauthorized"],
    [403, "forbidden"],
    [302, "wrong_endpoint"],
  ])("%i stops the run before the row is released: nobody can claim it in between", async (status, code) => {
    const scene = await sendingScene();
    scene.api.onAddTrace = () => answered(status, { message: "no" });
    expect(await scene.process()).toEqual(DONE);
    expect(scene.diary.slice(3)).toEqual(["POST", "run stopped", "settle released", "leave"]);
    expect(await scene.store.getRun(scene.run.runId)).toMatchObject({ state: "stopped", halt: { code } });
    expect(await scene.result()).toMatchObject({ status: "queued" });
  });

  test.each([
    ["as it is", 0],
    ["an hour behind the store's", -3_600_000],
    ["an hour ahead of it", 3_600_000],
  ])(
    "a trace that is not found is asked for again within the grace, with this machine's clock %s",
    async (_, jumpMs) => {
      const scene = await sendingScene({ settings: { graceMs: 60_000 } });
      scene.clock.jumpWall(jumpMs);
      scene.api.onAddTrace = () => answered(404, { success: false, message: "no such trace" });
      expect(await scene.process()).toEqual({ kind: "again", delayMs: 15_000 });
      expect(await scene.result()).toMatchObject({ status: "queued" });
      await scene.clock.advance(60_000);
      expect(await scene.process()).toEqual(DONE);
      expect(await scene.result()).toMatchObject({
        status: "rejected",
        errorCode: "trace_not_found",
        attempts: 2,
      });
    },
  );
});

describe("a group that was stopped", () => {
  const halted = (parts: { before: boolean }) => ({
    admits: async () => !parts.before,
    isHalted: () => true,
    note: async () => undefined,
  });

  test("lets none of its rows go: the job is over, and the row has no result", async () => {
    const scene = await sendingScene({ parts: { groups: halted({ before: true }) } });
    expect(await scene.process()).toEqual(DONE);
    expect(scene.diary).toEqual([]);
    expect(await scene.result()).toMatchObject({ status: "queued" });
  });

  test("while the row waited for its slot: the row is not claimed", async () => {
    const scene = await sendingScene({ parts: { groups: halted({ before: false }) } });
    expect(await scene.process()).toEqual(DONE);
    expect(scene.diary).toEqual(["place", "slot", "leave"]);
  });

  test("is found out from ends alone: a 400 is told with its words, any other end without", async () => {
    const scene = await sendingScene({ rows: 3 });
    scene.api.onAddTrace = (row) => {
      if (row.traceId === "trace-1") return answered(400, { success: false, message: "no" });
      return row.traceId === "trace-2" ? answered(500, {}) : added(row);
    };
    for (const row of [1, 2, 3]) await scene.process(row);
    expect(scene.ends).toEqual([
      { datasetGroupId: 42, refusal: { code: "bad_request", message: "no" } },
      { datasetGroupId: 42, refusal: undefined },
      { datasetGroupId: 42, refusal: undefined },
    ]);
  });
});

describe("a store that refuses a settlement", () => {
  test("is asked until it takes it", async () => {
    let refusals = 2;
    const scene = await sendingScene({
      store: (store) => ({
        settle: async (request) => {
          refusals -= 1;
          if (refusals >= 0) throw new TraceloadError("store_full", "no room");
          await store.settle(request);
        },
      }),
    });
    expect(await scene.clock.advanceUntil(scene.process())).toEqual(DONE);
    expect(scene.faults).toHaveLength(2);
    expect(scene.api.sent).toHaveLength(1);
    expect(await scene.result()).toMatchObject({ status: "added" });
  });

  test("and is closed leaves the entry to be swept: nothing is sent again", async () => {
    const scene = await sendingScene({
      store: () => ({ settle: () => Promise.reject(new TraceloadError("store_unreachable", "closed")) }),
    });
    await expect(scene.process()).rejects.toThrow("closed");
    expect(scene.diary.at(-1)).toBe("leave");
    expect(await scene.store.lookup([KEY])).toMatchObject([{ state: "sending" }]);
  });
});

test.each(["changeRun", "pauseLimiter"] as const)(
  "a store that refuses %s is asked until it takes it",
  async (method) => {
    let refusals = 2;
    const refusing = async () => {
      refusals -= 1;
      if (refusals >= 0) throw new TraceloadError("store_full", "no room");
    };
    const scene = await sendingScene({
      store: (store) => ({
        changeRun: async (...call) => {
          if (method === "changeRun") await refusing();
          return store.changeRun(...call);
        },
        pauseLimiter: async (...call) => {
          if (method === "pauseLimiter") await refusing();
          return store.pauseLimiter(...call);
        },
      }),
    });
    let posts = 0;
    scene.api.onAddTrace = (row) => {
      posts += 1;
      if (method === "changeRun") return answered(401, { message: "no" });
      return posts === 1 ? answered(429, {}, "1") : added(row);
    };
    expect(await scene.clock.advanceUntil(scene.process())).toEqual(DONE);
    expect(scene.faults).toHaveLength(2);
    expect(scene.diary.filter((line) => /^(run|pause)/.test(line))).toHaveLength(3);
    const state = method === "changeRun" ? "stopped" : "reading";
    expect(await scene.store.getRun(scene.run.runId)).toMatchObject({ state });
  },
);

describe("told to stop", () => {
  test("before anything: the row goes back, and nothing was asked of anybody", async () => {
    const scene = await sendingScene();
    scene.stop.abort(new Error("told to stop"));
    expect(await scene.process()).toEqual({ kind: "again", delayMs: 0 });
    expect(scene.diary).toEqual([]);
  });

  test("while it waits for a slot: the row goes back unclaimed, and the place is free", async () => {
    const scene = await sendingScene({
      parts: { takeSlot: (signal) => scene.clock.sleep(60_000, signal) },
    });
    const verdict = scene.process();
    await settled();
    scene.stop.abort(new Error("told to stop"));
    expect(await verdict).toEqual({ kind: "again", delayMs: 0 });
    expect(scene.diary).toEqual(["place", "leave"]);
  });

  test("while it waits for a place: the row goes back", async () => {
    const scene = await sendingScene({
      rows: 2,
      parts: { takeSlot: (signal) => scene.clock.sleep(60_000, signal) },
    });
    const verdicts = Promise.all([scene.process(1), scene.process(2)]);
    await settled();
    scene.stop.abort(new Error("told to stop"));
    expect(await verdicts).toEqual([
      { kind: "again", delayMs: 0 },
      { kind: "again", delayMs: 0 },
    ]);
    expect(scene.diary).toEqual(["place", "leave"]);
  });

  test("between claim and header: released, uses no attempt, and goes back", async () => {
    const scene = await sendingScene({
      settings: { maxAttempts: 1 },
      store: (store) => ({
        claim: async (request) => {
          const answer = await store.claim(request);
          scene.stop.abort(new Error("told to stop"));
          return answer;
        },
      }),
    });
    expect(await scene.process()).toEqual({ kind: "again", delayMs: 0 });
    expect(scene.diary.at(-2)).toBe("settle released");
    expect(await scene.result()).toMatchObject({ status: "queued", attempts: 0 });
    expect(await scene.store.lookup([KEY])).toEqual([]);
  });

  test("after the header left: the answer is awaited and settled, and the job is over", async () => {
    const scene = await sendingScene();
    let answer: (signal: AttemptSignal) => void = () => undefined;
    scene.api.onAddTrace = () => new Promise((resolve) => (answer = resolve));
    const verdict = scene.process();
    await settled();
    scene.stop.abort(new Error("told to stop"));
    await settled();
    answer(added({ spanId: undefined }));
    expect(await verdict).toEqual(DONE);
    expect(await scene.result()).toMatchObject({ status: "added" });
  });

  test("after the header of a later attempt left: the same", async () => {
    const scene = await sendingScene();
    let answer: ((signal: AttemptSignal) => void) | undefined;
    scene.api.onAddTrace = () =>
      scene.settlements.length === 0 ? answered(408, {}) : new Promise((resolve) => (answer = resolve));
    const verdict = scene.process();
    await scene.clock.advanceWhile(() => answer === undefined);
    scene.stop.abort(new Error("told to stop"));
    answer?.(added({ spanId: undefined }));
    expect(await verdict).toEqual(DONE);
    expect(await scene.result()).toMatchObject({ status: "added", attempts: 2 });
  });

  test("during the pause of a 429: released before, goes back", async () => {
    const scene = await sendingScene();
    scene.api.onAddTrace = () => answered(429, {}, "600");
    const verdict = scene.process();
    await scene.clock.advance(1_000);
    scene.stop.abort(new Error("told to stop"));
    expect(await verdict).toEqual({ kind: "again", delayMs: 0 });
    expect(await scene.store.lookup([KEY])).toEqual([]);
    expect(scene.clock.sleeping()).toBe(0);
  });
});

test("a claim that is repeated under another token by a lost worker turns unknown, and is not sent", async () => {
  const scene = await sendingScene({ rows: 1 });
  await scene.store.claim({
    key: KEY,
    group: `${ORIGIN}|42` as never,
    runId: scene.run.runId,
    row: 1,
    token: "ffffffffffffffff" as Token,
    owner: scene.owner,
    holdMs: 1_000,
    limiter: "limiter",
  });
  expect(await scene.process()).toEqual(DONE);
  expect(scene.api.sent).toEqual([]);
  expect(await scene.result()).toMatchObject({ status: "unknown" });
});
