/**
 * Whether a run's end calls for a notice. Pure. What counts is what people were last told: a sync that fails every night
 * is told of once, and once when it is well again.
 */
import type { NoticeKind, NoticeState, NotifyPolicy, RowAllowance } from "../core/notices.ts";
import { rowsRead, type RunState, type StatusCounts } from "../core/status.ts";
import type { Run } from "../core/store.ts";
import { rows } from "./verify-words.ts";

/** How a run went, as far as notices go; or that it could not come about, with the fault's code. */
export type NoticeSubject =
  { kind: "run"; run: Pick<Run, "state" | "counts" | "halt" | "verdicts"> } | { kind: "fault"; code: string };

export interface NoticeDecision {
  /** Undefined: nothing is to be said. */
  notice: { kind: NoticeKind; before: NoticeState; now: NoticeState; reasons: string[] } | undefined;
  /** What people know when the notice is delivered, or none is due. */
  state: NoticeState;
}

/** `previous` undefined: nothing was ever told. */
export function decideNotice(
  previous: NoticeState | undefined,
  subject: NoticeSubject,
  policy: NotifyPolicy,
): NoticeDecision {
  const before = previous ?? "good";
  const { now, reasons } = judge(subject, policy);
  const always = policy.on.includes("always");
  // Nothing can be said of a run that a person stopped, or that goes on; nor of a state that nobody wants to hear of.
  const isSilent = now === undefined || (now === "unknown" && !always && !policy.on.includes("unknown"));
  if (isSilent) return { notice: undefined, state: before };
  const kind = kindOf(before, now);
  const isWanted = always || (before !== now && policy.on.some((on) => on === kind));
  return { notice: isWanted ? { kind, before, now, reasons } : undefined, state: now };
}

function kindOf(before: NoticeState, now: NoticeState): NoticeKind {
  switch (now) {
    case "failing":
      return "failure";
    case "unknown":
      return "unknown";
    case "good":
      return before === "good" ? "success" : "recovery";
    default:
      return now satisfies never;
  }
}

interface Judgement {
  now: NoticeState | undefined;
  reasons: string[];
}

function judge(subject: NoticeSubject, policy: NotifyPolicy): Judgement {
  if (subject.kind === "fault") return { now: "failing", reasons: [`no run came about: ${subject.code}`] };
  const { state, counts, halt, verdicts } = subject.run;
  if (state === "stopped") {
    return { now: "failing", reasons: [`the run was stopped: ${halt?.code ?? "stopped"}`] };
  }
  if (!isFinished(state)) return { now: undefined, reasons: [] };
  const read = rowsRead(counts);
  const lost = counts.invalid + counts.rejected + counts.failed + counts.unprocessed;
  const failures: string[] = [];
  if (isMore(lost, read, policy.failed)) failures.push(`${rows(lost)} of ${read} did not make it`);
  for (const { datasetGroupId, publication } of verdicts) {
    if (publication === undefined || publication.state === "published") continue;
    failures.push(`the draft of dataset group ${datasetGroupId} was not published (${publication.state})`);
  }
  const unknowns = isMore(counts.unknown, read, policy.unknown)
    ? [`${rows(counts.unknown)} of ${read} ended unknown`]
    : [];
  if (failures.length > 0) return { now: "failing", reasons: [...failures, ...unknowns] };
  if (unknowns.length > 0) return { now: "unknown", reasons: unknowns };
  return { now: "good", reasons: [wellDone(counts, read)] };
}

function isFinished(state: RunState): boolean {
  return state === "finished";
}

function isMore(count: number, read: number, allowed: RowAllowance): boolean {
  if (allowed.percent !== undefined) return read > 0 && (count * 100) / read > allowed.percent;
  return count > (allowed.rows ?? 0);
}

function wellDone({ added, duplicate }: StatusCounts, read: number): string {
  if (read === 0) return "there was nothing to add";
  return `${added} of ${rows(read)} added${duplicate === 0 ? "" : `, ${duplicate} were there before`}`;
}
