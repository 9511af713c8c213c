/** The plan of a dry run on the screen: what each source is, what becomes of its rows, and what the API says of them. */
import type { PlannedRemote, PlannedSource, SummaryPlan } from "../../report/plan.ts";
import { visible } from "./escape.ts";
import { formatDuration, formatRate, formatRows } from "./human.ts";
import { fit, flow, type Part } from "./layout.ts";
import { passedText, unitParts } from "./plan-text.ts";
import type { Colors } from "./status-style.ts";
import { counted, formatCount } from "../../core/counted.ts";

const MOST_SOURCES = 8;
const MOST_CONDITIONS = 5;
const INDENT = 4;

export function sourceLines(plan: SummaryPlan, columns: number, colors: Colors): string[] {
  const shown = plan.sources.slice(0, MOST_SOURCES);
  if (shown.length === 0) return [];
  const rest = plan.sources.length - shown.length;
  return [
    colors.bold("Sources"),
    ...shown.flatMap((source) => oneSource(source, columns)),
    ...(rest > 0 ? [`  and ${counted(rest, "more source")}: see summary.json`] : []),
  ];
}

function oneSource(source: PlannedSource, columns: number): string[] {
  const name = source.name === "-" ? "standard input" : source.name;
  const lines = facts(source).flatMap((parts) => indented(parts, columns));
  return [`  ${fit(visible(name), columns - 2)}`, ...lines];
}

/** Lines of what is said of a source, each in parts. */
function facts(source: PlannedSource): string[][] {
  const { title, reason, leftOut, passedOver, invalid } = source;
  const others = leftOut.length - MOST_CONDITIONS;
  const bad = invalid.reduce((sum, { count }) => sum + count, 0);
  return [
    [`${title}: ${reason}`],
    idParts(source),
    [
      `${counted(source.records, "record")} read`,
      ...leftOut.slice(0, MOST_CONDITIONS).map(({ condition, records, lacking }) => {
        const without = lacking === 0 ? "" : `, ${formatCount(lacking)} of them without the field`;
        return `${formatCount(records)} left out by --where ${condition}${without}`;
      }),
      ...(others > 0 ? [`and by ${counted(others, "more condition")}`] : []),
      ...passedOver.map(passedText),
    ],
    unitParts(source.unit, { ...source, rows: source.planned }),
    [
      `${formatRows(source.planned)} would be sent`,
      ...some(source.known, "known as added"),
      ...some(source.held, "held: outcome unknown"),
      ...some(source.repeated, "repeated"),
      ...some(bad, "invalid"),
    ],
  ];
}

function idParts({ columns, unit }: PlannedSource): string[] {
  const parts = (
    [
      ["trace_id", columns.traceId],
      ["span_id", columns.spanId],
      ["dataset_group_id", columns.datasetGroupId],
    ] as const
  ).flatMap(([id, column]) => {
    if (column === null) return [];
    return [`${id} from ${/^\d+$/.test(column) ? `column ${column}` : column}`];
  });
  if (columns.traceId === null && unit !== "line") return ["IDs where the format has them", ...parts];
  return parts;
}

function some(count: number, what: string): string[] {
  return count === 0 ? [] : [`${formatCount(count)} ${what}`];
}

export function remoteLines({ remote }: SummaryPlan, columns: number, colors: Colors): string[] {
  if (remote === null) return [];
  const missed = (text: string, count: number): Part[] =>
    count === 0 ? [] : [{ text, paint: colors.yellow }];
  const parts: Part[] = [
    { text: `${formatRows(remote.rows)} asked about (${counted(remote.tracesAsked, "trace")})` },
    { text: `${formatCount(remote.found)} found` },
    ...missed(`${formatCount(remote.traceNotFound)} whose trace is not there`, remote.traceNotFound),
    ...missed(`${formatCount(remote.spanNotFound)} whose span is not in the trace`, remote.spanNotFound),
    ...missed(`${formatCount(remote.notAsked)} could not be asked about`, remote.notAsked),
  ];
  return [
    colors.bold("The API"),
    ...flow(parts, columns - 2).map((line) => `  ${line}`),
    ...(remote.reason === null ? [] : [`  ${fit(`why not: ${visible(remote.reason)}`, columns - 2)}`]),
    ...groupLines(remote),
    ...remote.examples.map((example) => `  ${fit(visible(exampleText(example)), columns - 2)}`),
    ...hints(remote).flatMap((hint) => flow([{ text: hint }], columns - 2).map((line) => `  ${line}`)),
  ];
}

function groupLines({ groups }: PlannedRemote): string[] {
  return groups
    .filter(({ found }) => found !== true)
    .map(({ datasetGroupId, found }) =>
      found === false
        ? `  dataset group ${datasetGroupId} was not found`
        : `  dataset group ${datasetGroupId} could not be asked about`,
    );
}

function exampleText({ file, line, traceId, spanId, code }: PlannedRemote["examples"][number]): string {
  const name = code === "span_not_found" ? `no span ${spanId ?? ""} in trace` : "no trace";
  return `${file}:${line}: ${name} ${traceId}`;
}

/** What it may be. */
function hints({ found, traceNotFound, spanNotFound }: PlannedRemote): string[] {
  return [
    ...(traceNotFound > 0 && found === 0
      ? ["is it another workspace's key, or are the IDs in another form?"]
      : []),
    ...(spanNotFound > 0 ? ["--unit trace adds whole traces, without naming spans"] : []),
  ];
}

/** `986 requests, 1 min 39 s at 10/s`. */
export function requestText({ requests, durationMs }: SummaryPlan, perSecond: number | null): string {
  const isTimed = durationMs !== null && perSecond !== null;
  const time = isTimed ? `${formatDuration(durationMs)} at ${formatRate(perSecond)}` : "without a limit";
  return `${counted(requests, "request")}, ${time}`;
}

function indented(parts: readonly string[], columns: number): string[] {
  const texts = parts.map((part): Part => ({ text: visible(part) }));
  return flow(texts, columns - INDENT).map((line) => " ".repeat(INDENT) + line);
}
