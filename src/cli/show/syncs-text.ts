/** Syncs as people read them: the list, a sync's history, and what applying a file would change. */
import { rowsRead, zeroCounts } from "../../core/status.ts";
import type { SyncDifference, SyncView, TickRecord } from "../../wire/sync-store.ts";
import { visible } from "./escape.ts";
import { formatAge, formatDuration } from "./human.ts";
import { alignedColumns } from "./layout.ts";
import { colorsFor } from "./status-style.ts";
import { formatCount } from "../../core/counted.ts";

export interface SyncsLook {
  color: boolean;
  nowMs: number;
}

export function renderSyncs(syncs: readonly SyncView[], { color, nowMs }: SyncsLook): string {
  if (syncs.length === 0) return "no syncs: write them into traceload.yaml, and type traceload sync apply\n";
  const colors = colorsFor(color);
  const head = ["SYNC", "SCHEDULE", "STATE", "HEALTH", "LAST RUN", "RESULT", "NEXT RUN", "LAG"];
  const rows = syncs.map(({ name, schedule, state, health, last, nextAt, lagMs }) => [
    name,
    schedule === undefined ? "-" : visible(`${schedule.cron} ${schedule.timezone}`),
    state,
    health.state === "failing" ? colors.red("failing") : health.state,
    last?.endedAt === undefined ? "-" : formatAge(nowMs - last.endedAt),
    last === undefined ? "-" : resultText(last),
    nextAt === undefined ? "-" : nextText(nextAt - nowMs),
    lagMs === undefined ? "-" : formatDuration(lagMs),
  ]);
  const table = alignedColumns(rows, {
    head: head.map((title) => colors.dim(title)),
    align: head.map(() => "left"),
  });
  return [...table, ...syncs.flatMap((sync) => troubleLines(sync, nowMs)), ""].join("\n");
}

/** What a person should know beside the table: no worker looks at it, or a webhook does not know what it should. */
export function troubleLines({ name, origin, overdueSince, undelivered }: SyncView, nowMs: number): string[] {
  const untold = undelivered.map(({ kind, at, reason }) => {
    const what = kind === undefined ? "notices cannot be sent" : `its ${kind} was not told`;
    return `${what}: ${reason} (${formatAge(nowMs - at)})`;
  });
  const unserved =
    overdueSince === undefined
      ? []
      : [`due since ${stamp(overdueSince)}, and no worker that sends to ${origin} runs here`];
  return [...unserved, ...untold].map((text) => visible(`sync ${name}: ${text}`));
}

function nextText(inMs: number): string {
  return inMs <= 0 ? "now" : `in ${formatDuration(inMs)}`;
}

/** `report`: the command that writes a run's report, without the run. */
export function renderHistory(
  ticks: readonly (TickRecord & { id: string })[],
  { color, report }: { color: boolean; report: string },
): string {
  if (ticks.length === 0) return "no tick was due yet\n";
  const colors = colorsFor(color);
  const head = ["DUE", "BECAME", "RUN", "READ", "ADDED", "CARRIED", "WATERMARK", "WHY"];
  const rows = ticks.map((tick) => {
    const counts = { ...zeroCounts(), ...tick.counts };
    const hasRun = tick.became === "ran";
    return [
      stamp(tick.due),
      `${tick.became}${tick.kind === "scheduled" ? "" : ` (${tick.kind})`}`,
      visible(tick.runId ?? "-"),
      hasRun ? formatCount(rowsRead(counts)) : "-",
      hasRun ? formatCount(counts.added) : "-",
      hasRun ? `${tick.carriedIn ?? 0} in, ${tick.carriedOut ?? 0} out` : "-",
      hasRun && tick.watermark?.after !== undefined ? stamp(tick.watermark.after) : "-",
      visible(whyText(tick)),
    ];
  });
  const table = alignedColumns(rows, {
    head: head.map((title) => colors.dim(title)),
    align: head.map(() => "left"),
  });
  const run = ticks.find(({ runId }) => runId !== undefined)?.runId;
  return [...table, ...(run === undefined ? [] : ["", `a run's rows: ${report} ${visible(run)}`]), ""].join(
    "\n",
  );
}

function whyText(tick: TickRecord): string {
  if (tick.became !== "ran") return tick.why ?? "";
  const fault = tick.error === undefined ? tick.why : `${tick.error.code}: ${tick.error.message}`;
  const error = fault === undefined ? "" : `: ${fault}`;
  const carried = (tick.carried ?? []).slice(0, 3).map(({ traceId, code }) => `${traceId} ${code}`);
  const named = carried.length === 0 ? "" : `; carried: ${carried.join(", ")}`;
  const givenUp = (tick.givenUp ?? 0) > 0 ? `; ${tick.givenUp} carried no longer` : "";
  const notices = (tick.notices ?? []).map(({ kind, undelivered }) =>
    undelivered === undefined ? `; ${kind} told` : `; ${kind} not told: ${undelivered}`,
  );
  return `${tick.result ?? ""}${error}${lostText(tick)}${givenUp}${named}${notices.join("")}`;
}

export function resultText({ result, counts, error }: TickRecord): string {
  if (error !== undefined) return visible(`${result}: ${error.code}`);
  if (result === "empty") return "nothing new";
  const { added } = { ...zeroCounts(), ...counts };
  return `${result ?? ""}, ${formatCount(added)} added${lostText({ counts })}`;
}

/** `, 3 rejected, 1 unknown`: rows that are not there. */
function lostText({ counts }: Pick<TickRecord, "counts">): string {
  const lost = (["invalid", "rejected", "failed", "unknown", "unprocessed"] as const).filter(
    (status) => (counts?.[status] ?? 0) > 0,
  );
  return lost.map((status) => `, ${formatCount(counts?.[status] ?? 0)} ${status}`).join("");
}

function stamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** A line for each difference, and one for each key that changes. */
export function renderDifferences(
  differences: readonly SyncDifference[],
  { color }: { color: boolean },
): string {
  const colors = colorsFor(color);
  const lines = differences.flatMap((difference): string[] => {
    switch (difference.kind) {
      case "add":
        return [colors.green(`+ ${difference.name}`)];
      case "remove":
        return [colors.red(`- ${difference.name}`) + "   its watermark and history are forgotten"];
      case "keep":
        return [`  ${difference.name}   not in the file: it stays (--prune removes it)`];
      case "rename":
        return [
          colors.yellow(`~ ${difference.from} is called ${difference.name} now`) +
            "   watermark and history are kept",
        ];
      case "change":
        return [
          colors.yellow(`~ ${difference.name}`),
          ...difference.changes.map(
            ({ key, before, after }) =>
              `    ${visible(key)}: ${visible(before ?? "-")} -> ${visible(after ?? "-")}`,
          ),
        ];
      default:
        return difference satisfies never;
    }
  });
  return lines.map((line) => `${line}\n`).join("");
}
