/** Runs as `traceload status` shows them: a list, or one in detail. */
import { STORED_STATUSES, rowsRead } from "../../core/status.ts";
import type { PaceView } from "../../core/pace.ts";
import type { Run } from "../../core/store.ts";
import { visible } from "./escape.ts";
import { formatAge, formatDuration } from "./human.ts";
import { alignedColumns, displayWidth, fit } from "./layout.ts";
import { paceText } from "./pace-text.ts";
import { colorsFor, paintState, paintStatus } from "./status-style.ts";
import { formatCount } from "../../core/counted.ts";

export interface RunsLook {
  color: boolean;
  columns: number;
  nowMs: number;
}

const LEAST_SOURCE_COLUMNS = 8;

interface Column {
  title: string;
  right: boolean;
  cell: (run: Run, look: RunsLook) => string;
}

const COLUMNS: readonly Column[] = [
  { title: "RUN", right: false, cell: ({ runId }) => visible(runId) },
  { title: "STATE", right: false, cell: ({ state }) => state },
  { title: "STARTED", right: false, cell: ({ createdAt }, { nowMs }) => formatAge(nowMs - createdAt) },
  { title: "READ", right: true, cell: ({ counts }) => formatCount(rowsRead(counts)) },
  { title: "ADDED", right: true, cell: ({ counts }) => formatCount(counts.added) },
  { title: "DUPLICATE", right: true, cell: ({ counts }) => formatCount(counts.duplicate) },
  {
    title: "ERRORS",
    right: true,
    cell: ({ counts }) => formatCount(counts.invalid + counts.rejected + counts.failed),
  },
  { title: "UNKNOWN", right: true, cell: ({ counts }) => formatCount(counts.unknown) },
  { title: "LEFT", right: true, cell: ({ counts }) => formatCount(counts.queued + counts.unprocessed) },
  {
    title: "SOURCES",
    right: false,
    cell: ({ parent, sources }) => visible(parent === undefined ? sources.join(" ") : `rerun of ${parent}`),
  },
];
/** Left out where they are 0 in every run: a screen of 80 columns has room for one or two of them. */
const ONLY_IF_SOME: ReadonlySet<string> = new Set(["DUPLICATE", "ERRORS", "UNKNOWN", "LEFT"]);

/** A line for each run, in the order given. The text ends in a line break. */
export function renderRuns(runs: readonly Run[], look: RunsLook): string {
  if (runs.length === 0) return "no runs\n";
  const colors = colorsFor(look.color);
  const columns = COLUMNS.filter(
    ({ title, cell }) => !ONLY_IF_SOME.has(title) || runs.some((run) => cell(run, look) !== "0"),
  );
  const taken = columns
    .slice(0, -1)
    .map(({ title, cell }) => Math.max(title.length, ...runs.map((run) => displayWidth(cell(run, look)))))
    .reduce((sum, width) => sum + width + 2, 0);
  const room = Math.max(LEAST_SOURCE_COLUMNS, look.columns - taken);
  const painted = runs.map((run) =>
    columns.map(({ title, cell }) => {
      const text = cell(run, look);
      if (title === "STATE") return paintState(colors, run.state)(text);
      return title === "SOURCES" ? fit(text, room) : text;
    }),
  );
  const head = columns.map(({ title }) => colors.dim(title));
  const align = columns.map(({ right }) => (right ? "right" : "left"));
  return `${alignedColumns(painted, { head, align }).join("\n")}\n`;
}

/** The runs that a run's rows came from, nearest first, and those that tried its rows again. */
export interface Chain {
  ancestors: readonly string[];
  reruns: readonly string[];
}

/** As far as the runs go that are given. */
export function chainOf(run: Run, runs: readonly Run[]): Chain {
  const ancestors: string[] = [];
  for (let parent = run.parent; parent !== undefined && !ancestors.includes(parent);) {
    const current = parent;
    ancestors.push(current);
    parent = runs.find(({ runId }) => runId === current)?.parent;
  }
  return { ancestors, reruns: runs.filter(({ parent }) => parent === run.runId).map(({ runId }) => runId) };
}

/** All that is known of one run; `pace`: what slows it down. The text ends in a line break. */
export function renderRun(run: Run, look: RunsLook & { pace?: PaceView | undefined; chain?: Chain }): string {
  const colors = colorsFor(look.color);
  const ended =
    run.finishedAt === undefined ? "" : `, took ${formatDuration(run.finishedAt - run.createdAt)}`;
  const facts: [string, string][] = [
    ["state", paintState(colors, run.state)(run.state) + ownerText(run)],
    ["started", `${new Date(run.createdAt).toISOString()}, ${formatAge(look.nowMs - run.createdAt)}${ended}`],
    ["sources", visible(run.sources.join(" ")) + (run.sourceComplete ? "" : " (not read to the end yet)")],
  ];
  if (look.pace !== undefined) facts.push(["rate", paceText(look.pace)]);
  const { ancestors, reruns } = look.chain ?? { ancestors: [], reruns: [] };
  if (ancestors.length > 0) facts.push(["rerun of", ancestors.map(visible).join(", of ")]);
  if (reruns.length > 0) facts.push(["rerun as", reruns.map(visible).join(", ")]);
  if (run.halt !== undefined)
    facts.push(["stopped by", `${visible(run.halt.code)}: ${visible(run.halt.message)}`]);
  for (const { datasetGroupId, code, message } of run.haltedGroups) {
    facts.push(["group stopped", `${datasetGroupId}, by ${visible(code)}: ${visible(message)}`]);
  }
  const counts = STORED_STATUSES.filter((status) => run.counts[status] > 0).map((status) => {
    const paint = status === "queued" ? String : paintStatus(colors, status);
    return [paint(status), formatCount(run.counts[status])];
  });
  return [
    colors.bold(`Run ${visible(run.runId)}`),
    ...alignedColumns(facts, { indent: "  " }),
    "",
    ...alignedColumns([["read", formatCount(rowsRead(run.counts))], ...counts], {
      align: ["left", "right"],
      indent: "  ",
    }),
    ...(run.warnings.length === 0 ? [] : [""]),
    ...run.warnings.map((warning) => `${colors.yellow("warning:")} ${visible(warning)}`),
    "",
  ].join("\n");
}

/** Who reads the sources, while that matters. */
function ownerText(run: Run): string {
  if (run.state !== "reading" && run.state !== "draining" && run.state !== "verifying") return "";
  if (run.owner === undefined) return ", served by workers";
  return run.ownerAlive ? ", its import is alive" : ", its import is gone";
}
