/** Notices: when one is due, what stays silent, and what becomes of one that cannot be delivered. */
import { describe, expect, test } from "vitest";
import { decideNotice, type NoticeSubject } from "../../src/app/notices/decision.ts";
import { makeNotifier, type NotifyRequest } from "../../src/app/notices/notify.ts";
import type { Notice, NoticeDelivery, NoticeStanding, NotifyPolicy } from "../../src/core/notices.ts";
import { zeroCounts, type RunState, type StatusCounts } from "../../src/core/status.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { REJECTED, setStage } from "../support/store-fixtures.ts";

const POLICY: NotifyPolicy = { on: ["failure", "recovery", "unknown"], failed: {}, unknown: {} };

function subject(counts: Partial<StatusCounts>, state: RunState = "finished") {
  return {
    kind: "run" as const,
    run: { state, counts: { ...zeroCounts(), ...counts }, halt: undefined, verdicts: [] },
  };
}
const GOOD = subject({ added: 100 });
const BAD = subject({ added: 97, rejected: 3 });
const DOUBT = subject({ added: 99, unknown: 1 });
const CANCELLED = subject({ added: 5, unprocessed: 95 }, "cancelled");
const STOPPED = subject({ unprocessed: 5 }, "stopped");
const NO_RUN: NoticeSubject = { kind: "fault", code: "store_unreachable" };
const NOTHING: NoticeSubject = { kind: "empty" };

/** What each of the runs, one after the other, is told of. */
function told(
  subjects: readonly NoticeSubject[],
  policy: Partial<NotifyPolicy> = {},
): (string | undefined)[] {
  let standing: NoticeStanding | undefined;
  return subjects.map((one) => {
    const decision = decideNotice(standing, one, { ...POLICY, ...policy });
    standing = decision.standing;
    return decision.notice?.kind;
  });
}

describe("a notice is sent", () => {
  test("once when a sync fails, and once when it is well again", () => {
    expect(told([GOOD, BAD, BAD, NO_RUN, STOPPED, GOOD, GOOD])).toEqual([
      undefined,
      "failure",
      undefined,
      undefined,
      undefined,
      "recovery",
      undefined,
    ]);
  });

  test("of rows that are unknown, which are no failure, and of one that follows", () => {
    expect(told([DOUBT, DOUBT, BAD, DOUBT, GOOD])).toEqual([
      "unknown",
      undefined,
      "failure",
      "unknown",
      "recovery",
    ]);
  });

  test("of what is subscribed alone: a state that nobody hears of changes nothing", () => {
    const on = ["failure", "recovery"] as const;
    expect(told([BAD, DOUBT, BAD, DOUBT, GOOD], { on })).toEqual([
      "failure",
      undefined,
      undefined,
      undefined,
      "recovery",
    ]);
    expect(told([BAD, GOOD, BAD], { on: ["failure"] })).toEqual(["failure", undefined, "failure"]);
  });

  test("of no recovery because nothing came, unless nothing was wrong but that nothing could be read", () => {
    expect(told([NOTHING, BAD, NOTHING, NOTHING, GOOD])).toEqual([
      undefined,
      "failure",
      undefined,
      undefined,
      "recovery",
    ]);
    expect(told([NO_RUN, NO_RUN, NOTHING, NOTHING])).toEqual(["failure", undefined, "recovery", undefined]);
    expect(told([STOPPED, NOTHING])).toEqual(["failure", undefined]);
    expect(told([BAD, NO_RUN, NOTHING])).toEqual(["failure", undefined, undefined]);
    expect(told([DOUBT, NO_RUN, NOTHING])).toEqual(["unknown", "failure", undefined]);
    expect(told([NOTHING, BAD, NOTHING], { on: ["always"] })).toEqual(["success", "failure", "failure"]);
  });

  test("of no recovery while rows of earlier runs are to be tried again, but for those that are let pass", () => {
    const open: NoticeSubject = { ...GOOD, carried: 2 };
    expect(told([BAD, open, GOOD])).toEqual(["failure", undefined, "recovery"]);
    expect(told([BAD, open], { failed: { rows: 2 } })).toEqual(["failure", "recovery"]);
    expect(told([NO_RUN, { kind: "empty", carried: 2 }])).toEqual(["failure", undefined]);
  });

  test("of runs that give way to the next tick, when two have in a row", () => {
    expect(told([CANCELLED, { ...CANCELLED, isStuck: true }, CANCELLED, GOOD])).toEqual([
      undefined,
      "failure",
      undefined,
      "recovery",
    ]);
  });

  test("of no failure for rows that may be visible soon", () => {
    expect(told([{ ...BAD, pending: 3 }])).toEqual([undefined]);
    expect(told([{ ...BAD, pending: 2 }])).toEqual(["failure"]);
  });

  test("of every run with always, but for those that a person stopped", () => {
    expect(told([GOOD, BAD, CANCELLED, BAD, GOOD, GOOD], { on: ["always"] })).toEqual([
      "success",
      "failure",
      undefined,
      "failure",
      "recovery",
      "success",
    ]);
  });

  test.each<[string, Partial<NotifyPolicy>, NoticeSubject, string | undefined]>([
    ["as many bad rows as are let pass", { failed: { rows: 3 } }, BAD, undefined],
    ["one more", { failed: { rows: 2 } }, BAD, "failure"],
    ["a share that is let pass", { failed: { percent: 3 } }, BAD, undefined],
    ["a larger one", { failed: { percent: 2.9 } }, BAD, "failure"],
    ["unknown rows that are let pass", { unknown: { percent: 1 } }, DOUBT, undefined],
    ["nothing read", { failed: { percent: 1 } }, subject({}), undefined],
  ])("by the rows: %s", (_, policy, one, kind) => {
    expect(told([one], policy)).toEqual([kind]);
  });

  test("of a draft that was not published, and why", () => {
    const run = { state: "finished", counts: { ...zeroCounts(), added: 5 }, halt: undefined } as const;
    const verdict = {
      datasetGroupId: 42,
      draftDatasetId: 501,
      kind: "verified",
      reason: undefined,
      baseline: 0,
      added: 5,
      unknown: 0,
      total: 5,
      landed: 0,
      absent: 0,
      at: 0,
      publication: { state: "failed", reason: "the server's words" },
    } as const;
    const { notice } = decideNotice(undefined, { kind: "run", run: { ...run, verdicts: [verdict] } }, POLICY);
    expect(notice?.reasons).toEqual(["the draft of dataset group 42 was not published (failed)"]);
  });
});

async function scene(deliveries: readonly NoticeDelivery[]) {
  const clock = fakeClock();
  const store = createMemoryStore(clock);
  const stage = await setStage(store, { rows: 2 });
  for (const row of [1, 2]) {
    const claim = await stage.claim(row);
    await store.settle(stage.settleOf(claim, { ...REJECTED, message: "what the server knows of the trace" }));
  }
  await store.changeRun(stage.run.runId, { state: "finished", sourceComplete: true, finished: true });
  const run = await store.getRun(stage.run.runId);
  if (run === undefined) throw new Error("the run is gone");
  const sent: { notice: Notice; atMs: number }[] = [];
  const left = [...deliveries];
  const notifier = makeNotifier({
    store,
    channel: {
      send: async (notice) => {
        sent.push({ notice, atMs: clock.monotonicMs() });
        return left.shift() ?? { kind: "delivered" };
      },
      close: async () => undefined,
    },
    policy: POLICY,
    clock,
    random: () => 1,
  });
  const stop = new AbortController();
  const notify = (previous?: NoticeStanding, end: NotifyRequest["end"] = { run }) =>
    clock.advanceUntil(notifier.notify({ id: "msg_1", subject: "nightly", previous, end }, stop.signal));
  return { sent, notify, stop, clock, run };
}

describe("a notice that is due", () => {
  const again = (retryInMs?: number): NoticeDelivery => ({
    kind: "try-again",
    reason: "host: 500",
    retryInMs,
  });

  test("says what became of the rows, and holds nothing of them but IDs and codes", async () => {
    const { notify, sent, run } = await scene([]);
    expect(await notify()).toEqual({
      standing: { state: "failing" },
      delivery: { kind: "delivered", notice: "failure" },
    });
    expect(sent[0]?.notice).toMatchObject({
      kind: "failure",
      subject: "nightly",
      reasons: ["2 rows of 2 did not make it"],
      run: { errors: [{ code: "trace_not_found", count: 2 }], traceIds: ["trace-1", "trace-2"] },
      next: [`traceload report ${run.runId}`],
    });
    expect(JSON.stringify(sent)).not.toContain("server knows");
  });

  test("is tried again under the same id, with growing pauses", async () => {
    const { notify, sent } = await scene([again(), again(5_000), again()]);
    expect(await notify()).toMatchObject({ standing: { state: "failing" }, delivery: { kind: "delivered" } });
    expect(sent.map(({ notice, atMs }) => [notice.id, atMs])).toEqual([
      ["msg_1", 0],
      ["msg_1", 1_000],
      ["msg_1", 6_000],
      ["msg_1", 10_000],
    ]);
  });

  test("and cannot be delivered is due again the next time, also when nothing came then", async () => {
    const { notify, sent, clock } = await scene(Array.from({ length: 6 }, () => again()));
    const { standing, delivery } = await notify();
    expect([standing, delivery]).toMatchObject([
      { state: "failing", undelivered: { kind: "failure", reason: "host: 500" } },
      { kind: "failed", notice: "failure", reason: "host: 500" },
    ]);
    expect([sent.length, clock.monotonicMs()]).toEqual([6, 31_000]);
    expect(await notify(standing, { empty: true })).toEqual({
      standing: { state: "failing" },
      delivery: { kind: "delivered", notice: "failure" },
    });
    expect(sent.at(-1)?.notice.reasons).toContain("an earlier notice could not be delivered");
  });

  test("of a recovery and cannot be delivered is due as long as all goes well, or nothing comes", async () => {
    const { notify } = await scene([{ kind: "refused", reason: "host answers 410" }]);
    const untold = await notify({ state: "failing", isOverWhenRead: true }, { empty: true });
    expect(untold.standing).toMatchObject({ state: "failing", undelivered: { kind: "recovery" } });
    expect(await notify(untold.standing, { empty: true })).toEqual({
      standing: { state: "good" },
      delivery: { kind: "delivered", notice: "recovery" },
    });
  });

  test("and is refused, or asked for too late, is given up at once", async () => {
    const refused = await scene([{ kind: "refused", reason: "host answers 410" }]);
    expect((await refused.notify()).delivery).toMatchObject({ kind: "failed", reason: "host answers 410" });
    const late = await scene([again(90_000)]);
    expect((await late.notify()).delivery).toMatchObject({ kind: "failed" });
    expect([refused.sent.length, late.sent.length]).toEqual([1, 1]);
  });

  test("is given up when the process is told to stop", async () => {
    const { notify, stop, sent } = await scene([again()]);
    const ending = notify();
    stop.abort(new Error("told to stop"));
    expect(await ending).toMatchObject({ delivery: { kind: "failed" } });
    expect(sent.length).toBe(1);
  });
});
