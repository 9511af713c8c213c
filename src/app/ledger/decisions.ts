/** A person decides rows: whether they are in the draft. The ledger is told, and the results of all runs follow. */
import { TraceloadError } from "../../core/errors.ts";
import { groupKey, rowKey, rowOfTexts, type GroupKey, type Row, type RowKey } from "../../core/row.ts";
import type { OpenedSources, SourceRow } from "../../core/source.ts";
import type { RunState } from "../../core/status.ts";
import type { EntryState, LedgerEntry, LedgerNote, SeenEntry, Store } from "../../core/store.ts";
import { apparentState } from "../../core/status.ts";
import { reconcileRun } from "../verify/verify.ts";

export type Decision = LedgerNote["decision"];

/** Rows by what the ledger says of them; `none`: never sent, or certainly not applied. */
export type RowsByEntry = Record<EntryState | "none", number>;

export interface DecisionPlan {
  decision: Decision;
  /** Where the rows are, for `added`; undefined: where the store knows them to be. */
  draftDatasetId: number | undefined;
  /** Who decides: a user's name and host. */
  by: string;
  why: string;
  /**
   * Also rows that are not held: with `added` those without an entry, with `absent` those that are added. Without it,
   * a file that holds more than the rows in doubt can do no harm.
   */
  alsoCertain: boolean;
}

export interface DecidedRows {
  /** Rows that were decided, the same ones again included. */
  decided: number;
  /** Rows that stay as they are, by what the ledger says of them. */
  leftAlone: RowsByEntry;
  /** Rows that are being sent at this moment, or whose entry was another one than was seen: to be looked at again. */
  refused: number;
}

interface KeyedRow {
  key: RowKey;
  group: GroupKey;
}

type DecidingStore = Pick<Store, "lookup" | "decide">;

/** Calls under way at once: what a store works off together. */
const DECIDED_AT_ONCE = 50;

export interface CountedRows {
  counts: RowsByEntry;
  /** On the store's clock: until when a request of one of the held rows could still be applied. */
  until: number | undefined;
}

/** Counts what the ledger says of the rows. Throws `source_format` at the first that is none: nothing is decided then. */
export async function countByEntry(
  store: Pick<Store, "lookup">,
  sources: OpenedSources,
  origin: string,
  signal: AbortSignal,
): Promise<CountedRows> {
  const counts = noRows();
  let until: number | undefined;
  for await (const batch of sources.rows(signal)) {
    const rows = batch.map((row) => keyedRow(row, origin, sources.names));
    const entries = await entriesOf(store, rows);
    for (const { key } of rows) counts[entries.get(key)?.state ?? "none"] += 1;
    for (const entry of entries.values()) {
      if (entry.state === "unknown" && entry.until !== undefined) until = Math.max(until ?? 0, entry.until);
    }
  }
  return { counts, until };
}

/**
 * Decides the sources' rows, a batch at a time. Repeating it is safe: what was decided is not held any more. A row whose
 * request is answered between the look at its entry and the decision is refused: the person had not seen that.
 */
export async function decideSources(
  store: DecidingStore,
  sources: OpenedSources,
  origin: string,
  plan: DecisionPlan,
  signal: AbortSignal,
): Promise<DecidedRows> {
  const total: DecidedRows = { decided: 0, leftAlone: noRows(), refused: 0 };
  for await (const batch of sources.rows(signal)) {
    const rows = batch.map((row) => keyedRow(row, origin, sources.names));
    const entries = await entriesOf(store, rows);
    const wanted = rows.filter(({ key }) => {
      const state = entries.get(key)?.state ?? "none";
      if (isDecidable(state, plan)) return true;
      if (state === "sending") total.refused += 1;
      else total.leftAlone[state] += 1;
      return false;
    });
    for (let from = 0; from < wanted.length; from += DECIDED_AT_ONCE) {
      signal.throwIfAborted();
      const answers = await Promise.all(
        wanted
          .slice(from, from + DECIDED_AT_ONCE)
          .map((row) => decideRow(store, row, plan, entries.get(row.key) ?? "none")),
      );
      for (const granted of answers) total[granted ? "decided" : "refused"] += 1;
    }
  }
  return total;
}

/** Decides one row, held or not. `false`: it is being sent at this moment, or is not as it was seen. */
export function decideRow(
  store: Pick<Store, "decide">,
  row: KeyedRow,
  plan: DecisionPlan,
  seen: SeenEntry,
): Promise<boolean> {
  const { decision, by, why } = plan;
  const draftDatasetId = decision === "added" ? plan.draftDatasetId : undefined;
  return store.decide({ key: row.key, group: row.group, decision, draftDatasetId, by, why, seen });
}

export function keyed(origin: string, row: Row): KeyedRow {
  return { key: rowKey(origin, row), group: groupKey(origin, row.datasetGroupId) };
}

/** A run whose results followed. */
export interface FollowedRun {
  runId: string;
  state: RunState;
  /** Results that changed. */
  changed: number;
  /** Rows of the run that were not sent, and those that are unknown, now. */
  unprocessed: number;
  unknown: number;
}

/**
 * Lets unknown results of every run at that origin follow the ledger, not only of the run that sent the row: others
 * hold it as well. Answers the runs that changed, the newest first.
 */
export async function followInRuns(
  store: Pick<Store, "listRuns" | "getRun" | "readRows" | "reconcile">,
  origin: string,
  signal: AbortSignal,
): Promise<FollowedRun[]> {
  const followed: FollowedRun[] = [];
  for (const run of await store.listRuns()) {
    if (run.origin !== origin || run.counts.unknown === 0) continue;
    signal.throwIfAborted();
    const changed = await reconcileRun(store, run);
    const after = await store.getRun(run.runId);
    if (changed === 0 || after === undefined) continue;
    // In a run whose process died, rows wait that nobody takes: they are no less unprocessed.
    const { queued, unprocessed, unknown } = after.counts;
    const state = apparentState(after);
    followed.push({ runId: run.runId, state, changed, unprocessed: queued + unprocessed, unknown });
  }
  return followed;
}

export function noRows(): RowsByEntry {
  return { none: 0, sending: 0, unknown: 0, added: 0 };
}

function isDecidable(state: EntryState | "none", { decision, alsoCertain }: DecisionPlan): boolean {
  if (state === "unknown") return true;
  return alsoCertain && state === (decision === "added" ? "none" : "added");
}

async function entriesOf(
  store: Pick<Store, "lookup">,
  rows: readonly KeyedRow[],
): Promise<Map<RowKey, LedgerEntry>> {
  const entries = await store.lookup([...new Set(rows.map(({ key }) => key))]);
  return new Map(entries.map((entry) => [entry.key, entry]));
}

function keyedRow(row: SourceRow, origin: string, names: readonly string[]): KeyedRow {
  if (row.invalid !== undefined) {
    const place = `${names[row.source] ?? "source"}:${row.line}`;
    throw new TraceloadError("source_format", `${place}: ${row.invalid.message}; nothing was marked`, {
      next: "mend or remove that line: a decision is about rows that can be told for sure",
    });
  }
  return keyed(origin, rowOfTexts(row));
}
