/** The end of a run on one screen: did every row land exactly once, what needs a person, what to type next. */
import { ROW_STATUSES, rowsAnswered, rowsLeftBehind } from "../../core/status.ts";
import { mayBeTwice } from "../../core/warnings.ts";
import type { RunState } from "../../core/status.ts";
import type { RunSummary } from "../../report/summary.ts";
import { draftTexts } from "./draft-lines.ts";
import { visible } from "./escape.ts";
import { formatDuration, formatRate, formatRows } from "./human.ts";
import { remoteLines, requestText, sourceLines } from "./plan-section.ts";
import { alignedColumns, fit, wrap } from "./layout.ts";
import { colorsFor, paintStatus, statusMeaning } from "./status-style.ts";
import type { Colors } from "./status-style.ts";
import { counted, formatCount } from "../../core/counted.ts";

export interface SummaryLook {
  color: boolean;
  columns: number;
}

/** Longer lists are cut: the rest stands in the report. */
const MOST_LINES = 5;

/** The text ends in a line break. */
export function renderSummary(summary: RunSummary, look: SummaryLook): string {
  const colors = colorsFor(look.color);
  const sections = [
    [headline(summary, colors), ...parentLines(summary)],
    countLines(summary, colors),
    ...(summary.plan === undefined
      ? []
      : [sourceLines(summary.plan, look.columns, colors), remoteLines(summary.plan, look.columns, colors)]),
    errorLines(summary, look, colors),
    draftLines(summary, colors),
    warningLines(summary, look.columns, colors),
    factLines(summary, colors),
    nextLines(summary, colors),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

function headline(summary: RunSummary, colors: Colors): string {
  const { tone, text } = verdict(summary);
  const paint = { good: colors.green, attention: colors.yellow, bad: colors.red }[tone];
  return `${paint(colors.bold(`Run ${visible(summary.runId)}`))} ${text}`;
}

/** What became of the rows of an earlier run. */
function parentLines({ parent, counts }: RunSummary): string[] {
  if (parent === null) return [];
  const became = ROW_STATUSES.filter((status) => (counts[status] ?? 0) > 0).map(
    (status) => `${formatCount(counts[status] ?? 0)} ${status}`,
  );
  return [`Of ${formatRows(counts.read)} of run ${visible(parent)}: ${became.join(", ")}.`];
}

interface Verdict {
  tone: "good" | "attention" | "bad";
  text: string;
}

function verdict(summary: RunSummary): Verdict {
  const { counts } = summary;
  const unread = summary.sourceComplete ? "" : ", and the sources were not read to the end";
  const doubtful = counts.unknown === 0 ? "" : `, ${isOrAre(counts.unknown)} unknown`;
  if (counts.planned !== undefined) {
    return {
      tone: "good",
      text: `was a dry run: ${formatRows(counts.planned)} of ${formatCount(counts.read)} would be sent, nothing was.`,
    };
  }
  switch (summary.state) {
    case "finished":
      return finishedVerdict(summary);
    case "stopped":
      return {
        tone: "bad",
        text: `stopped: ${stopReason(summary)}. ${notSent(counts.unprocessed)}${doubtful}${unread}.`,
      };
    case "paused":
    case "interrupted":
    case "cancelled":
      return {
        tone: "attention",
        text: `is ${summary.state}: ${notSent(counts.unprocessed)}${doubtful}${unread}. Nothing is lost.`,
      };
    case "reading":
    case "draining":
    case "verifying":
      return {
        tone: "attention",
        text: `is ${summary.state}: ${formatRows(counts.unprocessed)} to go${doubtful}${unread}.`,
      };
    default:
      return summary.state satisfies never;
  }
}

function finishedVerdict({ counts, warnings, drafts }: RunSummary): Verdict {
  const lost = rowsLeftBehind(counts);
  const landed = counts.added + counts.duplicate;
  const twice = mayBeTwice(warnings);
  const differs = drafts.some(({ verdict }) => verdict === "other-writer");
  const once = twice || differs ? "" : " exactly once";
  if (counts.read === 0) return { tone: "bad", text: "finished: there was nothing to read." };
  if (counts.unknown > 0) {
    const others = lost === 0 ? "" : `, ${formatCount(lost)} did not make it`;
    return {
      tone: "attention",
      text: `finished, but ${isOrAre(counts.unknown)} unknown: ${formatCount(landed)} of ${formatRows(counts.read)} landed${once}${others}.`,
    };
  }
  if (lost > 0) {
    return {
      tone: "attention",
      text: `finished: ${formatCount(landed)} of ${formatRows(counts.read)} landed${once}, ${formatCount(lost)} did not make it.`,
    };
  }
  if (twice) {
    return { tone: "attention", text: "finished: every row landed, some perhaps twice." };
  }
  if (differs) {
    const text = "finished: every row was added, but a draft holds more or fewer rows than it should.";
    return { tone: "attention", text };
  }
  if (counts.added === 0) {
    return { tone: "good", text: "finished: every row had been added before, nothing was sent." };
  }
  return { tone: "good", text: "finished: every row landed exactly once." };
}

function isOrAre(rows: number): string {
  return `${formatRows(rows)} ${rows === 1 ? "is" : "are"}`;
}

function notSent(rows: number): string {
  return `${formatRows(rows)} ${rows === 1 ? "was" : "were"} not sent`;
}

/** What stopped a run is the first of its errors. */
function stopReason(summary: RunSummary): string {
  const reason = summary.errors[0]?.example ?? "too many errors";
  return visible(reason).replace(/\.$/, "");
}

function countLines(summary: RunSummary, colors: Colors): string[] {
  const shown = ROW_STATUSES.filter((status) => status === "added" || (summary.counts[status] ?? 0) > 0);
  return alignedColumns(
    [
      ["read", formatCount(summary.counts.read), ""],
      ...shown.map((status) => {
        const rows = summary.counts[status] ?? 0;
        const paint = rows === 0 ? String : paintStatus(colors, status);
        return [paint(status), formatCount(rows), rows === 0 ? "" : colors.dim(statusMeaning(status))];
      }),
    ],
    { align: ["left", "right"], indent: "  " },
  );
}

function errorLines(summary: RunSummary, look: SummaryLook, colors: Colors): string[] {
  const shown = summary.errors.slice(0, MOST_LINES);
  if (shown.length === 0) return [];
  const widest = Math.max(...shown.map(({ code }) => visible(code).length));
  const room = Math.max(30, look.columns - widest - 14);
  return [
    colors.bold("Errors"),
    ...alignedColumns(
      shown.map(({ code, count, example }) => [
        visible(code),
        formatCount(count),
        fit(visible(example), room),
      ]),
      { align: ["left", "right"], indent: "  " },
    ),
    ...more(summary.errors.length, "more kind"),
  ];
}

function draftLines(summary: RunSummary, colors: Colors): string[] {
  const shown = summary.drafts.slice(0, MOST_LINES);
  if (shown.length === 0) return [];
  return [
    colors.bold("Drafts"),
    ...shown.flatMap((draft) => draftTexts(draft, colors).map((line) => `  ${line}`)),
    ...more(summary.drafts.length, "drafts"),
  ];
}

function warningLines(summary: RunSummary, columns: number, colors: Colors): string[] {
  return [
    ...summary.warnings
      .slice(0, MOST_LINES)
      .flatMap((warning) => wrap(`warning: ${visible(warning)}`, columns))
      .map((line) => line.replace(/^warning:/, colors.yellow("warning:"))),
    ...more(summary.warnings.length, "warnings"),
  ];
}

function factLines(summary: RunSummary, colors: Colors): string[] {
  const { counts, rate } = summary;
  const { limitPerSecond, achievedPerSecond } = rate;
  const limit = limitPerSecond === null ? "no limit" : `limit ${formatRate(limitPerSecond)}`;
  // Who writes a report again, or conducts a run that others send, has seen no rate.
  const isSent = rowsAnswered(counts) > 0;
  const unseen = isSent ? limit : "nothing sent";
  const pace = achievedPerSecond === null ? unseen : `${formatRate(achievedPerSecond)}, ${limit}`;
  const facts: [string, string][] = [
    [wasRunning(summary.state) ? "Running" : "Took", `${formatDuration(summary.durationMs)} (${pace})`],
  ];
  if (summary.plan !== undefined) facts.push(["Would take", requestText(summary.plan, limitPerSecond)]);
  if (summary.reportDir !== null) {
    facts.push(["Report", `${visible(summary.reportDir)}: ${reportFiles(summary).join(", ")}`]);
  }
  return alignedColumns(facts.map(([name, text]) => [colors.bold(name), text]));
}

function wasRunning(state: RunState): boolean {
  return state === "reading" || state === "draining" || state === "verifying";
}

/** Those of the report's files that there are: the same rule that the report is written by. */
function reportFiles({ counts }: RunSummary): string[] {
  return [
    "rows.csv",
    ...(counts.invalid + counts.rejected + counts.failed > 0 ? ["failed.csv"] : []),
    ...(counts.unknown > 0 ? ["unknown.csv"] : []),
    ...(counts.unprocessed > 0 ? ["unprocessed.csv"] : []),
    "summary.json",
  ];
}

function nextLines(summary: RunSummary, colors: Colors): string[] {
  if (summary.next.length === 0) return [];
  return [colors.bold("Next"), ...summary.next.map((command) => `  ${visible(command)}`)];
}

function more(length: number, what: string): string[] {
  return length > MOST_LINES ? [`  and ${counted(length - MOST_LINES, what)}: see summary.json`] : [];
}
