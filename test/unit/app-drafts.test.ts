/** Opening a group's draft: found, made, waited for, counted; and what becomes of it where that is not allowed. */
import { describe, expect, test } from "vitest";
import { makeDrafts, type DraftsOptions } from "../../src/app/drafts.ts";
import { makeGroupLocks } from "../../src/app/group-locks.ts";
import { groupKey, rowKey } from "../../src/core/row.ts";
import type { Group, LeaseId, Store } from "../../src/core/store.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { failure, ok, scriptedApi } from "../support/scripted-api.ts";
import { aHolder, aRun, LONG_MS, newToken } from "../support/store-fixtures.ts";

const ORIGIN = "https://api.test";
const KEY = groupKey(ORIGIN, 42);
const PUBLISHED = [
  { id: 7, datasetGroupId: 42, versionNumber: 1 },
  { id: 9, datasetGroupId: 42, versionNumber: 2 },
];
const DRAFT = { id: 501, datasetGroupId: 42, versionNumber: -1 };

async function scene(change: Partial<DraftsOptions> & { wrap?: (store: Store) => Partial<Store> } = {}) {
  const clock = fakeClock();
  const memory = createMemoryStore(clock);
  const { wrap, ...options } = change;
  const store: Store = { ...memory, ...wrap?.(memory) };
  const api = scriptedApi();
  const owner = await memory.openLease(aHolder(), LONG_MS);
  const other = await memory.openLease(aHolder({ host: "host-b" }), LONG_MS);
  const stop = new AbortController();
  const halts: string[] = [];
  const warnings: string[] = [];
  const changes: string[] = [];
  let slots = 0;
  const openerOf = (lease: LeaseId, beside: Partial<DraftsOptions> = {}) =>
    makeDrafts({
      isAskedToPublish: async () => false,
      store,
      api,
      clock,
      takeSlot: async (signal) => {
        signal.throwIfAborted();
        slots += 1;
      },
      locks: makeGroupLocks({ store, clock, owner: () => lease }),
      run: { origin: ORIGIN, createdAt: clock.now(), limiter: "key" },
      maxAttempts: 3,
      retryBaseMs: 1_000,
      retryCapMs: 30_000,
      halt: async (code) => {
        halts.push(code);
      },
      warn: async (message) => {
        warnings.push(message);
      },
      onDraftChange: async (message) => {
        changes.push(message);
      },
      ...options,
      ...beside,
    });
  const drafts = openerOf(owner);
  return {
    clock,
    store: memory,
    api,
    owner,
    stop,
    halts,
    warnings,
    changes,
    slots: () => slots,
    drafts,
    openerOf,
    other,
    prepare: () => clock.advanceUntil(drafts.prepare(42, stop.signal)),
    group: (): Promise<Group> => memory.getGroup(KEY),
  };
}

describe("a group with a draft", () => {
  test("is opened with it, and its rows are counted before the first claim", async () => {
    const { prepare, group, api, slots } = await scene();
    api.onCountRows = () => ok(17);
    await prepare();
    expect(await group()).toMatchObject({ phase: "open", draftDatasetId: 501, baseline: 17, added: 0 });
    expect(api.calls).toEqual(["list 42", "count 501"]);
    // Reads count against the rate, too.
    expect(slots()).toBe(2);
  });

  test("is asked about once, however many rows wait for it and come later", async () => {
    const { drafts, clock, api, stop } = await scene();
    await clock.advanceUntil(Promise.all(Array.from({ length: 50 }, () => drafts.prepare(42, stop.signal))));
    await drafts.prepare(42, stop.signal);
    expect(api.calls).toHaveLength(2);
  });

  test("that is known from an earlier run is counted anew while nothing of it is in doubt", async () => {
    const { clock, store, openerOf, owner, stop, group, api } = await scene();
    await store.setGroup(KEY, { phase: "open", draftDatasetId: 501, baseline: 3 });
    api.onCountRows = () => ok(8);
    await clock.advance(1);
    await clock.advanceUntil(openerOf(owner).prepare(42, stop.signal));
    expect(await group()).toMatchObject({ draftDatasetId: 501, baseline: 8, added: 0 });
    expect(api.calls).toEqual(["list 42", "count 501"]);
  });

  test("whose rows were sent twice by choice keeps its count while a forced run looks at it, and no longer", async () => {
    const { clock, store, openerOf, owner, stop, group, api } = await scene();
    await store.setGroup(KEY, { phase: "open", draftDatasetId: 501, baseline: 3 });
    const row = { key: rowKey(ORIGIN, { datasetGroupId: 42, traceId: "t", spanId: undefined }), group: KEY };
    const decision = { draftDatasetId: 501, by: "ada", why: "seen there" };
    await store.decide({ ...row, ...decision, decision: "added" });
    await store.decide({ ...row, ...decision, decision: "absent" });
    const { resent } = await group();
    expect(resent).toBeGreaterThan(0);
    api.onCountRows = () => ok(8);
    await clock.advance(1);
    const forced = { origin: ORIGIN, createdAt: clock.now(), limiter: "key", force: true };
    await clock.advanceUntil(openerOf(owner, { run: forced }).prepare(42, stop.signal));
    expect(await group()).toMatchObject({ draftDatasetId: 501, baseline: 3, resent });
    await clock.advance(1);
    await clock.advanceUntil(openerOf(owner).prepare(42, stop.signal));
    expect(await group()).toMatchObject({ draftDatasetId: 501, baseline: 8, resent: 0 });
  });

  test("that was found half filled from the published version is waited for before it is counted (D5)", async () => {
    const { prepare, api, group, warnings } = await scene();
    let copied = 0;
    api.onListDatasets = () => ok([...PUBLISHED, DRAFT]);
    api.onCountRows = (id) => ok(id === 9 ? 6 : Math.min(6, (copied += 1)));
    await prepare();
    expect(await group()).toMatchObject({ phase: "open", draftDatasetId: 501, baseline: 6 });
    expect(warnings).toEqual([]);
  });

  test("that has fewer rows than the published version, and stays so, is opened without a count", async () => {
    const { prepare, api, group, warnings } = await scene();
    api.onListDatasets = () => ok([...PUBLISHED, DRAFT]);
    api.onCountRows = (id) => ok(id === 9 ? 6 : 2);
    await prepare();
    expect(await group()).toMatchObject({ phase: "open", draftDatasetId: 501, baseline: undefined });
    expect(warnings[0]).toContain("2 of the published version's 6 rows");
  });

  test("whose rows are in flight for another run is given no baseline", async () => {
    const { clock, store, openerOf, owner, stop, group, api } = await scene();
    await store.setGroup(KEY, { phase: "open", draftDatasetId: 400, baseline: 3 });
    const run = await store.createRun(aRun(owner, { origin: ORIGIN }));
    await store.claim({
      key: rowKey(ORIGIN, { datasetGroupId: 42, traceId: "trace-1", spanId: undefined }),
      group: KEY,
      runId: run.runId,
      row: 1,
      token: newToken(),
      owner,
      holdMs: LONG_MS,
      limiter: "key",
    });
    await clock.advance(1);
    await clock.advanceUntil(openerOf(owner).prepare(42, stop.signal));
    expect(await group()).toMatchObject({ draftDatasetId: 501, baseline: undefined });
    expect(api.calls).toEqual(["list 42"]);
  });
});

describe("a group without a draft", () => {
  test.each([201, 202])(
    "gets one from its last published version (%i), seeded before it is counted",
    async (status) => {
      const { prepare, api, group } = await scene();
      let made = false;
      let seeded = 0;
      api.onListDatasets = () => ok(made ? [...PUBLISHED, DRAFT] : PUBLISHED);
      api.onCreateDraft = () => {
        made = true;
        return ok({ draftDatasetId: 501 }, status);
      };
      api.onCountRows = (id) => {
        if (id === 9) return ok(3);
        seeded += 1;
        return ok(Math.min(3, seeded));
      };
      await prepare();
      expect(api.calls.slice(0, 4)).toEqual(["list 42", "create 42 from 9", "list 42", "count 9"]);
      expect(await group()).toMatchObject({ phase: "open", draftDatasetId: 501, baseline: 3 });
    },
  );

  test("takes the one that somebody else has just made (409)", async () => {
    const { prepare, api, group } = await scene();
    let asked = 0;
    api.onListDatasets = () => {
      asked += 1;
      return ok(asked === 1 ? PUBLISHED : [...PUBLISHED, DRAFT]);
    };
    api.onCreateDraft = () => failure("conflict");
    await prepare();
    expect(await group()).toMatchObject({ phase: "open", draftDatasetId: 501 });
  });

  test("of which the server says there is one and shows none: one row goes alone, none opens another", async () => {
    const { prepare, api, group, warnings } = await scene();
    api.onListDatasets = () => ok(PUBLISHED);
    api.onCreateDraft = () => failure("conflict");
    await prepare();
    expect(await group()).toMatchObject({ phase: "solo", draftDatasetId: undefined });
    expect(warnings).toHaveLength(1);
  });

  test("and whose copy stands still goes on with a warning after a while", async () => {
    const { prepare, api, group, warnings, clock } = await scene();
    let made = false;
    api.onListDatasets = () => ok(made ? [...PUBLISHED, DRAFT] : PUBLISHED);
    api.onCreateDraft = () => {
      made = true;
      return ok({ draftDatasetId: 501 }, 202);
    };
    api.onCountRows = (id) => ok(id === 9 ? 10 : 4);
    const from = clock.monotonicMs();
    await prepare();
    expect(clock.monotonicMs() - from).toBeGreaterThan(120_000);
    expect(warnings[0]).toContain("4 of the published version's 10 rows");
    // What is still to be copied would later look like rows of ours.
    expect(await group()).toMatchObject({ phase: "open", baseline: undefined });
  });

  test("that does not exist is opened all the same: the rows' answers will say so", async () => {
    const { prepare, api, group } = await scene();
    api.onListDatasets = () => ok([]);
    api.onCreateDraft = () => failure("not_found");
    await prepare();
    expect(await group()).toMatchObject({ phase: "open", draftDatasetId: undefined });
  });
});

describe("where the endpoints are not open to the key", () => {
  test.each(["forbidden", "not_found", "rejected", "wrong_endpoint"] as const)(
    "%s: one row goes alone, and the run says so",
    async (kind) => {
      const { prepare, api, group, warnings, halts } = await scene();
      api.onListDatasets = () => failure(kind);
      await prepare();
      expect(await group()).toMatchObject({ phase: "solo", baseline: undefined });
      expect(warnings[0]).toContain("the first row goes alone");
      expect(halts).toEqual([]);
    },
  );

  test("a draft may not be made: one row goes alone", async () => {
    const { prepare, api, group } = await scene();
    api.onListDatasets = () => ok(PUBLISHED);
    api.onCreateDraft = () => failure("forbidden");
    await prepare();
    expect(await group()).toMatchObject({ phase: "solo" });
  });
});

describe("trouble on the way", () => {
  test("a server error is asked again, slower each time", async () => {
    const { prepare, api, group, clock } = await scene();
    let failures = 2;
    api.onListDatasets = () => {
      failures -= 1;
      return failures >= 0 ? failure("server_error") : ok([DRAFT]);
    };
    await prepare();
    expect(clock.monotonicMs()).toBe(3_000);
    expect(await group()).toMatchObject({ phase: "open" });
  });

  test.each([
    ["unauthorized", "unauthorized", 1],
    ["unreachable", "api_unreachable", 3],
    ["server_error", "api_unreachable", 3],
  ] as const)("%s halts the run as %s, and no row goes on", async (kind, code, calls) => {
    const { drafts, api, halts, stop, clock, group, store, other } = await scene();
    api.onListDatasets = () => failure(kind);
    const prepared = drafts.prepare(42, stop.signal);
    prepared.catch(() => undefined);
    await clock.advance(20_000);
    expect(halts).toEqual([code]);
    expect(api.calls).toHaveLength(calls);
    const reason = new Error("told to stop");
    stop.abort(reason);
    await expect(prepared).rejects.toBe(reason);
    expect(await group()).toMatchObject({ phase: "new" });
    // The lock is free for the next.
    expect(await store.lockGroup(KEY, other, 1_000)).toBe(true);
    expect(clock.sleeping()).toBe(0);
  });

  test("a 429 pauses everybody and never gives up", async () => {
    const { prepare, api, group, halts, clock, store } = await scene();
    let failures = 6;
    api.onListDatasets = () => {
      failures -= 1;
      return failures >= 0 ? failure("rate_limited", 5_000) : ok([DRAFT]);
    };
    const prepared = prepare();
    await clock.advance(0);
    const grant = await store.reserveSlots({ limiter: "key", sender: "x", ratePerSecond: 10, count: 1 });
    expect(grant.startInMs).toBeGreaterThan(4_000);
    await prepared;
    expect(halts).toEqual([]);
    expect(await group()).toMatchObject({ phase: "open" });
  });

  test("a store that refused is asked again by the next row", async () => {
    let failures = 1;
    const { drafts, api, stop, group } = await scene({
      wrap: (store) => ({
        lockGroup: async (...lock) => {
          failures -= 1;
          if (failures >= 0) throw new Error("no room");
          return store.lockGroup(...lock);
        },
      }),
    });
    await expect(drafts.prepare(42, stop.signal)).rejects.toThrow("no room");
    expect(api.calls).toEqual([]);
    await drafts.prepare(42, stop.signal);
    expect(await group()).toMatchObject({ phase: "open" });
  });
});

describe("a draft that rows land in", () => {
  const NEW_DRAFT = { id: 502, datasetGroupId: 42, versionNumber: -1 };
  const PUBLISHED_DRAFT = { id: 501, datasetGroupId: 42, versionNumber: 3 };

  test("and that is the group's costs no question", async () => {
    const { prepare, drafts, stop, api, changes } = await scene();
    await prepare();
    const asked = api.calls.length;
    await drafts.saw(42, 501, stop.signal);
    await drafts.saw(42, 501, stop.signal);
    expect(api.calls).toHaveLength(asked);
    expect(changes).toEqual([]);
  });

  test("and that is another one is taken in once, counted, and told with both names", async () => {
    const { prepare, drafts, stop, api, changes, group, clock } = await scene();
    await prepare();
    api.onListDatasets = () => ok([...PUBLISHED, PUBLISHED_DRAFT, NEW_DRAFT]);
    api.onCountRows = (id) => ok(id === 502 ? 12 : 5);
    await clock.advanceUntil(Promise.all([1, 2, 3].map(() => drafts.saw(42, 502, stop.signal))));
    await drafts.saw(42, 502, stop.signal);
    expect(await group()).toMatchObject({ phase: "open", draftDatasetId: 502, baseline: 12, added: 0 });
    expect(changes).toHaveLength(1);
    expect(changes[0]).toContain("draft 501");
    expect(changes[0]).toContain("draft 502");
    expect(api.calls.slice(2)).toEqual(["list 42", "count 502"]);
  });

  test("is not counted while a row of the group is in doubt: the count could not say whose it is", async () => {
    const { prepare, drafts, stop, api, group, clock, store, owner } = await scene();
    await prepare();
    const run = await store.createRun(aRun(owner, { origin: ORIGIN }));
    await store.claim({
      key: rowKey(ORIGIN, { datasetGroupId: 42, traceId: "trace-1", spanId: undefined }),
      group: KEY,
      runId: run.runId,
      row: 1,
      token: newToken(),
      owner,
      holdMs: 1_000,
      limiter: "key",
    });
    await clock.advance(2_000);
    api.onListDatasets = () => ok([...PUBLISHED, NEW_DRAFT]);
    await clock.advanceUntil(drafts.saw(42, 502, stop.signal));
    expect(await group()).toMatchObject({ draftDatasetId: 502, baseline: undefined });
    expect(await store.readDoubt(KEY)).toMatchObject({ unknown: 0, elsewhere: 1 });
  });

  test("named by an answer that comes late, from the draft before, changes nothing", async () => {
    const { prepare, drafts, stop, api, changes, group, clock } = await scene();
    await prepare();
    api.onListDatasets = () => ok([...PUBLISHED, NEW_DRAFT]);
    await clock.advanceUntil(drafts.saw(42, 502, stop.signal));
    await clock.advanceUntil(drafts.saw(42, 501, stop.signal));
    expect(await group()).toMatchObject({ draftDatasetId: 502 });
    expect(changes).toHaveLength(1);
  });
});

describe("two processes", () => {
  test("ask once between them: the second waits for the first", async () => {
    const { drafts, openerOf, other, stop, api, clock } = await scene();
    const second = openerOf(other);
    await clock.advanceUntil(Promise.all([drafts.prepare(42, stop.signal), second.prepare(42, stop.signal)]));
    expect(api.calls).toEqual(["list 42", "count 501"]);
  });

  test("do not count anew when the first was done between the second's look and its lock", async () => {
    let late: (() => void) | undefined;
    let lateLease: LeaseId | undefined;
    const { drafts, openerOf, other, stop, api, clock, store, group, owner } = await scene({
      wrap: (memory) => ({
        lockGroup: async (key, lease, ttl) => {
          if (lease === lateLease) {
            lateLease = undefined;
            await new Promise<void>((resolve) => (late = resolve));
          }
          return memory.lockGroup(key, lease, ttl);
        },
      }),
    });
    lateLease = other;
    const second = openerOf(other).prepare(42, stop.signal);
    await clock.advanceWhile(() => late === undefined);
    await clock.advanceUntil(drafts.prepare(42, stop.signal));
    // Rows were added meanwhile, and the server has them.
    api.onCountRows = () => ok(25);
    await store.unlockGroup(KEY, owner);
    late?.();
    await clock.advanceUntil(second);
    expect(await group()).toMatchObject({ baseline: 0 });
    expect(api.calls).toEqual(["list 42", "count 501"]);
  });
});

describe("a draft that traceload asked to be published", () => {
  test("is waited for until it is a version, and the group gets another one", async () => {
    const { api, prepare, group, warnings } = await scene({ isAskedToPublish: async (_, id) => id === 501 });
    let lists = 0;
    api.onListDatasets = () => {
      lists += 1;
      if (lists < 4) return ok([...PUBLISHED, DRAFT]);
      const published = [...PUBLISHED, { ...DRAFT, versionNumber: 3 }];
      return ok(lists === 4 ? published : [...published, { ...DRAFT, id: 502 }]);
    };
    api.onCreateDraft = () => ok({ draftDatasetId: 502 }, 202);
    await prepare();
    expect(api.calls).toContain("create 42 from 501");
    expect([(await group()).draftDatasetId, warnings]).toEqual([502, []]);
  });

  test("and stays a draft, is taken after a while, with a warning", async () => {
    const { prepare, group, warnings, clock } = await scene({ isAskedToPublish: async () => true });
    await prepare();
    expect(clock.monotonicMs()).toBeGreaterThan(60_000);
    expect((await group()).draftDatasetId).toBe(501);
    expect(warnings).toEqual([expect.stringContaining("still shows it as a draft")]);
  });

  test("is left without a word when rows land in the next one", async () => {
    const { drafts, prepare, api, clock, stop, changes, group } = await scene({
      isAskedToPublish: async (_, id) => id === 501 && api.calls.length > 2,
    });
    await prepare();
    api.onListDatasets = () =>
      ok([
        { ...DRAFT, versionNumber: 3 },
        { ...DRAFT, id: 502 },
      ]);
    await clock.advanceUntil(drafts.saw(42, 502, stop.signal));
    expect([(await group()).draftDatasetId, changes]).toEqual([502, []]);
  });
});
