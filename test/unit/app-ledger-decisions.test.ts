/** A person decides held rows: which are decided, which are left alone, and how the results of runs follow. */
import { describe, expect, test } from "vitest";
import {
  countByEntry,
  decideRow,
  decideSources,
  followInRuns,
  keyed,
  type DecisionPlan,
} from "../../src/app/ledger/decisions.ts";
import { viewEntry } from "../../src/app/ledger/entry.ts";
import { pruneGroup } from "../../src/app/ledger/prune.ts";
import type { StoredStatus } from "../../src/core/status.ts";
import type { ClaimRequest } from "../../src/core/store.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { scriptedSources, sourceRow } from "../support/scripted-sources.ts";
import { ADDED, DRAFT, REJECTED, setStage, UNKNOWN } from "../support/store-fixtures.ts";

const PLAN: DecisionPlan = {
  decision: "added",
  draftDatasetId: undefined,
  by: "maria@desk",
  why: "looked into the draft",
  alsoCertain: false,
};
const ABSENT: DecisionPlan = { ...PLAN, decision: "absent" };
const never = new AbortController().signal;

/** Row 1 added, 2 unknown, 3 rejected (no entry), 4 unknown, 5 being sent. */
async function scene() {
  const clock = fakeClock();
  const store = createMemoryStore(clock);
  const stage = await setStage(store, { rows: 5 });
  const settlements = [ADDED, UNKNOWN, REJECTED, UNKNOWN];
  const claims = new Map<number, ClaimRequest>();
  for (const [index, settlement] of settlements.entries()) {
    const claim = await stage.claim(index + 1);
    claims.set(index + 1, claim);
    await store.settle(stage.settleOf(claim, settlement));
  }
  await stage.claim(5);
  const { origin } = stage;
  const { runId } = stage.run;
  const sources = scriptedSources([
    [1, 2, 3].map((line) => sourceRow(line)),
    [4, 5].map((line) => sourceRow(line)),
  ]);
  const states = async () =>
    Promise.all(
      [1, 2, 3, 4, 5].map(async (row) => (await store.lookup([stage.keyOf(row)]))[0]?.state ?? "none"),
    );
  const statuses = async (id = runId): Promise<StoredStatus[]> =>
    (await store.readRows(id, { fromRow: 1, limit: 10 })).map(({ status }) => status);
  return { clock, store, stage, claims, origin, runId, sources, states, statuses };
}

describe("rows of a file", () => {
  test("are counted by what the ledger says, without changing anything", async () => {
    const { store, stage, sources, origin, states } = await scene();
    const before = await states();
    const until = Math.max(
      ...(await store.lookup([stage.keyOf(2), stage.keyOf(4)])).map((entry) => entry.until ?? 0),
    );
    expect(until).toBeGreaterThan(await store.now());
    expect(await countByEntry(store, sources, origin, never)).toEqual({
      counts: { none: 1, sending: 1, unknown: 2, added: 1 },
      until,
    });
    expect(await states()).toEqual(before);
  });

  test("are decided where they are held; added ones, those never sent and those being sent stay", async () => {
    const { store, sources, origin, states } = await scene();
    expect(await decideSources(store, sources, origin, ABSENT, never)).toEqual({
      decided: 2,
      leftAlone: { none: 1, sending: 0, unknown: 0, added: 1 },
      refused: 1,
    });
    expect(await states()).toEqual(["added", "none", "none", "none", "sending"]);
  });

  test.each([
    {
      plan: { ...PLAN, alsoCertain: true },
      after: ["added", "added", "added", "added", "sending"],
      decided: 3,
    },
    {
      plan: { ...ABSENT, alsoCertain: true },
      after: ["none", "none", "none", "none", "sending"],
      decided: 3,
    },
  ])("with --all, $plan.decision takes those that are certain, too", async ({ plan, after, decided }) => {
    const { store, sources, origin, states } = await scene();
    expect((await decideSources(store, sources, origin, plan, never)).decided).toBe(decided);
    expect(await states()).toEqual(after);
  });

  test("are all refused, before any is decided, where one of them is no row", async () => {
    const { store, origin, states } = await scene();
    const invalid = { code: "missing_trace_id", message: "trace_id is empty" };
    const sources = scriptedSources([[sourceRow(2)], [sourceRow(17, { invalid })]]);
    await expect(countByEntry(store, sources, origin, never)).rejects.toMatchObject({
      code: "source_format",
      message: "rows.csv:17: trace_id is empty; nothing was marked",
    });
    expect((await states())[1]).toBe("unknown");
  });

  test("decided twice are decided once", async () => {
    const { store, sources, origin, stage } = await scene();
    await decideSources(store, sources, origin, PLAN, never);
    const again = await decideSources(store, sources, origin, PLAN, never);
    expect(again).toMatchObject({ decided: 0, leftAlone: { added: 3 } });
    expect(await store.readNotes(stage.keyOf(2))).toHaveLength(1);
  });
});

test("a row whose answer comes between the look and the decision stays added", async () => {
  const { store, stage, origin, sources, claims } = await scene();
  const looking: typeof store = {
    ...store,
    lookup: async (keys) => {
      const entries = await store.lookup(keys);
      const claim = claims.get(2);
      if (claim !== undefined) await store.settle(stage.settleOf(claim, ADDED));
      return entries;
    },
  };
  const decided = await decideSources(looking, sources, origin, ABSENT, never);
  expect(decided.refused).toBe(2);
  expect(await store.lookup([stage.keyOf(2)])).toMatchObject([{ state: "added" }]);
  expect(await store.readNotes(stage.keyOf(2))).toEqual([]);
});

describe("the results of runs", () => {
  test("follow: rows that are there are added, rows that are not are unprocessed in a run that is over", async () => {
    const { store, stage, origin, runId, statuses } = await scene();
    await store.changeRun(runId, { state: "finished", sourceComplete: true });
    const row = (trace: string) => keyed(origin, { datasetGroupId: 42, traceId: trace, spanId: undefined });
    const seen = async (number: number) => (await store.lookup([stage.keyOf(number)]))[0] ?? "none";
    expect(await decideRow(store, row("trace-2"), PLAN, await seen(2))).toBe(true);
    expect(await decideRow(store, row("trace-4"), ABSENT, await seen(4))).toBe(true);
    expect(await followInRuns(store, origin, never)).toEqual([
      { runId, state: "finished", changed: 2, unprocessed: 2, unknown: 0 },
    ]);
    expect(await statuses()).toEqual(["added", "added", "rejected", "unprocessed", "queued"]);
    expect(await stage.read(2)).toMatchObject({ draftDatasetId: DRAFT });
  });

  test("follow in every run that holds the row, and in no run of another address", async () => {
    const { store, stage, origin, sources, statuses } = await scene();
    const later = await setStage(store, { beside: stage, rows: stage.rows });
    const claim = later.claimOf(2);
    expect(await store.claim(claim)).toEqual({ kind: "unknown" });
    const elsewhere = await setStage(store, { rows: 1 });
    await store.settle(elsewhere.settleOf(await elsewhere.claim(1), UNKNOWN));
    await decideSources(store, sources, origin, PLAN, never);
    const followed = await followInRuns(store, origin, never);
    expect(followed.map(({ runId }) => runId).sort()).toEqual([stage.run.runId, later.run.runId].sort());
    expect((await statuses(later.run.runId))[1]).toBe("duplicate");
    expect(await statuses(elsewhere.run.runId)).toEqual(["unknown"]);
  });

  test("of a row that is being sent do not change: it is refused, and nothing is noted", async () => {
    const { store, stage, origin, statuses } = await scene();
    const row = keyed(origin, { datasetGroupId: 42, traceId: "trace-5", spanId: undefined });
    expect(await decideRow(store, row, ABSENT, "none")).toBe(false);
    expect(await store.readNotes(stage.keyOf(5))).toEqual([]);
    expect((await statuses())[4]).toBe("queued");
  });
});

describe("one row's entry", () => {
  test("is shown with its run, its result and what people decided", async () => {
    const { clock, store, stage, origin } = await scene();
    const row = keyed(origin, { datasetGroupId: 42, traceId: "trace-2", spanId: undefined });
    const [seen] = await store.lookup([row.key]);
    await decideRow(store, row, PLAN, seen ?? "none");
    expect(await viewEntry(store, stage.keyOf(2))).toMatchObject({
      entry: { state: "added", draftDatasetId: DRAFT, row: 2 },
      run: { runId: stage.run.runId },
      result: { row: 2, status: "unknown" },
      notes: [{ at: clock.now(), by: "maria@desk", decision: "added", why: "looked into the draft" }],
    });
  });

  test("that there is not has no run, but keeps its notes", async () => {
    const { store, stage, origin } = await scene();
    const row = keyed(origin, { datasetGroupId: 42, traceId: "trace-2", spanId: undefined });
    const [seen] = await store.lookup([row.key]);
    await decideRow(store, row, ABSENT, seen ?? "none");
    expect(await viewEntry(store, stage.keyOf(2))).toMatchObject({
      entry: undefined,
      run: undefined,
      result: undefined,
      notes: [{ decision: "absent" }],
    });
  });

  test("outlives the run it came from", async () => {
    const { store, stage } = await scene();
    const other = await setStage(store, { rows: 1 });
    await store.settle(other.settleOf(await other.claim(1), ADDED));
    await store.changeRun(other.run.runId, { state: "finished", finished: true });
    expect(await store.removeRun(other.run.runId)).toBe(true);
    expect(await viewEntry(store, other.keyOf(1))).toMatchObject({
      entry: { state: "added" },
      run: undefined,
    });
    expect(await viewEntry(store, stage.keyOf(1))).toMatchObject({ run: { runId: stage.run.runId } });
  });
});

test("pruning a group forgets what was added to it, page by page, and nothing that is in doubt", async () => {
  const clock = fakeClock();
  const store = createMemoryStore(clock);
  const stage = await setStage(store, { rows: 3 });
  const other = await setStage(store, { rows: 1 });
  for (const row of [1, 2]) await store.settle(stage.settleOf(await stage.claim(row), ADDED));
  await store.settle(stage.settleOf(await stage.claim(3), UNKNOWN));
  await store.settle(other.settleOf(await other.claim(1), ADDED));
  const many = Array.from({ length: 2_500 }, (_, index) => ({
    key: stage.keyOf(1).slice(0, 24).concat(index.toString(16).padStart(8, "0")) as ReturnType<
      typeof stage.keyOf
    >,
    group: stage.group,
    state: "added" as const,
    token: stage.claimOf(1).token,
    draftDatasetId: DRAFT,
    until: undefined,
  }));
  for (let from = 0; from < many.length; from += 1_000)
    await store.putEntries(many.slice(from, from + 1_000));
  expect(await pruneGroup(store, stage.group, never)).toEqual({ removed: 2_502, unknown: 1, sending: 0 });
  expect(await store.lookup([stage.keyOf(1), stage.keyOf(2)])).toEqual([]);
  expect(await store.lookup([stage.keyOf(3), other.keyOf(1)])).toHaveLength(2);
  expect(await pruneGroup(store, stage.group, never)).toMatchObject({ removed: 0 });
});
