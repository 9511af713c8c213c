/** An entry of the ledger, and what became of decisions, as people read them. */
import { rowOfTexts, type Row } from "../../core/row.ts";
import { apparentState } from "../../core/status.ts";
import type { LedgerEntry } from "../../core/store.ts";
import type { DecidedRows, Decision, EntryView, FollowedRun } from "../../wire/ledger.ts";
import { visible } from "./escape.ts";
import { formatAge, formatDuration, formatRows } from "./human.ts";
import { alignedColumns } from "./layout.ts";
import { colorsFor, paintState, type Colors } from "./status-style.ts";
import { counted, formatCount } from "../../core/counted.ts";

export interface EntryLook {
  /** The row, where it was named. */
  row: Row | undefined;
  next: readonly string[];
  color: boolean;
  /** On the store's clock; undefined: there is no store. */
  nowMs: number | undefined;
  /** The store's name. */
  store: string;
}

/** The text ends in a line break. */
export function renderEntry(view: EntryView, look: EntryLook): string {
  const colors = colorsFor(look.color);
  const { key, entry, run, result, notes } = view;
  const facts: [string, string][] = [["ledger", entryText(entry, look, colors)]];
  if (entry?.draftDatasetId !== undefined) facts.push(["draft", String(entry.draftDatasetId)]);
  if (entry?.until !== undefined) facts.push(["open until", untilText(entry.until, look.nowMs)]);
  if (run !== undefined && entry !== undefined) {
    const state = apparentState(run);
    facts.push(["run", `${visible(run.runId)}, row ${entry.row} (${paintState(colors, state)(state)})`]);
  } else if (entry !== undefined) {
    facts.push(["run", entry.runSeq === 0 ? "none of this store" : "not kept any more"]);
  }
  if (run !== undefined && result !== undefined) {
    const place = `${run.sources[result.source] ?? "source"}:${result.line}`;
    const why = [result.errorCode, result.error].filter((part) => part !== undefined).join(": ");
    const attempts = counted(result.attempts, "request");
    facts.push(["result", visible(`${result.status}, ${place}, ${attempts}${why === "" ? "" : `: ${why}`}`)]);
  }
  facts.push(["key", key]);
  for (const { at, by, decision, why } of notes) {
    facts.push(["note", visible(`${new Date(at).toISOString()} ${by}: ${decision}: ${why}`)]);
  }
  return [
    colors.bold(visible(rowText(look.row, result))),
    ...alignedColumns(facts, { indent: "  " }),
    ...nextLines(look.next, colors),
    "",
  ].join("\n");
}

/** What was marked, and the runs whose results followed. The text ends in a line break. */
export function renderDecided(
  result: DecidedRows & { decision: Decision; runs: readonly FollowedRun[]; next: readonly string[] },
  look: { color: boolean },
): string {
  const colors = colorsFor(look.color);
  const { decision, decided, leftAlone, refused, runs, next } = result;
  const lines = [`marked ${decision}: ${formatRows(decided)}`];
  const certain = decision === "added" ? leftAlone.none : leftAlone.added;
  const settled = decision === "added" ? leftAlone.added : leftAlone.none;
  if (settled > 0) {
    lines.push(
      `nothing to do: ${formatRows(settled)} ${decision === "added" ? "added already" : "without an entry"}`,
    );
  }
  if (certain > 0) {
    const what = decision === "added" ? "never sent, as far as the ledger knows" : "added";
    lines.push(`left alone: ${formatRows(certain)} ${what} (--all: these, too)`);
  }
  if (refused > 0) {
    const what = `${formatRows(refused)} being sent, or changed, at this moment`;
    lines.push(`${colors.yellow("refused:")} ${what}: type the same command again in a while`);
  }
  for (const run of runs) {
    const { runId, state, changed, unknown, unprocessed } = run;
    const left = `${formatCount(unknown)} unknown, ${formatCount(unprocessed)} unprocessed now`;
    lines.push(
      `run ${visible(runId)} (${paintState(colors, state)(state)}): ${formatRows(changed)} changed; ${left}`,
    );
  }
  return [...lines, ...nextLines(next, colors), ""].join("\n");
}

export function formatEntries(count: number): string {
  return counted(count, "entry", "entries");
}

export function formatGroups(count: number): string {
  return counted(count, "group");
}

function rowText(row: Row | undefined, result: EntryView["result"]): string {
  if (row !== undefined) return rowName(row.datasetGroupId, row.traceId, row.spanId);
  if (result === undefined) return "Row of that key";
  const { datasetGroupId, traceId, spanId } = rowOfTexts(result);
  return rowName(datasetGroupId, traceId, spanId);
}

function rowName(group: number | string, traceId: string, spanId: string | undefined): string {
  return `Trace ${traceId}${spanId === undefined ? "" : `, span ${spanId}`}, of dataset group ${group}`;
}

function entryText(entry: LedgerEntry | undefined, { nowMs, store }: EntryLook, colors: Colors): string {
  if (nowMs === undefined) return `no entry: there is no store at ${visible(store)} yet`;
  if (entry === undefined) {
    return `no entry in ${visible(store)}: never sent, or certainly not added; an import would send it`;
  }
  switch (entry.state) {
    case "sending":
      return `${colors.cyan("sending")}: a request may be on its way`;
    case "unknown":
      return `${colors.yellow("unknown")}: a request may have been applied; held, not sent again`;
    case "added":
      return `${colors.green("added")}; not sent again`;
    default:
      return entry.state satisfies never;
  }
}

function untilText(until: number, nowMs: number | undefined): string {
  const at = new Date(until).toISOString();
  if (nowMs === undefined) return at;
  return until < nowMs
    ? `${at}, ${formatAge(nowMs - until)}: nothing of it can be applied any more`
    : `${at}: for ${formatDuration(until - nowMs)} it could still be applied`;
}

function nextLines(next: readonly string[], colors: Colors): string[] {
  return next.length === 0
    ? []
    : ["", colors.bold("Next"), ...next.map((command) => `  ${visible(command)}`)];
}
