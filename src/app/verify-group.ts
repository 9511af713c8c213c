/**
 * Asks the server about one dataset group: its draft's count first, single rows where that does not settle it. What
 * is found is committed with the version of the group that it was read with, so that nothing which happened since is
 * judged by it. The rules are those of docs/protocol.md, "Verify".
 */
import type { GroupKey } from "../core/row.ts";
import type { Run, Store, Verdict } from "../core/store.ts";
import { lastPublished } from "./drafts.ts";
import { judge, type Judgement } from "./verify-judgement.ts";
import { GroupReader, MAX_READINGS, msUntilQuiet, type ReadingParts } from "./verify-reading.ts";
import { DoubtfulRows, type RowsParts } from "./verify-rows.ts";
import type { SearchedDraft } from "./verify-search.ts";
import {
  HELD,
  inconclusive,
  NOT_SHOWN,
  notChecked,
  otherDraft,
  rows,
  type Said,
  SENT_OFTEN,
  strangers,
  unaccounted,
  UNCOUNTED,
  UNTOLD,
  WAITING,
} from "./verify-words.ts";

export interface VerifyGroupParts extends ReadingParts, RowsParts {
  store: ReadingParts["store"] & RowsParts["store"] & Pick<Store, "now">;
  api: ReadingParts["api"] & RowsParts["api"];
}

export interface VerifyGroupRequest {
  datasetGroupId: number;
  key: GroupKey;
  /** Its added rows show whether the draft's rows can be found by their IDs. */
  run: Pick<Run, "runId" | "origin" | "counts">;
  /**
   * - `settle`: rows in doubt are settled either way.
   * - `landed-only`: rows found absent stay held.
   * - `look`: nothing is settled; the count is only compared.
   */
  mode: "settle" | "landed-only" | "look";
}

export interface GroupFinding {
  verdict: Verdict;
  /** Nothing of what is in doubt is there yet: to be asked again after this, when nothing can arrive any more. */
  askAgainInMs: number | undefined;
}

type Figures = Pick<Verdict, "draftDatasetId" | "baseline" | "added" | "unknown" | "total">;

const NOTHING_READ: Figures = {
  draftDatasetId: undefined,
  baseline: undefined,
  added: 0,
  unknown: 0,
  total: undefined,
};

type Look =
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
      figures: Figures;
    }
  | { kind: "moved" };

/** Repeatable at any time. Never rejects for what the server does; only when the signal aborts or the store refuses. */
export async function verifyGroup(
  parts: VerifyGroupParts,
  request: VerifyGroupRequest,
  signal: AbortSignal,
): Promise<GroupFinding> {
  return new GroupVerification(parts, request, signal).run();
}

class GroupVerification {
  readonly #parts: VerifyGroupParts;
  readonly #request: VerifyGroupRequest;
  readonly #reader: GroupReader;
  readonly #rows: DoubtfulRows;
  #landed = 0;
  #absent = 0;

  constructor(parts: VerifyGroupParts, request: VerifyGroupRequest, signal: AbortSignal) {
    this.#parts = parts;
    this.#request = request;
    this.#reader = new GroupReader(parts, request, signal);
    this.#rows = new DoubtfulRows(parts, this.#reader, request, signal);
  }

  async run(): Promise<GroupFinding> {
    const { mode } = this.#request;
    // Single rows are looked for once, and once more when nothing can arrive any more: only then is "not there" final.
    let searched: "no" | "early" | "finally" = "no";
    let figures = NOTHING_READ;
    for (let reading = 1; reading <= MAX_READINGS; reading += 1) {
      const look = await this.#reader.hold(() => this.#look());
      switch (look.kind) {
        case "over": {
          const mayFind = mode !== "look" && searched === "no";
          if (mayFind) searched = "early";
          if (look.draft !== undefined && mayFind && (await this.#findLanded(look.draft)) > 0) break;
          return this.#finding(look.verdict, look.figures);
        }
        case "settled":
          this.#landed += look.landed;
          this.#absent += look.absent;
          break;
        case "wait":
          return this.#finding(inconclusive(WAITING), look.figures, look.inMs);
        case "moved":
          break;
        case "unclear": {
          figures = look.figures;
          const quiet = look.quietInMs === 0;
          if (mode === "look" || searched === "finally" || (searched === "early" && !quiet)) {
            return this.#held(look);
          }
          searched = quiet ? "finally" : "early";
          const reason = await this.#search(look);
          if (reason !== undefined) return this.#held(look, reason);
          break;
        }
        default:
          look satisfies never;
      }
    }
    return this.#finding(inconclusive("rows of the group were settled elsewhere all the while"), figures);
  }

  /** One reading, and its verdict committed, behind the closed gate. */
  async #look(): Promise<Look> {
    const { store } = this.#parts;
    const { key, mode } = this.#request;
    const standing = await this.#reader.standStill();
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

    const listed = await this.#reader.versions();
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
    const counted = await this.#reader.count(standing);
    if (!counted.ok) return over(inconclusive(counted.message));
    const figures = { ...known, total: counted.value };
    if (doubt.unknown > 0) {
      const again = await this.#reader.versions();
      if (!again.ok)
        return over(inconclusive(`the group's datasets could not be listed: ${again.message}`), figures);
      const since = otherDraft(group.draftDatasetId, again.value);
      if (since !== undefined) return over(inconclusive(since), figures);
    }

    const surplus = counted.value - group.baseline - group.added;
    if (group.resent > 0) {
      return over(
        notChecked(
          `${rows(group.resent)} were sent once more by choice: the count cannot tell how often they landed`,
        ),
        figures,
      );
    }
    const { unknown, elsewhere } = doubt;
    const { baseline, added } = group;
    const quietInMs = unknown === 0 ? 0 : msUntilQuiet(doubt);
    const counts = { baseline, added, unknown, elsewhere, total: counted.value };
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
        return { kind: "unclear", judgement, quietInMs, surplus, elsewhere, draft, figures };
      }
      default:
        return judgement satisfies never;
    }
  }

  /**
   * Looks for the rows in doubt one by one. Those that are there are landed, at any time; those that are not are absent
   * only when nothing can arrive any more, and only where more rows are there than traceload added: with fewer, somebody
   * has removed some. Where rows of another draft may be what is more, that says nothing, and absent is only what the count
   * says is. Answers why it cannot be told, if it cannot.
   */
  async #search({
    draft,
    quietInMs,
    surplus,
    elsewhere,
  }: Extract<Look, { kind: "unclear" }>): Promise<string | undefined> {
    const { mode } = this.#request;
    const sightings = await this.#rows.lookForAll(draft);
    if (sightings === undefined) return NOT_SHOWN;
    const { there, missing } = sightings;
    const landed = await this.#rows.commitLanded(draft.draftDatasetId, there);
    this.#landed += landed;
    // The count settles what is left, once the rows that landed are known.
    if (surplus > 0 && landed === surplus) return undefined;
    if (quietInMs > 0 || surplus <= 0 || elsewhere > 0 || mode !== "settle")
      return landed > 0 ? undefined : UNTOLD;
    const absent = await this.#rows.commitAbsent(draft, missing);
    this.#absent += absent;
    return landed + absent > 0 ? undefined : UNTOLD;
  }

  async #findLanded(draft: SearchedDraft): Promise<number> {
    const { there } = (await this.#rows.lookForAll(draft)) ?? { there: [] };
    const landed = await this.#rows.commitLanded(draft.draftDatasetId, there);
    this.#landed += landed;
    return landed;
  }

  #held(look: Extract<Look, { kind: "unclear" }>, reason?: string): Promise<GroupFinding> {
    const { judgement, surplus, figures, quietInMs } = look;
    const why = reason ?? (this.#request.mode === "look" ? HELD : UNTOLD);
    // What could still arrive may yet make the count speak.
    const askAgainInMs = quietInMs > 0 && this.#request.mode !== "look" ? quietInMs : undefined;
    if (judgement === "foreign") {
      return this.#finding(
        { kind: "other-writer", reason: `${strangers(surplus)}; ${why}` },
        figures,
        askAgainInMs,
      );
    }
    const some = `${surplus} of ${rows(figures.unknown)} in doubt are there, and the count cannot say which`;
    const kind = this.#request.mode === "look" ? "not-checked" : "inconclusive";
    return this.#finding({ kind, reason: `${some}; ${why}` }, figures, askAgainInMs);
  }

  async #finding({ kind, reason }: Said, figures: Figures, askAgainInMs?: number): Promise<GroupFinding> {
    const { datasetGroupId } = this.#request;
    const at = await this.#parts.store.now();
    return {
      verdict: {
        ...figures,
        datasetGroupId,
        kind,
        reason,
        landed: this.#landed,
        absent: this.#absent,
        at,
      },
      askAgainInMs,
    };
  }
}
