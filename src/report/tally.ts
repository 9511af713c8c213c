/** What the rows of a report add up to, gathered while they stream by: counts, drafts, groups of errors. */
import { ROW_STATUSES, type RowStatus, zeroCounts } from "../core/status.ts";
import type { ReportRow } from "./columns.ts";

export interface ErrorGroup {
  code: string;
  count: number;
  /** The first row of the kind: `rows.csv:17: trace_id is empty`. */
  example: string;
}

export interface DraftTally {
  datasetGroupId: string;
  /** `undefined`: rows of the group were sent or held, but none is known to be in a draft. */
  draftDatasetId: number | undefined;
  /** Rows added to this draft by this run. */
  rows: number;
}

/** Codes beyond this number are counted together: a server that puts an ID into its code must not fill the memory. */
const MOST_ERROR_CODES = 200;
const MOST_DRAFTS = 1_000;
const MOST_EXAMPLE_LENGTH = 300;
const OTHER_CODES = "other";

/** Statuses whose rows did not make it, or may not have. Rows never sent because the run stopped are none of these. */
const ERROR_STATUSES: ReadonlySet<RowStatus> = new Set(["invalid", "rejected", "failed", "unknown"]);

/** Adds rows up. Memory is bounded whatever the rows hold. */
export class ReportTally {
  readonly counts: Record<RowStatus, number> = zeroRowCounts();
  readonly #errors = new Map<string, ErrorGroup>();
  readonly #warnings = new Map<string, ErrorGroup>();
  readonly #drafts = new Map<string, DraftTally>();
  readonly #unknownGroups = new Set<string>();

  add(row: ReportRow): void {
    this.counts[row.status] += 1;
    if (ERROR_STATUSES.has(row.status)) count(this.#errors, row, row.status);
    // An added row with a code has a warning, such as another mode than the one asked for.
    if (row.status === "added") {
      this.#addToDraft(row);
      if (row.errorCode !== undefined) count(this.#warnings, row, row.errorCode);
    }
    if (row.status === "unknown" && this.#unknownGroups.size < MOST_DRAFTS) {
      this.#unknownGroups.add(row.datasetGroupId);
    }
  }

  /** Rows seen: the sum of the counts, always. */
  get rows(): number {
    return ROW_STATUSES.reduce((sum, status) => sum + this.counts[status], 0);
  }

  /** Most frequent first. */
  get errors(): ErrorGroup[] {
    return byCount(this.#errors);
  }

  /** Warnings on added rows, most frequent first. */
  get rowWarnings(): ErrorGroup[] {
    return byCount(this.#warnings);
  }

  /** In the order in which their first rows came; groups with nothing but unknown rows last. */
  get drafts(): DraftTally[] {
    const drafts = structuredClone([...this.#drafts.values()]);
    const named = new Set(drafts.map((draft) => draft.datasetGroupId));
    for (const datasetGroupId of this.#unknownGroups) {
      if (!named.has(datasetGroupId)) drafts.push({ datasetGroupId, draftDatasetId: undefined, rows: 0 });
    }
    return drafts;
  }

  /** Whether rows of the group are unknown. */
  hasUnknown(datasetGroupId: string): boolean {
    return this.#unknownGroups.has(datasetGroupId);
  }

  #addToDraft(row: ReportRow): void {
    const key = `${row.datasetGroupId}|${row.draftDatasetId ?? ""}`;
    const draft = this.#drafts.get(key);
    if (draft !== undefined) draft.rows += 1;
    else if (this.#drafts.size < MOST_DRAFTS) {
      this.#drafts.set(key, {
        datasetGroupId: row.datasetGroupId,
        draftDatasetId: row.draftDatasetId,
        rows: 1,
      });
    }
  }
}

/** Adds up rows of which no report is written. */
export async function tallyRows(rows: AsyncIterable<readonly ReportRow[]>): Promise<ReportTally> {
  const tally = new ReportTally();
  for await (const batch of rows) for (const row of batch) tally.add(row);
  return tally;
}

export function zeroRowCounts(): Record<RowStatus, number> {
  const { queued: _queued, ...results } = zeroCounts();
  return { ...results, planned: 0 };
}

function count(groups: Map<string, ErrorGroup>, row: ReportRow, fallbackCode: string): void {
  const wanted = row.errorCode ?? fallbackCode;
  const code = groups.has(wanted) || groups.size < MOST_ERROR_CODES ? wanted : OTHER_CODES;
  const group = groups.get(code);
  if (group === undefined) groups.set(code, { code, count: 1, example: exampleOf(row) });
  else group.count += 1;
}

function exampleOf(row: ReportRow): string {
  const text = `${row.file}:${row.line}: ${row.error ?? row.errorCode ?? row.status}`;
  return text.length <= MOST_EXAMPLE_LENGTH ? text : `${text.slice(0, MOST_EXAMPLE_LENGTH - 1)}…`;
}

function byCount(groups: Map<string, ErrorGroup>): ErrorGroup[] {
  return structuredClone([...groups.values()]).sort((a, b) => b.count - a.count);
}
