/** What is said of the sources before anything is sent: what they are, what becomes a row, and how that is changed. */
import type { SourcePlan } from "../../core/source.ts";
import { formatRows } from "./human.ts";
import { counted, formatCount } from "../../core/counted.ts";

/** A line for each source that was counted, but for lists that name no spans. */
export function planLines(plans: readonly SourcePlan[]): string[] {
  return plans.flatMap((plan) => {
    const { distinct, unit } = plan;
    return distinct === undefined || (unit === "line" && distinct.spans === 0)
      ? []
      : [planLine(plan, distinct)];
  });
}

function planLine({ name, format, unit, records, passedOver }: SourcePlan, counts: Counts): string {
  const source = name === "-" ? "standard input" : name;
  const rest = passedOver.map((passed) => `; ${passedText(passed)}`).join("");
  const all = unit === "line" ? `${counted(records, "record")}, ` : "";
  return `${source}: ${format}, ${all}${unitParts(unit, counts).join(", ")}${rest}`;
}

/** `what` is a plural: "log batches", "lines of other output". */
export function passedText({ what, count }: SourcePlan["passedOver"][number]): string {
  const named = count === 1 ? what.replace(/\b(\w+?)(?:(?<=ch)es|s)\b/, "$1") : what;
  return `${formatCount(count)} ${named} passed over`;
}

/** What was counted, and what becomes a row of it, with the flag that makes it the other one if `rows` would differ. */
export function unitParts(
  unit: SourcePlan["unit"],
  { spans, traces, rows }: Counts & { rows?: number },
): [string, string] {
  const all = counted(traces, "trace");
  const both = spans === 0 ? all : `${counted(spans, "span")} of ${all}`;
  const perTrace = `(--unit trace: ${formatRows(traces)})`;
  if (unit === "span") return [both, `one row for each span ${perTrace}`];
  if (unit === "line")
    return [both, `one row for each record${spans === 0 && rows === traces ? "" : ` ${perTrace}`}`];
  return [both, `one row for each trace${spans === 0 ? "" : ` (--unit span: ${formatRows(spans)})`}`];
}

type Counts = NonNullable<SourcePlan["distinct"]>;

export function planWarnings(plans: readonly SourcePlan[]): string[] {
  return plans.flatMap(({ warnings }) => warnings);
}
