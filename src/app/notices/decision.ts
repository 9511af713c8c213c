/**
 * Whether a run's end calls for a notice. Pure. What counts is what people were last told: a sync that fails every night
 * is told of once, and once when it is well again.
 */
import type {
  NoticeKind,
  NoticeStanding,
  NoticeState,
  NotifyPolicy,
  RowAllowance,
} from "../../core/notices.ts";
import { rowsLeftBehind, rowsRead, type RunState, type StatusCounts } from "../../core/status.ts";
import type { Run } from "../../core/store.ts";
import { counted } from "../../core/counted.ts";

/** How a tick ended, as far as notices go. */
export type NoticeSubject =
  | {
      kind: "run";
      run: Pick<Run, "state" | "counts" | "halt" | "verdicts">;
      /** Rejected rows of it that may be there soon: their traces are not visible yet, and their grace lasts. */
      pending?: number;
      /** Rows of earlier runs that failed, and are to be tried again. */
      carried?: number;
      /** It gave way to the next tick, and so did the one before. */
      isStuck?: boolean;
    }
  /** No run came about: the fault's code. */
  | { kind: "fault"; code: string }
  /** There was nothing to read. */
  | { kind: "empty"; carried?: number };

export interface NoticeDecision {
  /** Undefined: nothing is to be said. */
  notice: { kind: NoticeKind; before: NoticeState; now: NoticeState; reasons: string[] } | undefined;
  /** What is to be kept when the notice is delivered, or none is due. */
  standing: NoticeStanding;
}

/** `previous` undefined: nothing was ever told. */
export function decideNotice(
  previous: NoticeStanding = { state: "good" },
  subject: NoticeSubject,
  policy: NotifyPolicy,
): NoticeDecision {
  const before = previous.state;
  const { now, reasons } = judge(previous, subject, policy);
  const always = policy.on.includes("always");
  // Nothing can be said of a run that a person stopped, or that goes on; nor of a state that nobody wants to hear of.
  const isSilent = now === undefined || (now === "unknown" && !always && !policy.on.includes("unknown"));
  if (isSilent) return { notice: undefined, standing: previous };
  const kind = kindOf(before, now);
  const isOverdue = previous.undelivered?.kind !== undefined;
  const isWanted = always || ((before !== now || isOverdue) && policy.on.some((on) => on === kind));
  if (isOverdue) reasons.push("an earlier notice could not be delivered");
  const isOverWhenRead = now !== "good" && isFaultAlone(previous, subject);
  return {
    notice: isWanted ? { kind, before, now, reasons } : undefined,
    standing: { state: now, ...(isOverWhenRead ? { isOverWhenRead } : {}) },
  };
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

function isFaultAlone({ state, isOverWhenRead = false }: NoticeStanding, { kind }: NoticeSubject): boolean {
  return kind === "fault" ? state === "good" || isOverWhenRead : kind === "empty" && isOverWhenRead;
}

interface Judgement {
  now: NoticeState | undefined;
  reasons: string[];
}

function judge(previous: NoticeStanding, subject: NoticeSubject, policy: NotifyPolicy): Judgement {
  switch (subject.kind) {
    case "fault":
      return { now: "failing", reasons: [`no run came about: ${subject.code}`] };
    case "run":
      return judgeRun(previous, subject, policy);
    case "empty": {
      const { carried = 0 } = subject;
      const isOver = previous.isOverWhenRead === true && !isMore(carried, 0, policy.failed);
      if (previous.state === "good" || isOver) return { now: "good", reasons: ["there was nothing to add"] };
      // Rows that did not make it are not there because no others came.
      return {
        now: previous.state,
        reasons: ["there was nothing to add, and what went wrong before has not gone well since"],
      };
    }
    default:
      return subject satisfies never;
  }
}

function judgeRun(
  previous: NoticeStanding,
  { run, pending = 0, carried = 0, isStuck = false }: Extract<NoticeSubject, { kind: "run" }>,
  policy: NotifyPolicy,
): Judgement {
  const { state, counts, halt, verdicts } = run;
  if (state === "stopped") {
    return { now: "failing", reasons: [`the run was stopped: ${halt?.code ?? "stopped"}`] };
  }
  if (isStuck)
    return { now: "failing", reasons: ["the next tick came due before the run had ended, once more"] };
  if (!isFinished(state)) return { now: undefined, reasons: [] };
  const read = rowsRead(counts);
  const lost = rowsLeftBehind(counts) - pending;
  const failures: string[] = [];
  if (isMore(lost, read, policy.failed)) failures.push(`${counted(lost, "row")} of ${read} did not make it`);
  for (const { datasetGroupId, publication } of verdicts) {
    if (publication === undefined || publication.state === "published") continue;
    failures.push(`the draft of dataset group ${datasetGroupId} was not published (${publication.state})`);
  }
  const unknowns = isMore(counts.unknown, read, policy.unknown)
    ? [`${counted(counts.unknown, "row")} of ${read} ended unknown`]
    : [];
  if (failures.length > 0) return { now: "failing", reasons: [...failures, ...unknowns] };
  if (unknowns.length > 0) return { now: "unknown", reasons: unknowns };
  const good = wellDone(counts, read);
  if (previous.state !== "good" && isMore(carried, read, policy.failed)) {
    return {
      now: previous.state,
      reasons: [`${good}; of earlier runs ${counted(carried, "row")} are to be tried again`],
    };
  }
  return { now: "good", reasons: [good] };
}

function isFinished(state: RunState): boolean {
  return state === "finished";
}

function isMore(count: number, read: number, allowed: RowAllowance): boolean {
  if (allowed.percent !== undefined) return count > 0 && count * 100 > allowed.percent * read;
  return count > (allowed.rows ?? 0);
}

function wellDone({ added, duplicate }: StatusCounts, read: number): string {
  return `${added} of ${counted(read, "row")} added${duplicate === 0 ? "" : `, ${duplicate} were there before`}`;
}
