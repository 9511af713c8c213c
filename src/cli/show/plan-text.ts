/** What is said of the sources before anything is sent: what they are, what becomes a row, and how that is changed. */
import type { SourcePlan } from "../../core/source.ts";
import { formatCount, formatRows } from "./human.ts";

/** A line for each source that is more than a list of IDs. */
export function planLines(plans: readonly SourcePlan[]): string[] {
  return plans.flatMap((plan) => (plan.distinct === undefined ? [] : [planLine(plan, plan.distinct)]));
}

function planLine({ name, format, unit, passedOver }: SourcePlan, { spans, traces }: Counts): string {
  const source = name === "-" ? "standard input" : name;
  const other =
    unit === "span"
      ? `one row for each span (--unit trace: ${formatRows(traces)})`
      : `one row for each trace (--unit span: ${formatRows(spans)})`;
  const rest = passedOver.map(({ what, count }) => `; ${formatCount(count)} ${what} passed over`).join("");
  return `${source}: ${format}, ${counted(spans, "span")} of ${counted(traces, "trace")}, ${other}${rest}`;
}

function counted(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? "" : "s"}`;
}

type Counts = NonNullable<SourcePlan["distinct"]>;

export function planWarnings(plans: readonly SourcePlan[]): string[] {
  return plans.flatMap(({ warnings }) => warnings);
}
