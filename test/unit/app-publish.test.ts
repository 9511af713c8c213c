/** Publishing a run's drafts: what may be published, what is asked for, and what a lost answer comes to. */
import { describe, expect, test } from "vitest";
import { makeFinisher } from "../../src/app/finisher.ts";
import { makeGroupLocks } from "../../src/app/group-locks.ts";
import { makePublisher } from "../../src/app/publish/publish.ts";
import { isAskedToPublish } from "../../src/app/publish/others.ts";
import { type PublishPolicy, publishRefusal } from "../../src/app/publish/policy.ts";
import { makeAsk } from "../../src/app/verify/asking.ts";
import { zeroCounts } from "../../src/core/status.ts";
import type { Verdict } from "../../src/core/store.ts";
import { memoryQueues } from "../support/memory-queues.ts";
import { failure, ok } from "../support/scripted-api.ts";
import { aRun, DRAFT, queuedRow, REJECTED } from "../support/store-fixtures.ts";
import { type Fate, verifyScene } from "../support/verify-scene.ts";

const WAIT_MS = 120_000;

/** A verified run, and a server whose draft becomes version 3 some polls after it was asked to. */
async function scene(fates: readonly Fate[], when: PublishPolicy["when"] = "if-clean") {
  const verify = await verifyScene(fates);
  const { store, api, clock, owner, stage, server } = verify;
  const { runId, origin } = stage.run;
  const state = { saves: 0, pollsUntilPublished: 2, published: false };
  api.onSaveDraft = () => {
    state.saves += 1;
    return ok({ draftDatasetId: server.draft }, 202);
  };
  api.onListDatasets = () => {
    if (state.saves > 0 && state.pollsUntilPublished-- <= 0) state.published = true;
    const versionNumber = state.published ? 3 : -1;
    return ok([{ id: server.draft, datasetGroupId: 42, versionNumber }]);
  };
  const locks = makeGroupLocks({ store, clock, owner: () => owner });
  const takeSlot = async () => undefined;
  const ask = makeAsk({ store, clock, limiter: "key", takeSlot, retryBaseMs: 1_000, retryCapMs: 30_000 });
  const publisher = (policy: PublishPolicy = { when, force: false }) =>
    makePublisher({
      store,
      api,
      ask,
      takeSlot,
      pause: (ms) => store.pauseLimiter("key", ms),
      locks,
      clock,
      waitMs: WAIT_MS,
      run: stage.run,
      policy,
    });
  await verify.verify();
  const publish = (policy?: PublishPolicy) =>
    clock.advanceUntil(publisher(policy).publish(new AbortController().signal));
  const publication = async () => (await store.getRun(runId))?.verdicts[0]?.publication;
  return { ...verify, state, runId, origin, publisher, publish, publication };
}

describe("a draft that holds every row of its run", () => {
  test("is published once, and its version number is written down", async () => {
    const { publish, publication, state, store, origin } = await scene(["added", "landed"]);
    await publish();
    expect(await publication()).toMatchObject({
      state: "published",
      draftDatasetId: DRAFT,
      versionNumber: 3,
    });
    await publish();
    expect(state.saves).toBe(1);
    const draft = { origin, datasetGroupId: 42, draftDatasetId: DRAFT };
    expect(await isAskedToPublish(store, draft)).toBe(true);
    expect(await isAskedToPublish(store, { ...draft, draftDatasetId: 900 })).toBe(false);
  });

  test("is nobody's to add to while it is published", async () => {
    const { publish, api, store, stage, owner, state } = await scene(["added"]);
    let granted: boolean | undefined;
    api.onSaveDraft = async () => {
      state.saves += 1;
      const other = await store.createRun(aRun(owner, { origin: stage.origin }));
      const row = queuedRow(stage.origin, 1, { trace: "late" });
      await store.putRows(other.runId, [row]);
      const claim = { ...stage.claimOf(1), key: row.key, runId: other.runId };
      granted = (await store.claim(claim)).kind === "claimed";
      return ok({ draftDatasetId: DRAFT }, 202);
    };
    await publish();
    expect(granted).toBe(false);
  });

  test("ends its run when it is a version, and not before", async () => {
    const { store, clock, runId, publisher, publication } = await scene(["added"]);
    const finisher = makeFinisher({
      store,
      queue: memoryQueues(clock).runQueue(runId),
      runId,
      maxErrors: undefined,
      publishing: { makePublisher: () => publisher(), clock },
      onFault: () => undefined,
    });
    expect((await clock.advanceUntil(finisher.step())).over).toBe(false);
    expect(finisher.isAsking()).toBe(true);
    expect((await store.getRun(runId))?.state).toBe("verifying");
    while (!(await clock.advanceUntil(finisher.step())).over) await clock.advance(200);
    expect((await store.getRun(runId))?.state).toBe("finished");
    expect(await publication()).toMatchObject({ state: "published" });
  });
});

describe("a save-draft whose answer is lost", () => {
  test("is looked up, and not sent again", async () => {
    const { publish, publication, api, state } = await scene(["added"]);
    api.onSaveDraft = () => {
      state.saves += 1;
      return failure("unreachable");
    };
    await publish();
    expect(await publication()).toMatchObject({ state: "published", versionNumber: 3 });
    expect(state.saves).toBe(1);
  });

  test("by a process that died then is looked up by the next, whatever the verdict says by now", async () => {
    const { publish, publication, publisher, state, clock, api, store, runId } = await scene(["added"]);
    const stop = new AbortController();
    api.onSaveDraft = () => {
      state.saves += 1;
      stop.abort(new Error("gone"));
      return ok({ draftDatasetId: DRAFT }, 202);
    };
    await expect(clock.advanceUntil(publisher().publish(stop.signal))).rejects.toThrow("gone");
    expect(await publication()).toMatchObject({ state: "asked" });
    const verdict = (await store.getRun(runId))?.verdicts[0];
    if (verdict !== undefined)
      await store.changeRun(runId, { verdict: { ...verdict, kind: "inconclusive" } });
    await publish();
    expect(await publication()).toMatchObject({ state: "published", versionNumber: 3 });
    expect(state.saves).toBe(1);
  });

  test("and that did nothing is sent again only when it can do nothing any more", async () => {
    const { publish, publication, state, clock, api } = await scene(["added"]);
    state.pollsUntilPublished = Number.POSITIVE_INFINITY;
    const sentAt: number[] = [];
    api.onSaveDraft = () => {
      sentAt.push(clock.monotonicMs());
      if (sentAt.length === 1) return failure("server_error");
      state.saves += 1;
      state.pollsUntilPublished = 1;
      return ok({ draftDatasetId: DRAFT }, 202);
    };
    await publish();
    expect(await publication()).toMatchObject({ state: "asked", reason: expect.stringContaining("lost") });
    await publish();
    expect(await publication()).toMatchObject({ state: "published" });
    expect(sentAt).toHaveLength(2);
    expect((sentAt[1] ?? 0) - (sentAt[0] ?? 0)).toBeGreaterThanOrEqual(WAIT_MS);
  });
});

describe("a draft is left as it is", () => {
  test("when another one has taken its place", async () => {
    const { publish, publication, server, state } = await scene(["added"]);
    server.draft = 900;
    await publish();
    expect(await publication()).toMatchObject({ state: "failed", reason: "it is not there any more" });
    expect(state.saves).toBe(0);
  });

  test("when no row of the run is in it", async () => {
    const { publish, publication, state } = await scene(["rejected"], "always");
    await publish();
    expect([await publication(), state.saves]).toEqual([undefined, 0]);
  });

  test("while another run may still add rows to it", async () => {
    const { publish, publication, store, stage, owner, state } = await scene(["added"]);
    const other = await store.createRun(aRun(owner, { origin: stage.origin }));
    await store.putRows(other.runId, [queuedRow(stage.origin, 1, { trace: "other" })]);
    await store.changeRun(other.runId, { state: "draining", sourceComplete: true });
    await publish();
    expect(await publication()).toMatchObject({
      state: "refused",
      reason: `run ${other.runId} may still add rows to it`,
    });
    await store.changeRun(other.runId, { state: "cancelled" });
    await publish();
    expect([await publication(), state.saves]).toMatchObject([{ state: "published" }, 1]);
  });

  test("when the server refuses, and the run goes on without", async () => {
    const { publish, publication, api } = await scene(["added"]);
    api.onSaveDraft = () => failure("forbidden");
    await publish();
    expect(await publication()).toEqual({
      state: "failed",
      draftDatasetId: DRAFT,
      reason: "scripted forbidden",
    });
  });

  test("when rows are unknown, unless a person wants it all the same", async () => {
    const { publish, publication, state, store, stage, claims } = await scene(["added", "rejected"]);
    const claim = claims.get(2);
    if (claim !== undefined) await store.settle(stage.settleOf(claim, REJECTED));
    await publish();
    expect(await publication()).toMatchObject({
      state: "refused",
      reason: "1 row of the run did not make it",
    });
    await publish({ when: "if-clean", force: true });
    expect([await publication(), state.saves]).toMatchObject([{ state: "published" }, 1]);
  });
});

describe("the policy", () => {
  const verdict = (kind: Verdict["kind"], reason?: string) => ({ kind, reason });
  const counts = (change: object) => ({ counts: { ...zeroCounts(), added: 5, ...change } });
  const clean = counts({ duplicate: 3 });
  const cases: [
    string,
    PublishPolicy["when"],
    boolean,
    ReturnType<typeof counts>,
    Verdict["kind"],
    boolean,
  ][] = [
    ["never", "never", false, clean, "verified", false],
    ["if-clean, and it is", "if-clean", false, clean, "verified", true],
    ["if-clean, with an invalid row", "if-clean", false, counts({ invalid: 1 }), "verified", false],
    ["if-clean, with an unknown row", "if-clean", false, counts({ unknown: 1 }), "verified", false],
    ["if-clean, unverified", "if-clean", false, clean, "not-checked", false],
    ["always, with failed rows", "always", false, counts({ failed: 1 }), "inconclusive", true],
    ["always, with unknown rows", "always", false, counts({ unknown: 1 }), "inconclusive", true],
    ["always, with another writer", "always", false, clean, "other-writer", false],
    ["forced, with another writer", "if-clean", true, counts({ unknown: 1 }), "other-writer", true],
  ];
  test.each(cases)("%s", (_, when, force, run, kind, allowed) => {
    expect(publishRefusal({ when, force }, run, verdict(kind)) === undefined).toBe(allowed);
  });
});
