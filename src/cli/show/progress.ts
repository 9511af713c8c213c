/** A run's progress as a person or a program sees it: lines of a terminal, one plain line, or one JSON object. Pure. */
import { STORED_STATUSES, rowsRead } from "../../core/status.ts";
import type { RunState, StatusCounts, StoredStatus } from "../../core/status.ts";
import type { PaceView } from "../../core/pace.ts";
import { visible } from "./escape.ts";
import { formatDuration, formatRate, formatRows, formatShare } from "./human.ts";
import { displayWidth, fit, flow } from "./layout.ts";
import type { Part } from "./layout.ts";
import { paceText } from "./pace-text.ts";
import { colorsFor, paintStatus } from "./status-style.ts";
import type { Colors } from "./status-style.ts";
import { formatCount } from "../../core/counted.ts";

/** What keeps the run from going faster, now. */
export type LimitingFactor =
  | { kind: "rate" }
  /** All requests that may be in flight at once are. */
  | { kind: "concurrency"; requests: number }
  /** The server asked everybody to wait (429, or 503 with Retry-After). */
  | { kind: "server_pause"; remainingMs: number }
  /** The store's server was restarted or replaced: everybody tells it first what it may have forgotten. */
  | { kind: "recovery"; remainingMs: number }
  | { kind: "reading" }
  | { kind: "draft" }
  | { kind: "store" }
  /** Rows that are not there may still arrive: the server is asked again when they cannot any more. */
  | { kind: "verdict"; remainingMs: number }
  | { kind: "none" };

export interface ProgressState {
  runId: string;
  /** The run's state, or what the command does around it. */
  phase: "starting" | RunState | "stopping" | "reporting";
  counts: StatusCounts;
  /** Rows there will be in all; not exact while it is estimated from the bytes read. */
  expected: { rows: number; exact: boolean } | undefined;
  inFlight: number;
  /** undefined: no limit. */
  limitPerSecond: number | undefined;
  /** Requests answered in the last seconds, per second. */
  achievedPerSecond: number;
  elapsedMs: number;
  limitedBy: LimitingFactor;
  /** The shared pace, while it is not the limits alone that hold. */
  pace: PaceView | undefined;
}

export interface ProgressLook {
  columns: number;
  color: boolean;
}

const MOST_COLUMNS = 100;

/** The progress as lines, none longer than the terminal is wide. */
export function renderProgress(state: ProgressState, look: ProgressLook): string[] {
  const colors = colorsFor(look.color);
  // One column stays free: a line of full width makes some terminals wrap.
  const columns = Math.max(1, Math.min(look.columns - 1, MOST_COLUMNS));
  return [
    ...flow(
      [
        { text: `run ${visible(state.runId)}`, paint: colors.bold },
        { text: phaseText(state) },
        elapsed(state),
      ],
      columns,
    ),
    ...barLines(state, columns, colors),
    ...flow(countParts(state, colors), columns),
    ...flow(paceParts(state, colors), columns),
  ];
}

/** The progress as one plain line, for pipes and log files. */
export function renderProgressLine(state: ProgressState): string {
  const colors = colorsFor(false);
  const parts = [
    { text: `${visible(state.runId)} ${phaseText(state)}` },
    { text: shareText(state) },
    ...countParts(state, colors),
    ...paceParts(state, colors),
  ];
  return parts.map(({ text }) => text).join(" · ");
}

export interface RunChange {
  kind: "started" | "left" | "foreign";
  run: { runId: string; state: RunState; counts: StatusCounts };
}

/** What a worker says of a run that it begins to serve, has ended its part of, or must not touch. */
export function renderRunChange({ kind, run }: RunChange): string {
  const name = `run ${visible(run.runId)}`;
  switch (kind) {
    case "started":
      return `${name}: started`;
    case "foreign":
      return `${name} is of another API or key: left alone`;
    case "left": {
      const counts = STORED_STATUSES.filter((status) => run.counts[status] > 0);
      const parts = counts.map((status) => `${status} ${formatCount(run.counts[status])}`);
      return [`${name}: ${run.state}`, ...parts].join(" · ");
    }
    default:
      return kind satisfies never;
  }
}

/** The progress as an object, for `--progress json`: one a line. */
export function progressObject(state: ProgressState): Record<string, unknown> {
  return {
    type: "progress",
    runId: state.runId,
    phase: state.phase,
    counts: { read: rowsRead(state.counts), ...state.counts },
    expectedRows: state.expected?.rows ?? null,
    expectedExact: state.expected?.exact ?? false,
    inFlight: state.inFlight,
    rate: { limitPerSecond: state.limitPerSecond ?? null, achievedPerSecond: state.achievedPerSecond },
    pace: state.pace === undefined ? null : { ...state.pace, text: paceText(state.pace) },
    elapsedMs: Math.round(state.elapsedMs),
    remainingMs: remainingMs(state) ?? null,
    limitedBy: state.limitedBy,
  };
}

/** How long the rest takes at the present pace; undefined while nobody can tell. */
export function remainingMs(state: ProgressState): number | undefined {
  if (state.expected === undefined || state.achievedPerSecond <= 0) return undefined;
  const left = Math.max(0, state.expected.rows - settledRows(state));
  return Math.round((left / state.achievedPerSecond) * 1_000);
}

function settledRows(state: ProgressState): number {
  return rowsRead(state.counts) - state.counts.queued;
}

function share(state: ProgressState): number | undefined {
  if (state.expected === undefined || state.expected.rows <= 0) return undefined;
  const reached = settledRows(state) / state.expected.rows;
  // An estimate may be too low; only a known total can be reached.
  return Math.min(reached, state.expected.exact ? 1 : 0.99);
}

function barLines(state: ProgressState, columns: number, colors: Colors): string[] {
  const reached = share(state);
  const label = shareText(state);
  const width = Math.min(40, columns - displayWidth(label) - 2);
  if (reached === undefined || width < 8) return [fit(label, columns)];
  const filled = Math.floor(width * reached);
  return [`${colors.green("█".repeat(filled))}${colors.dim("░".repeat(width - filled))}  ${label}`];
}

function shareText(state: ProgressState): string {
  const settled = formatCount(settledRows(state));
  const reached = share(state);
  if (state.expected === undefined || reached === undefined) return `${settled} rows`;
  const about = state.expected.exact ? "" : "about ";
  return `${formatShare(reached)} · ${settled} of ${about}${formatCount(state.expected.rows)} rows`;
}

/** Counts that are always named, and the others once they are not zero. */
const ALWAYS_SHOWN: ReadonlySet<StoredStatus> = new Set(["added", "queued"]);

function countParts(state: ProgressState, colors: Colors): Part[] {
  return STORED_STATUSES.filter((status) => ALWAYS_SHOWN.has(status) || state.counts[status] > 0)
    .toSorted((a, b) => Number(a === "queued") - Number(b === "queued"))
    .map((status) => {
      const rows = state.counts[status];
      const text = `${status} ${formatCount(rows)}`;
      return { text, paint: status === "queued" || rows === 0 ? undefined : paintStatus(colors, status) };
    });
}

function paceParts(state: ProgressState, colors: Colors): Part[] {
  const limit = state.limitPerSecond === undefined ? ", no limit" : ` of ${formatRate(state.limitPerSecond)}`;
  const left = remainingMs(state);
  const reason = limitText(state);
  return [
    { text: formatRate(state.achievedPerSecond) + limit },
    ...(left === undefined || left === 0 ? [] : [{ text: `about ${formatDuration(left)} left` }]),
    ...(state.pace === undefined || state.limitedBy.kind === "server_pause"
      ? []
      : [{ text: paceText(state.pace), paint: colors.yellow }]),
    ...(reason === undefined
      ? []
      : [{ text: reason, paint: state.limitedBy.kind === "server_pause" ? colors.yellow : colors.dim }]),
  ];
}

function elapsed(state: ProgressState): Part {
  return { text: formatDuration(Math.floor(state.elapsedMs / 1_000) * 1_000) };
}

function phaseText(state: ProgressState): string {
  switch (state.phase) {
    case "stopping":
      return `stopping, ${formatCount(state.inFlight)} in flight`;
    case "reporting":
      return "writing the report";
    case "starting":
    case "reading":
    case "draining":
    case "verifying":
    case "finished":
    case "stopped":
    case "paused":
    case "interrupted":
    case "cancelled":
      return state.phase;
    default:
      return state.phase satisfies never;
  }
}

function limitText(state: ProgressState): string | undefined {
  const factor = state.limitedBy;
  switch (factor.kind) {
    case "rate":
      return state.pace === undefined ? "held by the rate limit" : undefined;
    case "concurrency":
      return `held by concurrency: all ${formatCount(factor.requests)} requests in flight`;
    case "server_pause":
      return `paused by the server for ${formatDuration(Math.ceil(factor.remainingMs / 1_000) * 1_000)}`;
    case "recovery":
      return `Redis was restarted: waiting ${formatDuration(Math.ceil(factor.remainingMs / 1_000) * 1_000)} until all processes have told it again what they sent`;
    case "reading":
      return "reading the sources";
    case "draft":
      return "opening the draft";
    case "store":
      return "waiting for the store";
    case "verdict":
      return `asking again in ${formatDuration(Math.ceil(factor.remainingMs / 1_000) * 1_000)} about ${formatRows(state.counts.unknown)} that may still arrive (Ctrl-C: leave it to traceload verify)`;
    case "none":
      return undefined;
    default:
      return factor satisfies never;
  }
}
