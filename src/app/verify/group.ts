/**
 * Asks the server about one dataset group: its draft's count first, single rows where that does not settle it. What
 * is found is committed with the version of the group that it was read with, so that nothing which happened since is
 * judged by it. The rules are those of docs/protocol.md, "Verify".
 */
import type { Run, Store, Verdict } from "../../core/store.ts";
import { type CountRequest, type Figures, type Look, lookAtCount, NOTHING_READ } from "./count.ts";
import { GroupReader, MAX_READINGS, type ReadingParts } from "./reading.ts";
import { DoubtfulRows, type RowsParts } from "./rows.ts";
import type { SearchedDraft } from "./search.ts";
import {
  HELD,
  inconclusive,
  NOT_SHOWN,
  type Said,
  strangers,
  UNTOLD,
  WAITING,
  WERE_BEFORE,
} from "./words.ts";
import { counted } from "../../core/counted.ts";

export interface VerifyGroupParts extends ReadingParts, RowsParts {
  store: ReadingParts["store"] & RowsParts["store"] & Pick<Store, "now">;
  api: ReadingParts["api"] & RowsParts["api"];
}

export interface VerifyGroupRequest extends CountRequest {
  datasetGroupId: number;
  /** Its added rows show whether the draft's rows can be found by their IDs. */
  run: Pick<Run, "runId" | "origin" | "counts">;
}

export interface GroupFinding {
  verdict: Verdict;
  /** Nothing of what is in doubt is there yet: to be asked again after this, when nothing can arrive any more. */
  askAgainInMs: number | undefined;
}

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
    const counting = { store: this.#parts.store, reader: this.#reader, doubtfulRows: this.#rows };
    for (let reading = 1; reading <= MAX_READINGS; reading += 1) {
      const look = await this.#reader.hold(() => lookAtCount(counting, this.#request));
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

  /**
   * Looks for the rows in doubt one by one. Those that are there are landed, at any time; those that are not are absent
   * only when nothing can arrive any more, and only where more rows are there than traceload added: with fewer, somebody
   * has removed some. Where rows of another draft may be what is more, that says nothing, and absent is only what the
   * count says is. Answers why it cannot be told, if it cannot.
   *
   * What is found may be a copy from before the draft was counted: of a row that somebody had added, or that was sent
   * once more by choice. Called landed, it would hide another one that has landed, and the count would call that absent.
   * So no more is believed than the count had room for, with every row counted in that was not seen clearly.
   */
  async #search({
    draft,
    doubtful,
    quietInMs,
    surplus,
    elsewhere,
    figures,
  }: Extract<Look, { kind: "unclear" }>): Promise<string | undefined> {
    const { mode } = this.#request;
    const sightings = await this.#rows.lookForAll(draft, doubtful);
    if (sightings === undefined) return NOT_SHOWN;
    const { there, missing } = sightings;
    const unclear = figures.unknown - there.length - missing.length;
    const believed = there.length + unclear <= surplus ? there : [];
    const untold = there.length > surplus ? WERE_BEFORE : UNTOLD;
    const landed = await this.#rows.commitLanded(draft.draftDatasetId, believed);
    this.#landed += landed;
    // The count settles what is left, once the rows that landed are known.
    if (surplus > 0 && landed === surplus) return undefined;
    if (quietInMs > 0 || surplus <= 0 || elsewhere > 0 || mode !== "settle")
      return landed > 0 ? undefined : untold;
    const absent = await this.#rows.commitAbsent(draft, missing);
    this.#absent += absent;
    return landed + absent > 0 ? undefined : untold;
  }

  /** Where no count is judged by, what is found hides nothing. */
  async #findLanded(draft: SearchedDraft): Promise<number> {
    const { there } = (await this.#rows.lookForAll(draft, await this.#rows.list())) ?? { there: [] };
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
    const some = `${surplus} of ${counted(figures.unknown, "row")} in doubt are there, and the count cannot say which`;
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
