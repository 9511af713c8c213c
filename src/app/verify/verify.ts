/**
 * What a run's unknown rows come to: each of its groups is asked about, unknown rows follow the ledger, and what was
 * found stands in the run. Also the last look at a run without unknown rows: does each draft hold what it should?
 */
import type { Api } from "../../core/api.ts";
import type { Clock } from "../../core/clock.ts";
import { groupKey, type RowKey } from "../../core/row.ts";
import type { Run, Store, Verdict } from "../../core/store.ts";
import { storedRowKey } from "../feed.ts";
import type { GroupLocks } from "../group-locks.ts";
import type { OnUnknown } from "../run-options.ts";
import type { Ask } from "./asking.ts";
import { verifyGroup, type GroupFinding, type VerifyGroupRequest } from "./group.ts";
import { resendUnknown } from "./resend.ts";
import { rowPages } from "../row-pages.ts";

export interface VerifierParts {
  store: Pick<
    Store,
    | "getRun"
    | "changeRun"
    | "listRuns"
    | "readRows"
    | "lookup"
    | "reconcile"
    | "sweep"
    | "now"
    | "getGroup"
    | "listGroups"
    | "readDoubt"
    | "commitVerdict"
  >;
  api: Pick<Api, "listDatasets" | "countRows" | "findRows">;
  ask: Ask;
  locks: GroupLocks;
  clock: Clock;
  run: Pick<Run, "runId" | "origin" | "createdAt">;
  onUnknown: OnUnknown;
}

export interface VerifyOptions {
  /** Whether rows that are found absent may be sent again; else they stay held. */
  mayResend: boolean;
  /** Whether to wait until nothing of what is in doubt can arrive any more. */
  wait: boolean;
}

export interface Verifier {
  /**
   * Asks about each of the run's groups, lets its unknown rows follow the ledger, and writes the verdicts into the run.
   * What the server does never makes it reject; an abort does, and what was settled until then stays settled.
   */
  verify(options: VerifyOptions, signal: AbortSignal): Promise<void>;
  /** How long, from now, until a group is asked about again; undefined while nothing is waited for. */
  waitingMs(): number | undefined;
}

/** Groups that a run keeps verdicts on, at most. */
const MAX_GROUPS = 1_000;

export function makeVerifier(parts: VerifierParts): Verifier {
  const { store, clock, run, onUnknown } = parts;
  const { runId, origin } = run;
  let waitingUntil: number | undefined;

  const ask = async (
    datasetGroupId: number,
    mode: VerifyGroupRequest["mode"],
    signal: AbortSignal,
  ): Promise<GroupFinding> => {
    const counts = (await store.getRun(runId))?.counts;
    if (counts === undefined) throw new Error(`run ${runId} was removed meanwhile`);
    const key = groupKey(origin, datasetGroupId);
    const finding = await verifyGroup(
      parts,
      { datasetGroupId, key, run: { runId, origin, counts }, mode },
      signal,
    );
    await note(finding.verdict);
    return finding;
  };

  /** What earlier rounds settled in the same draft counts with what this one did. */
  const note = async (verdict: Verdict): Promise<void> => {
    const verdicts = (await store.getRun(runId))?.verdicts ?? [];
    const before = verdicts.find(({ datasetGroupId }) => datasetGroupId === verdict.datasetGroupId);
    const same = before !== undefined && before.draftDatasetId === verdict.draftDatasetId;
    const landed = verdict.landed + (same ? before.landed : 0);
    const absent = verdict.absent + (same ? before.absent : 0);
    const publication = before?.publication === undefined ? {} : { publication: before.publication };
    await store.changeRun(runId, { verdict: { ...verdict, landed, absent, ...publication } });
    if (verdict.kind === "other-writer") {
      const warning = `dataset group ${verdict.datasetGroupId}: ${verdict.reason ?? "another writer"}`;
      await store.changeRun(runId, { warning });
    }
  };

  const waitUntil = async (dueMs: number, signal: AbortSignal): Promise<void> => {
    waitingUntil = dueMs;
    try {
      await clock.sleep(Math.max(0, dueMs - clock.monotonicMs()), signal);
    } finally {
      waitingUntil = undefined;
    }
  };

  return {
    waitingMs: () =>
      waitingUntil === undefined ? undefined : Math.max(0, waitingUntil - clock.monotonicMs()),
    verify: async ({ mayResend, wait }, signal) => {
      await store.sweep();
      await reconcileRun(store, run);
      if (onUnknown === "retry" && mayResend) {
        const wait = (ms: number) => waitUntil(clock.monotonicMs() + ms, signal);
        await resendUnknown(parts, wait, signal);
        await reconcileRun(store, run);
      }
      const settling = mayResend ? "settle" : "landed-only";
      const mode = onUnknown === "verify" ? settling : "look";
      let groups = await groupsOf(parts);
      const seen = await store.getRun(runId);
      if (seen?.counts.unknown === 0) {
        // A draft whose publication was asked for was verified before that, and may be none any more.
        const saved = seen.verdicts.filter(({ publication }) => publication?.askedAt !== undefined);
        const leftAlone = new Set(saved.map(({ datasetGroupId }) => datasetGroupId));
        groups = groups.filter((group) => !leftAlone.has(group));
      }
      while (groups.length > 0) {
        const waiting: { datasetGroupId: number; dueMs: number }[] = [];
        for (const datasetGroupId of groups) {
          const { askAgainInMs } = await ask(datasetGroupId, mode, signal);
          if (askAgainInMs === undefined) continue;
          waiting.push({ datasetGroupId, dueMs: clock.monotonicMs() + askAgainInMs });
        }
        await reconcileRun(store, run);
        if (!wait || waiting.length === 0) break;
        const dueMs = Math.min(...waiting.map((group) => group.dueMs));
        await waitUntil(dueMs, signal);
        groups = waiting
          .filter((group) => group.dueMs <= clock.monotonicMs())
          .map((group) => group.datasetGroupId);
        // A timer may go off a moment early.
        if (groups.length === 0) groups = waiting.map((group) => group.datasetGroupId);
      }
    },
  };
}

/** Rule 8 of the protocol: unknown results follow the ledger. Answers how many changed. */
export async function reconcileRun(
  store: Pick<Store, "readRows" | "reconcile">,
  run: Pick<Run, "runId" | "origin">,
): Promise<number> {
  let changed = 0;
  for await (const rows of rowPages(store, run.runId, ["unknown"])) {
    const keyed = rows.map((row): { row: number; key: RowKey } => ({
      row: row.row,
      key: storedRowKey(run.origin, row),
    }));
    changed += await store.reconcile(run.runId, keyed);
  }
  return changed;
}

/** The groups that rows of the run are unknown in, and those whose draft was looked up for the run. */
async function groupsOf({ store, run }: VerifierParts): Promise<number[]> {
  const found = new Set<number>();
  for await (const rows of rowPages(store, run.runId, ["unknown"])) {
    for (const { datasetGroupId } of rows) found.add(Number(datasetGroupId));
    if (found.size >= MAX_GROUPS) break;
  }
  const prefix = groupKey(run.origin, 0).slice(0, -1);
  const candidates = new Set<number>();
  for (const group of await store.listGroups()) {
    if (!group.key.startsWith(prefix) || (group.checkedAt ?? 0) < run.createdAt) continue;
    const datasetGroupId = Number(group.key.slice(prefix.length));
    if (!found.has(datasetGroupId)) candidates.add(datasetGroupId);
  }
  // Other runs may have looked drafts up meanwhile: only groups that this run added to are its own.
  for await (const rows of rowPages(store, run.runId, ["added"])) {
    if (candidates.size === 0 || found.size >= MAX_GROUPS) break;
    for (const row of rows) {
      const datasetGroupId = Number(row.datasetGroupId);
      if (candidates.delete(datasetGroupId)) found.add(datasetGroupId);
    }
  }
  return [...found].slice(0, MAX_GROUPS).toSorted((a, b) => a - b);
}
