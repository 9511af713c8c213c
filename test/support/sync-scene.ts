/** A sync in memory: a table that grows, a server that knows what it was sent, and processes that may die at any step. */
import { heldByContent } from "../../src/app/held-rows.ts";
import { accountDue } from "../../src/app/syncs/account.ts";
import { driveSync, type DriveEnd, type DriveParts } from "../../src/app/syncs/drive.ts";
import { readTickRecord, type TickRecord } from "../../src/app/syncs/state.ts";
import { groupKey, rowKey } from "../../src/core/row.ts";
import { RUNNING_STATES } from "../../src/core/status.ts";
import type { LeaseId, Run, Settlement, Store } from "../../src/core/store.ts";
import type { SyncPolicy } from "../../src/core/syncs.ts";
import { fakeClock, type FakeClock } from "./fake-clock.ts";
import { createMemoryStore } from "./memory-store.ts";
import { scriptedSources, sourceRow } from "./scripted-sources.ts";
import { aHolder, DRAFT, facts, LONG_MS, newToken } from "./store-fixtures.ts";

export const SYNC = "feedback";
const ORIGIN = "https://api.test";
const GROUP = groupKey(ORIGIN, 42);

export interface TableRow {
  id: string;
  /** When it was written. */
  at: number;
}

export interface SyncScene {
  clock: FakeClock;
  store: Store;
  table: TableRow[];
  /** How often the server added each trace. */
  added: Map<string, number>;
  policy: SyncPolicy;
  /** What the server answers for a trace; undefined: it is added. */
  answers: Map<string, () => Settlement | undefined>;
  /** Notes what is due and runs it, in a process of its own; one that dies does so at its `diesAt`th call to the store. */
  process(options?: { diesAt?: number }): Promise<{ end: DriveEnd | undefined; calls: number }>;
  history(): Promise<TickRecord[]>;
}

class Death extends Error {}

export async function syncScene(change: Partial<SyncPolicy> = {}): Promise<SyncScene> {
  const clock = fakeClock();
  const store = createMemoryStore(clock);
  const policy: SyncPolicy = {
    schedule: { cron: "* * * * *", timezone: "UTC", jitterMs: 0 },
    overlap: "skip",
    catchUp: { run: "once", windowMs: 3_600_000 },
    watermark: { startMs: undefined, lagMs: 0, overlapMs: 0 },
    carry: { attempts: 3, maxAgeMs: 86_400_000 },
    graceMs: 0,
    datasetGroupId: 42,
    ...change,
  };
  const put = [{ name: SYNC, origin: ORIGIN, text: {} }];
  await store.applySyncs({ revision: 0, rename: [], put, remove: [] });
  await store.setGroup(GROUP, { phase: "open", draftDatasetId: DRAFT, baseline: 0 });
  const table: TableRow[] = [];
  const added = new Map<string, number>();
  const answers = new Map<string, () => Settlement | undefined>();
  let runs = 0;

  const conduct = async (
    mortal: Store,
    owner: LeaseId,
    { runId, run: before, sources }: Parameters<DriveParts["conduct"]>[0],
    signal: AbortSignal,
  ): Promise<Run> => {
    const run =
      before ??
      (await mortal.createRun({
        runId,
        fingerprint: runId,
        origin: ORIGIN,
        sources: sources?.names ?? [],
        options: {},
        owner,
      }));
    if (before !== undefined) await mortal.changeRun(runId, { state: "reading", owner });
    const held = heldByContent(mortal, run);
    let read = 0;
    for await (const batch of sources?.rows(signal) ?? []) {
      const rows = batch.map((row) => {
        read += 1;
        const { source, line, datasetGroupId, traceId, spanId } = row;
        const key = rowKey(ORIGIN, { datasetGroupId: 42, traceId, spanId: undefined });
        return { row: read, source, line, datasetGroupId, traceId, spanId, key, status: "queued" as const };
      });
      await mortal.putRows(runId, await held.withoutHeld(rows));
    }
    await mortal.changeRun(runId, { state: "draining", sourceComplete: true }, RUNNING_STATES);
    for (const { row, traceId } of await mortal.readRows(runId, {
      fromRow: 1,
      limit: 1_000,
      statuses: ["queued"],
    })) {
      const key = rowKey(ORIGIN, { datasetGroupId: 42, traceId, spanId: undefined });
      const token = newToken();
      const claim = { key, group: GROUP, runId, row, token, owner, holdMs: 1_000, limiter: "l" };
      if ((await mortal.claim(claim)).kind !== "claimed") continue;
      const settlement: Settlement = answers.get(traceId)?.() ?? {
        kind: "added",
        draftDatasetId: DRAFT,
        mode: "trace",
        warning: undefined,
      };
      if (settlement.kind === "added") added.set(traceId, (added.get(traceId) ?? 0) + 1);
      await mortal.settle({ key, group: GROUP, runId, row, token, settlement, facts: facts() });
    }
    await mortal.changeRun(runId, { state: "finished", finished: true }, ["draining"]);
    return (await mortal.getRun(runId)) ?? run;
  };

  const process: SyncScene["process"] = async ({ diesAt = Number.POSITIVE_INFINITY } = {}) => {
    const owner = await store.openLease(aHolder(), LONG_MS);
    let calls = 0;
    const mortal = new Proxy(store, {
      get: (target, name, receiver) => {
        const value: unknown = Reflect.get(target, name, receiver);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          calls += 1;
          if (calls >= diesAt) throw new Death();
          return (value as (...given: unknown[]) => Promise<unknown>).apply(target, args);
        };
      },
    });
    const nowMs = () => clock.now();
    const signal = new AbortController().signal;
    const parts: DriveParts = {
      store: mortal,
      clock,
      nowMs,
      owner: () => owner,
      mintToken: newToken,
      policyOf: () => policy,
      newRunId: () => `run-${(runs += 1)}`,
      open: async ({ window: { sinceMs = 0, untilMs } }) => {
        const found = table.filter(({ at }) => at >= sinceMs && at < untilMs);
        const rows = found.map(({ id }, index) => sourceRow(index + 1, { traceId: id }));
        return { sources: scriptedSources(rows.length === 0 ? [] : [rows]), files: undefined };
      },
      conduct: (request, conductSignal) => conduct(mortal, owner, request, conductSignal),
      windDown: async () => undefined,
      afterRun: async () => undefined,
      endsWithSignal: false,
      onChange: () => undefined,
    };
    try {
      await accountDue({ store: mortal, nowMs, policyOf: () => policy }, SYNC);
      return { end: await driveSync(parts, SYNC, signal), calls };
    } catch (error) {
      if (!(error instanceof Death)) throw error;
      return { end: undefined, calls };
    } finally {
      await store.endLease(owner);
      await store.sweep();
    }
  };
  return {
    clock,
    store,
    table,
    added,
    policy,
    answers,
    process,
    history: async () =>
      (await store.readTicks(SYNC, { limit: 1_000 })).map((tick) => readTickRecord(SYNC, tick)).toReversed(),
  };
}
