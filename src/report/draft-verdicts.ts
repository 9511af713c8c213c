/** What a summary says of each draft: how many rows went in, and what asking the server about it came to. */
import type { Publication, Verdict } from "../core/store.ts";
import { isoTime } from "./columns.ts";
import type { ReportTally } from "./tally.ts";

/** The numbers that a verdict rests on, as they were when the server was asked; `null` where one is not known. */
export interface VerdictFigures {
  /** Rows in the draft before traceload's first. */
  baseline: number | null;
  /** Rows that were confirmed to be added since, by whatever run. */
  added: number;
  /** Rows of the group in doubt, of whatever run. */
  unknown: number;
  /** Rows in the draft. */
  total: number | null;
  /** Rows in doubt that turned out to be there, and not to be. */
  landed: number;
  absent: number;
  /** ISO 8601, UTC. */
  at: string;
}

/** What became of a draft that the run was to publish. */
export interface DraftPublication {
  state: Publication["state"];
  /** The version that the draft became; `null` unless it is published. */
  versionNumber: number | null;
  /** Why it is not published; `null` if it is. */
  reason: string | null;
  /** When the server was asked for it, ISO 8601, UTC; `null`: it was not, or somebody else published it. */
  askedAt: string | null;
}

export interface SummaryDraft {
  datasetGroupId: number;
  /** `null`: no row of the group is known to be in a draft. */
  draftDatasetId: number | null;
  /** Rows of this run that the server confirmed, or that were found to be there. */
  rows: number;
  verdict: Verdict["kind"];
  /** Why it is that, where the word does not say it all. */
  reason: string | null;
  /** `null`: the server was not asked. */
  figures: VerdictFigures | null;
  /** `null`: it was not to be published. */
  publication: DraftPublication | null;
}

/** A line for each draft that rows of the run went to, and for each group whose rows are all unknown. */
export function draftsOf(tally: ReportTally, verdicts: readonly Verdict[]): SummaryDraft[] {
  const byGroup = new Map(verdicts.map((verdict) => [verdict.datasetGroupId, verdict]));
  return tally.drafts.map(({ datasetGroupId, draftDatasetId, rows }) => {
    const group = Number(datasetGroupId);
    const verdict = byGroup.get(group);
    const publication = publicationOf(verdict?.publication, draftDatasetId);
    const draft = { datasetGroupId: group, draftDatasetId: draftDatasetId ?? null, rows, publication };
    if (verdict === undefined) return { ...draft, ...unasked(tally.hasUnknown(datasetGroupId)) };
    if (draftDatasetId !== undefined && draftDatasetId !== verdict.draftDatasetId) {
      return {
        ...draft,
        verdict: "not-checked",
        reason: "it was not the group's draft any more",
        figures: null,
      };
    }
    return { ...draft, verdict: verdict.kind, reason: verdict.reason ?? null, figures: figuresOf(verdict) };
  });
}

function publicationOf(
  publication: Publication | undefined,
  draftDatasetId: number | undefined,
): DraftPublication | null {
  if (publication === undefined) return null;
  // Of a draft that is not the group's any more, nothing was asked.
  if (publication.draftDatasetId !== undefined && publication.draftDatasetId !== draftDatasetId) return null;
  const { state, versionNumber, reason, askedAt } = publication;
  return {
    state,
    versionNumber: versionNumber ?? null,
    reason: reason ?? null,
    askedAt: isoTime(askedAt),
  };
}

/** In words, where a draft that was to be published is none yet; undefined: it is, or was not to be. */
export function unpublishedText({
  datasetGroupId,
  draftDatasetId,
  publication,
}: SummaryDraft): string | undefined {
  if (publication === null || publication.state === "published") return undefined;
  const draft = draftDatasetId === null ? "its draft" : `draft ${draftDatasetId}`;
  const what = publication.state === "asked" ? "is not published yet" : "was not published";
  return `dataset group ${datasetGroupId}: ${draft} ${what}: ${publication.reason ?? publication.state}`;
}

function unasked(hasUnknown: boolean): Pick<SummaryDraft, "verdict" | "reason" | "figures"> {
  return { verdict: "not-checked", reason: hasUnknown ? "unknown rows are held" : null, figures: null };
}

function figuresOf({ baseline, added, unknown, total, landed, absent, at }: Verdict): VerdictFigures {
  return {
    baseline: baseline ?? null,
    added,
    unknown,
    total: total ?? null,
    landed,
    absent,
    at: isoTime(at) ?? "",
  };
}
