/** Unknown rows settled by asking: what a draft's count proves, and when. The holes are those of the protocol's table. */
import { describe, expect, test } from "vitest";
import { RESENT_WARNING } from "../../src/core/warnings.ts";
import { failure, ok } from "../support/scripted-api.ts";
import { ADDED, DRAFT, queuedRow, REJECTED, setStage, UNKNOWN } from "../support/store-fixtures.ts";
import { HOLD_MS, PUBLISHED, verifyScene } from "../support/verify-scene.ts";

describe("a draft's count", () => {
  test("that holds all rows in doubt settles them as added, at once", async () => {
    const { verify, statuses, verdict, clock, group, read } = await verifyScene([
      "added",
      "landed",
      "landed",
    ]);
    await verify();
    expect(await statuses()).toEqual(["added", "added", "added"]);
    expect(await read(2)).toMatchObject({ draftDatasetId: DRAFT });
    expect(clock.monotonicMs()).toBeLessThan(1_000);
    expect(await group()).toMatchObject({ added: 3, unknown: 0 });
    expect(await verdict()).toMatchObject({
      kind: "verified",
      reason: undefined,
      baseline: 0,
      added: 3,
      unknown: 0,
      total: 3,
      landed: 2,
      absent: 0,
    });
  });

  test("that holds none of them is believed only when none can arrive any more", async () => {
    const { verifier, statuses, verdict, clock } = await verifyScene(["added", "lost", "lost"]);
    const asking = verifier();
    const done = asking.verify({ mayResend: true, wait: true }, new AbortController().signal);
    await clock.advance(HOLD_MS - 1_000);
    expect(await statuses()).toEqual(["added", "unknown", "unknown"]);
    expect(await verdict()).toMatchObject({ kind: "inconclusive", unknown: 2 });
    expect(asking.waitingMs()).toBeGreaterThan(0);
    expect(asking.waitingMs()).toBeLessThan(2_000);
    await clock.advanceUntil(done);
    expect(clock.monotonicMs()).toBeGreaterThan(HOLD_MS);
    expect(await statuses()).toEqual(["added", "queued", "queued"]);
    expect(await verdict()).toMatchObject({ kind: "verified", landed: 0, absent: 2, total: 1 });
    expect(asking.waitingMs()).toBeUndefined();
  });

  test("S1, S3: a request that arrives while it is waited for is added, not sent again", async () => {
    const { verifier, statuses, clock, put } = await verifyScene(["lost"]);
    const done = verifier().verify({ mayResend: true, wait: true }, new AbortController().signal);
    await clock.advance(HOLD_MS - 10);
    put("trace-1");
    await clock.advanceUntil(done);
    expect(await statuses()).toEqual(["added"]);
  });

  test("not waited for: what is open stays open, and says so", async () => {
    const { verify, statuses, verdict, clock } = await verifyScene(["lost"]);
    await verify({ wait: false });
    expect(clock.monotonicMs()).toBeLessThan(2_000);
    expect(await statuses()).toEqual(["unknown"]);
    expect(await verdict()).toMatchObject({
      kind: "inconclusive",
      reason: "none of the rows in doubt is there, but one could still arrive",
    });
  });

  test("is taken when it repeats, not while it moves", async () => {
    const { verify, api, statuses, server } = await verifyScene(["landed", "landed"]);
    let shown = 0;
    api.onCountRows = (dataset) => ok(Math.min(server.rows.get(dataset)?.length ?? 0, (shown += 1)));
    await verify();
    // Three until it repeats, one for the last look.
    expect(api.calls.filter((call) => call.startsWith("count"))).toHaveLength(4);
    expect(await statuses()).toEqual(["added", "added"]);
  });

  test("counts keys, not rows: the same row twice is one request", async () => {
    const { verify, statuses, store, stage } = await verifyScene(["landed"]);
    const twin = queuedRow("https://api.test", 2, { trace: "trace-1", status: "unknown", errorCode: "held" });
    await store.putRows(stage.run.runId, [twin]);
    await verify();
    expect(await statuses()).toEqual(["added", "duplicate"]);
  });

  test("S8: the additions of all runs count, so that a row that never landed is not taken for another run's", async () => {
    const { verify, statuses, store, stage, put } = await verifyScene(["lost"]);
    const other = await setStage(store, {
      beside: stage,
      rows: [queuedRow(stage.origin, 1, { trace: "other" })],
    });
    put("other");
    await store.settle(other.settleOf(await other.claim(1), ADDED));
    await verify();
    expect(await statuses()).toEqual(["queued"]);
  });

  test("S9: a verdict is refused when anything of the group changed since it was read", async () => {
    const { verify, statuses, api, store, stage, claims, put, server, clock } = await verifyScene(["lost"]);
    await clock.advance(HOLD_MS + 1);
    let counted = 0;
    api.onCountRows = async () => {
      const total = server.rows.get(DRAFT)?.length ?? 0;
      counted += 1;
      if (counted === 2) {
        // Against assumption A1, to show that the version alone holds: the answer comes after the count.
        put("trace-1");
        const claim = claims.get(1);
        if (claim !== undefined) await store.settle(stage.settleOf(claim, ADDED));
      }
      return ok(total);
    };
    await verify();
    expect(await statuses()).toEqual(["added"]);
    expect(await store.lookup([stage.keyOf(1)])).toMatchObject([{ state: "added" }]);
  });

  test("S16: a row that another run holds and that has been settled since follows the ledger", async () => {
    const { verifier, clock, statuses, store, stage, claims } = await verifyScene(["lost"]);
    const held = queuedRow(stage.origin, 1, { status: "unknown", errorCode: "held" });
    const other = await setStage(store, { beside: stage, rows: [held] });
    const claim = claims.get(1);
    if (claim !== undefined) await store.settle(stage.settleOf(claim, ADDED));
    await clock.advanceUntil(
      verifier("hold", other).verify({ mayResend: true, wait: true }, new AbortController().signal),
    );
    expect(await statuses()).toEqual(["added"]);
    expect(await statuses(other)).toEqual(["duplicate"]);
  });

  test("is read behind the closed gate, after what was on its way", async () => {
    const { verifier, statuses, api, store, stage, claims, clock, put } = await verifyScene([
      "landed",
      "sending",
      "queued",
    ]);
    const during: string[] = [];
    api.onListDatasets = async () => {
      during.push((await store.claim(stage.claimOf(3))).kind);
      return ok([{ id: DRAFT, datasetGroupId: 42, versionNumber: -1 }]);
    };
    await store.changeRun(stage.run.runId, { state: "draining" });
    const done = verifier().verify({ mayResend: true, wait: true }, new AbortController().signal);
    await clock.advance(5_000);
    expect(during).toEqual([]);
    put("trace-2");
    const claim = claims.get(2);
    if (claim !== undefined) await store.settle(stage.settleOf(claim, ADDED));
    await clock.advanceUntil(done);
    expect(new Set(during)).toEqual(new Set(["wait"]));
    expect(await statuses()).toEqual(["added", "added", "queued"]);
    expect(await store.claim(stage.claimOf(3))).toMatchObject({ kind: "claimed" });
  });

  test("costs slots of the shared rate", async () => {
    const { verify, slots, api } = await verifyScene(["landed"]);
    await verify();
    expect(slots()).toBe(api.calls.length);
  });
});

describe("where the count cannot tell", () => {
  test("which rows landed, each is looked for by its ID", async () => {
    const scene = await verifyScene(["added", "landed", "lost", "landed"]);
    await scene.verify();
    expect(await scene.statuses()).toEqual(["added", "added", "queued", "added"]);
    expect(await scene.verdict()).toMatchObject({ kind: "verified", landed: 2, absent: 1 });
    expect(scene.clock.monotonicMs()).toBeGreaterThan(HOLD_MS);
  });

  test("spans are looked for by theirs", async () => {
    const scene = await verifyScene(["added", "landed", "lost"], { spans: true });
    await scene.verify();
    expect(await scene.statuses()).toEqual(["added", "added", "queued"]);
  });

  test("a span of it that is there does not make a trace be there", async () => {
    const { verify, statuses, put } = await verifyScene(["added", "lost"]);
    put("trace-2", "span-of-somebody");
    await verify();
    // By the count alone it would have landed; that is assumption A3, and not asked for twice.
    expect(await statuses()).toEqual(["added", "added"]);
    const two = await verifyScene(["added", "lost", "lost"]);
    two.put("trace-2", "span-of-somebody");
    await two.verify();
    expect(await two.statuses()).toEqual(["added", "queued", "queued"]);
  });

  test("and the draft does not show IDs, they are held, with the reason", async () => {
    const scene = await verifyScene(["added", "landed", "lost"]);
    scene.server.showsIds = false;
    await scene.verify();
    expect(await scene.statuses()).toEqual(["added", "unknown", "unknown"]);
    expect(await scene.verdict()).toMatchObject({
      kind: "inconclusive",
      unknown: 2,
      total: 2,
      reason: expect.stringContaining("1 of 2 rows in doubt are there"),
    });
  });

  test("a row that the published version has already is no evidence", async () => {
    const scene = await verifyScene(["added", "lost", "lost"], { baseline: 1 });
    scene.server.published = PUBLISHED;
    for (const dataset of [PUBLISHED, DRAFT]) scene.put("trace-2", undefined, dataset);
    for (const stranger of ["x", "y", "z"]) scene.put(stranger);
    await scene.verify();
    expect(await scene.statuses()).toEqual(["added", "unknown", "queued"]);
  });
});

describe("another writer", () => {
  test("is named with its figures, and rows are settled one by one where they show their IDs", async () => {
    const scene = await verifyScene(["added", "landed", "lost"]);
    for (const stranger of ["x", "y", "z"]) scene.put(stranger);
    await scene.verify();
    expect(await scene.statuses()).toEqual(["added", "added", "queued"]);
    expect(await scene.verdict()).toMatchObject({
      kind: "other-writer",
      baseline: 0,
      added: 2,
      total: 5,
      absent: 1,
    });
    const run = await scene.store.getRun(scene.stage.run.runId);
    expect(run?.warnings[0]).toContain("3 rows more than traceload added");
    // What is not there could still have arrived before.
    expect(scene.clock.monotonicMs()).toBeGreaterThan(HOLD_MS);
  });

  test("leaves rows held where they show no IDs", async () => {
    const scene = await verifyScene(["added", "landed", "lost"]);
    scene.server.showsIds = false;
    for (const stranger of ["x", "y", "z"]) scene.put(stranger);
    await scene.verify();
    expect(await scene.statuses()).toEqual(["added", "unknown", "unknown"]);
    expect(await scene.verdict()).toMatchObject({ kind: "other-writer", unknown: 2, total: 5 });
  });

  test("that removes rows leads to nothing being sent again", async () => {
    const scene = await verifyScene(["added", "added", "lost"]);
    scene.server.rows.set(DRAFT, [["trace-1", undefined]]);
    await scene.verify();
    expect(await scene.statuses()).toEqual(["added", "added", "unknown"]);
    expect(await scene.verdict()).toMatchObject({
      kind: "other-writer",
      reason: expect.stringContaining("1 row fewer"),
    });
  });
});

describe("what cannot be asked, or not be told", () => {
  test("D6: a draft that was published meanwhile settles nothing", async () => {
    const scene = await verifyScene(["added", "lost"]);
    scene.server.draft = 502;
    await scene.verify();
    expect(await scene.statuses()).toEqual(["added", "unknown"]);
    expect(await scene.verdict()).toMatchObject({ kind: "inconclusive", draftDatasetId: DRAFT });
    expect((await scene.verdict())?.reason).toContain("502");
  });

  test("nor one that is published between two looks", async () => {
    const scene = await verifyScene(["landed"]);
    const count = scene.api.onCountRows;
    scene.api.onCountRows = (dataset) => {
      scene.server.draft = 502;
      return count(dataset);
    };
    await scene.verify();
    expect(await scene.statuses()).toEqual(["unknown"]);
  });

  test("rows of an earlier draft stay held, and so do those beside them", async () => {
    const scene = await verifyScene(["added", "lost"]);
    await scene.store.setGroup(scene.stage.group, { phase: "open", draftDatasetId: 502, baseline: 0 });
    scene.server.draft = 502;
    await scene.verify();
    expect(await scene.statuses()).toEqual(["added", "unknown"]);
    expect((await scene.verdict())?.reason).toContain("another draft");
  });

  test("without a baseline rows that are found are added, and no other is sent again", async () => {
    const scene = await verifyScene(["added", "landed", "lost"], { baseline: undefined });
    await scene.verify();
    expect(await scene.statuses()).toEqual(["added", "added", "unknown"]);
    expect(await scene.verdict()).toMatchObject({ kind: "not-checked", baseline: undefined, landed: 1 });
  });

  test("without a baseline, where no IDs are shown, all are held", async () => {
    const scene = await verifyScene(["added", "landed"], { baseline: undefined });
    scene.server.showsIds = false;
    await scene.verify();
    expect(await scene.statuses()).toEqual(["added", "unknown"]);
    expect(await scene.verdict()).toMatchObject({ kind: "not-checked", unknown: 1 });
  });

  test("without a baseline, where rows were sent once more by choice, a row that is found may be the earlier copy", async () => {
    const scene = await verifyScene(["added", "landed"], { baseline: undefined });
    const { group } = scene.stage;
    const decision = { decision: "absent", draftDatasetId: undefined, by: "somebody", why: "test" } as const;
    await scene.store.decide({ key: scene.stage.keyOf(1), group, ...decision });
    await scene.verify();
    expect(await scene.statuses()).toEqual(["added", "unknown"]);
    expect(await scene.verdict()).toMatchObject({ kind: "not-checked", landed: 0 });
  });

  test("without a baseline and without a doubt nothing is asked", async () => {
    const scene = await verifyScene(["added"], { baseline: undefined });
    await scene.verify();
    expect(scene.api.calls).toEqual([]);
  });

  test.each(["unreachable", "server_error", "forbidden", "not_found", "unauthorized"] as const)(
    "%s: held, never sent again",
    async (kind) => {
      const scene = await verifyScene(["added", "lost"]);
      scene.api.onCountRows = () => failure(kind);
      await scene.verify();
      expect(await scene.statuses()).toEqual(["added", "unknown"]);
      expect(await scene.verdict()).toMatchObject({ kind: "inconclusive" });
    },
  );

  test("rows that were sent again often enough stay held, even if they are not there", async () => {
    const scene = await verifyScene(["added", "lost"]);
    await scene.verify({ mayResend: false });
    expect(await scene.statuses()).toEqual(["added", "unknown"]);
    expect(await scene.verdict()).toMatchObject({ kind: "inconclusive" });
  });
});

describe("--on-unknown", () => {
  test("hold settles nothing by what the server holds, and still shows the figures", async () => {
    const scene = await verifyScene(["added", "landed", "lost"]);
    await scene.verify({ onUnknown: "hold" });
    expect(await scene.statuses()).toEqual(["added", "unknown", "unknown"]);
    expect(await scene.verdict()).toMatchObject({ kind: "not-checked", unknown: 2, total: 2, added: 1 });
    expect(scene.clock.monotonicMs()).toBeLessThan(5_000);
  });

  test("retry waits until nothing of the rows can arrive any more; stopped before, it has not been done", async () => {
    const scene = await verifyScene(["added", "landed", "lost"]);
    const stop = new AbortController();
    const verifier = scene.verifier("retry");
    const asking = verifier.verify({ mayResend: true, wait: true }, stop.signal);
    asking.catch(() => undefined);
    await scene.clock.advance(HOLD_MS - 1_000);
    expect(await scene.statuses()).toEqual(["added", "unknown", "unknown"]);
    expect(verifier.waitingMs()).toBeGreaterThan(0);
    stop.abort(new Error("told to stop"));
    await expect(asking).rejects.toThrow("told to stop");
    expect((await scene.store.getRun(scene.stage.run.runId))?.warnings).toEqual([]);
  });

  test("retry sends unknown rows once more, with a warning, and once only", async () => {
    const scene = await verifyScene(["added", "landed", "lost"]);
    await scene.verify({ onUnknown: "retry" });
    expect(await scene.statuses()).toEqual(["added", "queued", "queued"]);
    const run = await scene.store.getRun(scene.stage.run.runId);
    expect(run?.warnings).toContain(RESENT_WARNING);
    expect(await scene.group()).toMatchObject({ resent: 2 });
    await scene.store.changeRun(scene.stage.run.runId, { state: "draining" });
    const again = await scene.stage.claim(2);
    await scene.store.settle(scene.stage.settleOf(again, UNKNOWN));
    const other = await scene.stage.claim(3);
    await scene.store.settle(scene.stage.settleOf(other, REJECTED));
    await scene.store.changeRun(scene.stage.run.runId, { state: "verifying" });
    await scene.verify({ onUnknown: "retry" });
    expect(await scene.statuses()).toEqual(["added", "unknown", "rejected"]);
    expect(await scene.verdict()).toMatchObject({
      kind: "not-checked",
      reason: expect.stringContaining("sent once more"),
    });
  });
});

describe("the last look at a run without unknown rows", () => {
  test("says verified, and costs two questions", async () => {
    const scene = await verifyScene(["added", "added", "rejected"]);
    await scene.verify();
    expect(await scene.verdict()).toMatchObject({
      kind: "verified",
      baseline: 0,
      added: 2,
      unknown: 0,
      total: 2,
    });
    expect(scene.api.calls).toEqual(["list 42", `count ${DRAFT}`]);
  });

  test("names another writer", async () => {
    const scene = await verifyScene(["added"]);
    scene.put("x");
    await scene.verify();
    expect(await scene.verdict()).toMatchObject({ kind: "other-writer", added: 1, total: 2 });
  });

  test("does not wait long for other runs of the group", async () => {
    const scene = await verifyScene(["added"]);
    const other = await setStage(scene.store, {
      beside: scene.stage,
      rows: [queuedRow(scene.stage.origin, 1, { trace: "o" })],
    });
    await other.claim(1, { owner: scene.owner });
    await scene.verify();
    expect(await scene.verdict()).toMatchObject({ kind: "inconclusive" });
    expect(scene.clock.monotonicMs()).toBeLessThan(15_000);
  });

  test("leaves groups alone that the run added nothing to", async () => {
    const scene = await verifyScene(["added"]);
    await scene.store.setGroup(`${scene.stage.origin}|43` as typeof scene.stage.group, {
      phase: "open",
      draftDatasetId: 900,
      baseline: 0,
    });
    await scene.verify();
    expect(scene.api.calls).toEqual(["list 42", `count ${DRAFT}`]);
  });
});
