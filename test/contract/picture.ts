/** All that the port shows of a small world, in a form that is the same for every store; and what must hold in it. */
import { expect } from "vitest";
import { rowsRead, STORED_STATUSES, type StatusCounts } from "../../src/core/status.ts";
import type { Group, LedgerEntry, Store, StoredRow } from "../../src/core/store.ts";
import type { World } from "./world.ts";

export interface Picture {
  entries: unknown[];
  group: Omit<Group, "version" | "key" | "checkedAt">;
  doubt: { sending: number; unknown: number; elsewhere: number; timed: boolean };
  /** What people decided about each key. */
  notes: string[][];
  runs: { state: string; counts: StatusCounts; rows: unknown[] }[];
}

export interface Sight {
  picture: Picture;
  /** The group's version, and the entries and the draft that it stands for. */
  version: number;
  stands: string;
}

/** Looks at the world through the port, and checks that counts equal results and counters equal entries. */
export async function look(world: World, store: Store = world.store): Promise<Sight> {
  const { plan } = world;
  const keys = [...new Set(plan.rows.map((row) => row.key))];
  const [entries, group, doubt, notes, ...runs] = await Promise.all([
    store.lookup(keys),
    store.getGroup(plan.group),
    store.readDoubt(plan.group),
    Promise.all(keys.map((key) => store.readNotes(key))),
    ...plan.runIds.map(async (runId) => ({
      run: await store.getRun(runId),
      rows: await store.readRows(runId, { fromRow: 1, limit: 100 }),
    })),
  ]);

  const count = (state: LedgerEntry["state"]): number =>
    entries.filter((entry) => entry.state === state).length;
  expect({ sending: group.sending, unknown: group.unknown }, "counters equal a recount of entries").toEqual({
    sending: count("sending"),
    unknown: count("unknown"),
  });
  const inDoubt = { sending: doubt.sending, unknown: doubt.unknown + doubt.elsewhere };
  expect(inDoubt, "what is in doubt equals a recount of entries").toEqual({
    sending: count("sending"),
    unknown: count("unknown"),
  });
  expect(doubt.version, "the doubt is of the group's version").toBe(group.version);
  for (const { run, rows } of runs) {
    if (run === undefined) {
      expect(rows, "a removed run has no rows").toEqual([]);
      continue;
    }
    for (const status of STORED_STATUSES) {
      const held = rows.filter((row) => row.status === status).length;
      expect(run.counts[status], `the count of ${status} equals the rows with it`).toBe(held);
    }
    expect(rowsRead(run.counts), "the counts' sum equals the rows stored").toBe(rows.length);
  }

  const runNames = new Map(
    world.runs.flatMap((made, index) => (runs[index]?.run === undefined ? [] : [[made.seq, `run ${index}`]])),
  );
  const { version, key: _key, checkedAt: _checkedAt, ...shownGroup } = group;
  const picture: Picture = {
    entries: keys.map((key) => {
      const entry = entries.find((candidate) => candidate.key === key);
      if (entry === undefined) return "none";
      const { state, token, row, draftDatasetId, runSeq, until } = entry;
      const run = runNames.get(runSeq) ?? "a removed run";
      return { key, state, token, run, row, draftDatasetId, timed: until !== undefined };
    }),
    group: shownGroup,
    doubt: {
      sending: doubt.sending,
      unknown: doubt.unknown,
      elsewhere: doubt.elsewhere,
      timed: doubt.until !== undefined,
    },
    notes: notes.map((kept) => kept.map(({ by, decision, why }) => `${by} ${decision} ${why}`)),
    runs: runs.map(({ run, rows }) => ({
      state: run?.state ?? "removed",
      counts: run?.counts ?? ({} as StatusCounts),
      rows: rows.map((row) => shownRow(row)),
    })),
  };
  const states = entries.map(({ key, state, token }) => `${key} ${state} ${token}`);
  const { draftDatasetId, baseline, added, resent } = group;
  const counted = `draft ${draftDatasetId} of ${baseline} with ${added}, ${resent} resent`;
  return { picture, version, stands: [counted, ...states.toSorted()].join(", ") };
}

/** What the port fixes for a row of this status. A store may keep more, for people, where it says nothing. */
function shownRow(row: StoredRow): unknown {
  const { row: number, source, line, datasetGroupId, traceId, spanId, status } = row;
  const shown = { number, source, line, datasetGroupId, traceId, spanId, status };
  switch (status) {
    case "added": {
      const { draftDatasetId, mode, attempts, httpStatus, durationMs, errorCode } = row;
      return { ...shown, draftDatasetId, mode, attempts, httpStatus, durationMs, errorCode };
    }
    case "rejected":
    case "failed": {
      const { attempts, httpStatus, durationMs, errorCode, error } = row;
      return { ...shown, attempts, httpStatus, durationMs, errorCode, error };
    }
    case "duplicate":
      return { ...shown, draftDatasetId: row.draftDatasetId };
    case "unknown":
      return { ...shown, explained: row.errorCode !== undefined && row.error !== undefined };
    case "invalid":
      return { ...shown, errorCode: row.errorCode, error: row.error };
    case "queued":
    case "unprocessed":
      return shown;
    default:
      return status satisfies never;
  }
}
