/** The plan of a dry run: what each source is, what would become of its rows, and what the API says of them. */
import type { SourcePlan } from "../core/source.ts";

export interface SummaryPlan {
  /** Requests that would add rows. */
  requests: number;
  /** What they would take at the given rate; `null`: there is no limit. */
  durationMs: number | null;
  sources: PlannedSource[];
  /** `null`: the API was not asked. */
  remote: PlannedRemote | null;
}

export interface PlannedSource {
  name: string;
  /** As typed after `--format`, and as people call it. */
  format: string;
  title: string;
  reason: string;
  unit: "line" | "trace" | "span";
  /** Names of columns or keys; `null`: there is none, or the format says where the IDs stand. */
  columns: { traceId: string | null; spanId: string | null; datasetGroupId: string | null };
  records: number;
  leftOut: { condition: string; records: number; lacking: number }[];
  passedOver: { what: string; count: number }[];
  rows: number;
  /** Rows that would be sent. */
  planned: number;
  /** Rows that were added before, or whose outcome is unknown. */
  known: number;
  held: number;
  /** Rows, or of exports records, that name what an earlier one names. */
  repeated: number;
  traces: number;
  spans: number;
  invalid: { code: string; count: number; example: string }[];
  warnings: string[];
}

export interface PlannedRemote {
  /** Rows that were to be asked about. */
  rows: number;
  tracesAsked: number;
  found: number;
  traceNotFound: number;
  spanNotFound: number;
  notAsked: number;
  /** Why some could not be asked about. */
  reason: string | null;
  /** Dataset groups that rows name themselves; `null`: it could not be asked. */
  groups: { datasetGroupId: number; found: boolean | null }[];
  examples: { file: string; line: number; traceId: string; spanId: string | null; code: string }[];
}

export interface PlanInput {
  plans: readonly SourcePlan[];
  /** By the source's index. */
  rows: readonly (Omit<
    PlannedSource,
    | "name"
    | "format"
    | "title"
    | "reason"
    | "unit"
    | "columns"
    | "records"
    | "leftOut"
    | "passedOver"
    | "warnings"
    | "invalid"
  > & { invalid: { code: string; count: number; example: { line: number; message: string } }[] })[];
  ratePerSecond: number | undefined;
  remote: RemoteInput | undefined;
}

export type RemoteInput = Omit<PlannedRemote, "rows" | "reason" | "groups" | "examples"> & {
  reason: string | undefined;
  groups: readonly { datasetGroupId: string; found: boolean | undefined }[];
  examples: readonly { source: number; line: number; traceId: string; spanId: string; code: string }[];
};

export function buildPlan({ plans, rows, ratePerSecond, remote }: PlanInput): SummaryPlan {
  const requests = rows.reduce((sum, { planned }) => sum + planned, 0);
  const names = plans.map(({ name }) => name);
  return {
    requests,
    durationMs: ratePerSecond === undefined ? null : Math.round((requests / ratePerSecond) * 1000),
    sources: plans.flatMap((plan, index) => {
      const own = rows[index];
      return own === undefined ? [] : [plannedSource(plan, own)];
    }),
    remote: remote === undefined ? null : plannedRemote(remote, names),
  };
}

function plannedSource(plan: SourcePlan, rows: PlanInput["rows"][number]): PlannedSource {
  const { name, formatName, format: title, reason, unit, columns, distinct, repeated } = plan;
  return {
    name,
    format: formatName,
    title,
    reason,
    unit,
    columns: {
      traceId: columns.trace ?? null,
      spanId: columns.span ?? null,
      datasetGroupId: columns.group ?? null,
    },
    records: plan.records,
    leftOut: plan.leftOut,
    passedOver: plan.passedOver,
    rows: rows.rows,
    planned: rows.planned,
    known: rows.known,
    held: rows.held,
    // Rows that stand for several records repeat nothing; the records may.
    repeated: rows.repeated + (unit === "line" ? 0 : (repeated ?? 0)),
    traces: (unit === "line" ? undefined : distinct?.traces) ?? rows.traces,
    spans: (unit === "line" ? undefined : distinct?.spans) ?? rows.spans,
    invalid: rows.invalid
      .map(({ code, count, example }) => ({
        code,
        count,
        example: `${name}:${example.line}: ${example.message}`,
      }))
      .sort((a, b) => b.count - a.count),
    warnings: plan.warnings,
  };
}

function plannedRemote(remote: RemoteInput, names: readonly string[]): PlannedRemote {
  const { tracesAsked, found, traceNotFound, spanNotFound, notAsked } = remote;
  return {
    rows: found + traceNotFound + spanNotFound + notAsked,
    tracesAsked,
    found,
    traceNotFound,
    spanNotFound,
    notAsked,
    reason: remote.reason ?? null,
    groups: remote.groups.map((group) => ({
      datasetGroupId: Number(group.datasetGroupId),
      found: group.found ?? null,
    })),
    examples: [...remote.examples]
      .sort((a, b) => a.source - b.source || a.line - b.line)
      .map(({ source, line, traceId, spanId, code }) => {
        return { file: names[source] ?? "", line, traceId, spanId: spanId === "" ? null : spanId, code };
      }),
  };
}

/** Whether the API does not know what some of the rows name. */
export function isMissed(remote: PlannedRemote | null): boolean {
  if (remote === null) return false;
  return remote.traceNotFound + remote.spanNotFound > 0 || remote.groups.some(({ found }) => found === false);
}
