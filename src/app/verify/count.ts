/**
 * What a draft's count says about one dataset group, read once behind the closed gate, and committed with the version
 * of the group that it was read with where it settles something.
 */
import type { GroupKey } from "../../core/row.ts";
import type { Store, Verdict } from "../../core/store.ts";
import { lastPublished } from "../drafts.ts";
import { judge, type Judgement } from "./judgement.ts";
import { type GroupReader, msUntilQuiet } from "./reading.ts";
import type { DoubtfulRows } from "./rows.ts";
import type { DoubtfulRow, SearchedDraft } from "./search.ts";
import {
  HELD,
  inconclusive,
  notChecked,
  otherDraft,
  type Said,
  SENT_OFTEN,
  unaccounted,
  UNCOUNTED,
} from "./words.ts";
import { counted } from "../../core/counted.ts";

export interface CountParts {
  store: Pick<Store, "commitVerdict">;
  reader: GroupReader;
  doubtfulRows: DoubtfulRows;
}

export interface CountRequest {
  key: GroupKey;
  /**
   * - `settle`: rows in doubt are settled either way.
   * - `landed-only`: rows found absent stay held.
   * - `look`: nothing is settled; the count is only compared.
   */
  mode: "settle" | "landed-only" | "look";
}

export type Figures = Pick<Verdict, "draftDatasetId" | "baseline" | "added" | "unknown" | "total">;

export const NOTHING_READ: Figures = {
  draftDatasetId: undefined,
  baseline: undefined,
  added: 0,
  unknown: 0,
  total: undefined,
};

export type Look =
  /** `draft`: its count says nothing, but rows that landed may still be found in it. */
  | { kind: "over"; verdict: Said; figures: Figures; draft?: SearchedDraft }
  | { kind: "settled"; landed: number; absent: number }
  | { kind: "wait"; inMs: number; figures: Figures }
  | {
      kind: "unclear";
      judgement: Extract<Judgement, "some" | "foreign">;
      quietInMs: number;
      surplus: number;
      /** Rows in doubt that this draft's count may hold, but does not judge. */
      elsewhere: number;
      draft: SearchedDraft;
      /** The rows in doubt that were counted: those that can be looked for. */
      doubtful: DoubtfulRow[];
      figures: Figures;
    }
  | { kind: "moved" };

/** One reading, and its verdict committed. To be called behind the closed gate. */
export async function lookAtCount(
  { store, reader, doubtfulRows }: CountParts,
  { key, mode }: CountRequest,
): Promise<Look> {
  const standing = await reader.standStill();
  if (standing === "moved") return { kind: "moved" };
  const { group, doubt } = standing;
  const known: Figures = {
    draftDatasetId: group.draftDatasetId,
    baseline: group.baseline,
    added: group.added,
    unknown: doubt.unknown + doubt.elsewhere,
    total: undefined,
  };
  const over = (verdict: Said, figures = known) => ({ kind: "over" as const, verdict, figures });
  if (group.draftDatasetId === undefined) return over(notChecked("the group's draft is not known"));
  const uncounted = notChecked(UNCOUNTED);
  if (group.baseline === undefined && doubt.unknown === 0) return over(uncounted);
  if (doubt.sending > 0) return over(inconclusive("other runs were sending to the group"));

  const listed = await reader.versions();
  if (!listed.ok) return over(inconclusive(`the group's datasets could not be listed: ${listed.message}`));
  const other = otherDraft(group.draftDatasetId, listed.value);
  if (other !== undefined) return over(inconclusive(other));
  const draft = {
    draftDatasetId: group.draftDatasetId,
    publishedDatasetId: lastPublished(listed.value)?.id,
  };
  if (group.baseline === undefined) {
    // Of a row that was sent once more by choice, an earlier copy may be found.
    return group.resent > 0 ? over(uncounted) : { ...over(uncounted), draft };
  }
  const total = await reader.count(standing);
  if (!total.ok) return over(inconclusive(total.message));
  const figures = { ...known, total: total.value };
  if (doubt.unknown > 0) {
    const again = await reader.versions();
    if (!again.ok)
      return over(inconclusive(`the group's datasets could not be listed: ${again.message}`), figures);
    const since = otherDraft(group.draftDatasetId, again.value);
    if (since !== undefined) return over(inconclusive(since), figures);
  }

  const surplus = total.value - group.baseline - group.added;
  if (group.resent > 0) {
    return over(
      notChecked(
        `${counted(group.resent, "row")} were sent once more by choice: the count cannot tell how often they landed`,
      ),
      figures,
    );
  }
  const { unknown, elsewhere } = doubt;
  const { baseline, added } = group;
  const quietInMs = unknown === 0 ? 0 : msUntilQuiet(doubt);
  const counts = { baseline, added, unknown, elsewhere, total: total.value };
  const judgement = judge({ ...counts, quiet: quietInMs === 0 });
  const commit = async (kind: "landed" | "absent"): Promise<Look> => {
    const { version } = doubt;
    const ended = await store.commitVerdict(key, { kind, version, draftDatasetId: group.draftDatasetId });
    if (ended === undefined) return { kind: "moved" };
    return {
      kind: "settled",
      landed: kind === "landed" ? ended : 0,
      absent: kind === "absent" ? ended : 0,
    };
  };
  switch (judgement) {
    case "balanced":
      return over(unaccounted(0, elsewhere), figures);
    case "landed":
      return mode === "look" ? over(notChecked(HELD), figures) : commit("landed");
    case "absent":
      if (mode === "settle") return commit("absent");
      return over(mode === "look" ? notChecked(HELD) : inconclusive(SENT_OFTEN), figures);
    case "wait":
      return mode === "look" ? over(notChecked(HELD), figures) : { kind: "wait", inMs: quietInMs, figures };
    case "some":
    case "foreign": {
      if (unknown === 0) return over(unaccounted(surplus, elsewhere), figures);
      const doubtful = mode === "look" ? [] : await doubtfulRows.list();
      return { kind: "unclear", judgement, quietInMs, surplus, elsewhere, draft, doubtful, figures };
    }
    default:
      return judgement satisfies never;
  }
}
