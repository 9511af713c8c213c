/** What verdicts say to people. */
import type { DatasetVersion } from "../../core/api.ts";
import type { Verdict } from "../../core/store.ts";
import { counted } from "../../core/counted.ts";
import { draftOf } from "../drafts.ts";

export type Said = Pick<Verdict, "kind" | "reason">;

export const HELD = "unknown rows are held (--on-unknown)";
export const WAITING = "none of the rows in doubt is there, but one could still arrive";
export const SENT_OFTEN =
  "the rows in doubt are not there, and have been sent again too often to try once more";
export const NOT_SHOWN =
  "no row that is known to be there is found by its IDs, so single rows cannot be looked for";
export const UNCOUNTED = "the draft's rows were not counted before the first of ours was sent";
export const WERE_BEFORE =
  "more of the rows in doubt are found than were added: some were there before, and which cannot be told";
export const UNTOLD = "which of the rows in doubt are there cannot be told";

/** Whether rows are in doubt that asking the server, or asking it again, will not settle. */
export function leavesRowsToPeople({ unknown, reason = "" }: Pick<Verdict, "unknown" | "reason">): boolean {
  return unknown > 0 && ![HELD, WAITING, SENT_OFTEN].some((words) => reason.endsWith(words));
}

export function inconclusive(reason: string): Said {
  return { kind: "inconclusive", reason };
}

export function notChecked(reason: string): Said {
  return { kind: "not-checked", reason };
}

/** In words, when the group's draft is not the one that its bookkeeping is about. */
export function otherDraft(known: number, versions: readonly DatasetVersion[]): string | undefined {
  const current = draftOf(versions);
  if (current === known) return undefined;
  const now = current === undefined ? "the group has no draft now" : `the group's draft is ${current} now`;
  return `draft ${known} was published or removed meanwhile: ${now}`;
}

/** Where nothing that the draft's count could settle is in doubt: what it holds beyond what traceload added to it. */
export function unaccounted(surplus: number, elsewhere: number): Said {
  const isTheirs = surplus >= 0 && surplus <= elsewhere;
  if (elsewhere === 0 && surplus === 0) return { kind: "verified", reason: undefined };
  if (!isTheirs) return { kind: "other-writer", reason: strangers(surplus) };
  const were = `${counted(elsewhere, "row")} in doubt were sent while another draft was the group's, or before it was known`;
  return inconclusive(surplus === 0 ? were : `${were}; ${strangers(surplus)}`);
}

export function strangers(surplus: number): string {
  return surplus > 0
    ? `the draft holds ${counted(surplus, "row")} more than traceload added: another writer, or a request that arrived late`
    : `the draft holds ${counted(-surplus, "row")} fewer than traceload added: somebody removed them`;
}
