/**
 * Asks the server about one dataset group: its draft's count first, single rows where that does not settle it. What
 * is found is committed with the version of the group that it was read with, so that nothing which happened since is
 * judged by it. The rules are those of docs/protocol.md, "Verify".
 */
import type { Api, ApiAnswer, DatasetVersion } from "../core/api.ts";
import type { Clock } from "../core/clock.ts";
import type { GroupKey, RowKey } from "../core/row.ts";
import type { Doubt, Group, Run, Store, Verdict } from "../core/store.ts";
import { draftOf, lastPublished } from "./drafts.ts";
import type { GroupLocks } from "./group-locks.ts";
import type { Ask } from "./verify-asking.ts";
import { judge, type Judgement } from "./verify-judgement.ts";
import {
  kindOf,
  kindsShown,
  lookFor,
  rowsInDoubt,
  type DoubtfulRow,
  type SearchedDraft,
} from "./verify-search.ts";

export interface VerifyGroupParts {
  store: Pick<Store, "getGroup" | "readDoubt" | "commitVerdict" | "sweep" | "now" | "listRuns" | "readRows">;
  api: Pick<Api, "listDatasets" | "countRows" | "findRows">;
  ask: Ask;
  locks: GroupLocks;
  clock: Clock;
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

/** Rows looked for one by one, at most, for one verdict. */
const MAX_SEARCHED_ROWS = 5_000;
/** While rows are looked for to be called absent, the gate is closed: no longer than for so many. */
const ROWS_PER_GATE = 100;
const KEYS_PER_COMMIT = 1_000;
const COUNT_AGAIN_MS = 250;
const MAX_COUNTS = 10;
/** How often a reading is repeated because the group changed under it. */
const MAX_READINGS = 8;
const SENDING_POLL_MS = 100;
/** How long the gate is held for a count that nobody needs to be settled. */
const AUDIT_PATIENCE_MS = 10_000;

type Figures = Pick<Verdict, "draftDatasetId" | "baseline" | "added" | "unknown" | "total">;

type Look =
  /** `draft`: its count says nothing, but rows that landed may still be found in it. */
  | { kind: "over"; verdict: Pick<Verdict, "kind" | "reason">; figures: Figures; draft?: SearchedDraft }
  | { kind: "settled"; landed: number; absent: number }
  | { kind: "wait"; inMs: number; figures: Figures }
  | {
      kind: "unclear";
      judgement: Extract<Judgement, "some" | "foreign">;
      quietInMs: number;
      surplus: number;
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
  readonly #signal: AbortSignal;
  #landed = 0;
  #absent = 0;

  constructor(parts: VerifyGroupParts, request: VerifyGroupRequest, signal: AbortSignal) {
    this.#parts = parts;
    this.#request = request;
    this.#signal = signal;
  }

  async run(): Promise<GroupFinding> {
    const { locks } = this.#parts;
    const { key, mode } = this.#request;
    let searched = false;
    let figures: Figures = {
      draftDatasetId: undefined,
      baseline: undefined,
      added: 0,
      unknown: 0,
      total: undefined,
    };
    for (let reading = 1; reading <= MAX_READINGS; reading += 1) {
      const look = await locks.hold(key, this.#signal, () => this.#look());
      switch (look.kind) {
        case "over": {
          const mayFind = look.draft !== undefined && mode !== "look" && !searched;
          searched = true;
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
          if (mode === "look" || searched) return this.#held(look);
          searched = true;
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
    const standing = await this.#standStill();
    if (standing === "moved") return { kind: "moved" };
    const { group, doubt } = standing;
    const known: Figures = {
      draftDatasetId: group.draftDatasetId,
      baseline: group.baseline,
      added: group.added,
      unknown: doubt.unknown + doubt.elsewhere,
      total: undefined,
    };
    const over = (verdict: Pick<Verdict, "kind" | "reason">, figures = known) => ({
      kind: "over" as const,
      verdict,
      figures,
    });
    if (group.draftDatasetId === undefined) return over(notChecked("the group's draft is not known"));
    const uncounted = notChecked("the draft's rows were not counted before the first of ours was sent");
    if (group.baseline === undefined && doubt.unknown === 0) return over(uncounted);
    if (doubt.sending > 0) return over(inconclusive("other runs were sending to the group"));

    const listed = await this.#versions();
    if (!listed.ok) return over(inconclusive(`the group's datasets could not be listed: ${listed.message}`));
    const other = otherDraft(group.draftDatasetId, listed.value);
    if (other !== undefined) return over(inconclusive(other));
    const draft = {
      draftDatasetId: group.draftDatasetId,
      publishedDatasetId: lastPublished(listed.value)?.id,
    };
    if (group.baseline === undefined) return { ...over(uncounted), draft };
    const counted = await this.#count(group, doubt);
    if (!counted.ok) return over(inconclusive(counted.message));
    const figures = { ...known, total: counted.value };
    if (doubt.unknown > 0) {
      const again = await this.#versions();
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
    if (doubt.elsewhere > 0) {
      const were = `${rows(doubt.elsewhere)} in doubt were sent while another draft was the group's, or before it was known`;
      return { ...over(inconclusive(were), figures), ...(doubt.unknown > 0 ? { draft } : {}) };
    }
    const quietInMs = doubt.until === undefined ? 0 : Math.max(0, doubt.until - doubt.now + 1);
    const { baseline, added } = group;
    const judgement = judge({
      baseline,
      added,
      unknown: doubt.unknown,
      total: counted.value,
      quiet: quietInMs === 0,
    });
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
        return over({ kind: "verified", reason: undefined }, figures);
      case "landed":
        return mode === "look" ? over(notChecked(HELD), figures) : commit("landed");
      case "absent":
        if (mode === "settle") return commit("absent");
        return over(mode === "look" ? notChecked(HELD) : inconclusive(SENT_OFTEN), figures);
      case "wait":
        return mode === "look" ? over(notChecked(HELD), figures) : { kind: "wait", inMs: quietInMs, figures };
      case "some":
      case "foreign": {
        if (doubt.unknown === 0) return over({ kind: "other-writer", reason: strangers(surplus) }, figures);
        return { kind: "unclear", judgement, quietInMs, surplus, draft, figures };
      }
      default:
        return judgement satisfies never;
    }
  }

  /**
   * Looks for the rows in doubt one by one. Those that are there are landed, at any time; those that are not are absent
   * only when nothing can arrive any more, and only where more rows are there than traceload added: with fewer, somebody
   * has removed some. Answers why it cannot be told, if it cannot.
   */
  async #search({
    draft,
    quietInMs,
    surplus,
  }: Extract<Look, { kind: "unclear" }>): Promise<string | undefined> {
    const { mode } = this.#request;
    const sightings = await this.#lookForAll(draft);
    if (sightings === undefined)
      return "no row that is known to be there is found by its IDs, so single rows cannot be looked for";
    const { there, missing } = sightings;
    const landed = await this.#commitLanded(draft.draftDatasetId, there);
    this.#landed += landed;
    // The count settles what is left, once the rows that landed are known.
    if (surplus > 0 && landed === surplus) return undefined;
    if (quietInMs > 0 || surplus <= 0 || mode !== "settle") return landed > 0 ? undefined : UNTOLD;
    const absent = await this.#commitAbsent(draft, missing);
    this.#absent += absent;
    return landed + absent > 0 ? undefined : UNTOLD;
  }

  async #findLanded(draft: SearchedDraft): Promise<number> {
    const { there } = (await this.#lookForAll(draft)) ?? { there: [] };
    const landed = await this.#commitLanded(draft.draftDatasetId, there);
    this.#landed += landed;
    return landed;
  }

  /** Undefined: rows cannot be found in this draft by their IDs. */
  async #lookForAll(draft: SearchedDraft): Promise<{ there: RowKey[]; missing: DoubtfulRow[] } | undefined> {
    const { datasetGroupId, run } = this.#request;
    const shown = await kindsShown(this.#parts, { ...draft, datasetGroupId }, run, this.#signal);
    if (shown.size === 0) return undefined;
    const wanted = { origin: run.origin, datasetGroupId };
    const doubtful = await rowsInDoubt(this.#parts.store, wanted, MAX_SEARCHED_ROWS);
    const there: RowKey[] = [];
    const missing: DoubtfulRow[] = [];
    for (const candidate of doubtful.filter(({ row }) => shown.has(kindOf(row)))) {
      const sighting = await lookFor(this.#parts, draft, candidate.row, this.#signal);
      if (sighting === "there") there.push(candidate.key);
      if (sighting === "not-there") missing.push(candidate);
    }
    return { there, missing };
  }

  async #commitLanded(draftDatasetId: number, keys: readonly RowKey[]): Promise<number> {
    let landed = 0;
    for (let from = 0; from < keys.length; from += KEYS_PER_COMMIT) {
      const some = keys.slice(from, from + KEYS_PER_COMMIT);
      landed += await this.#behindGate(draftDatasetId, (version) =>
        this.#parts.store.commitVerdict(this.#request.key, {
          kind: "landed",
          version,
          draftDatasetId,
          keys: some,
        }),
      );
    }
    return landed;
  }

  /** Looked for once more behind the gate: only what was read with the committed version may be called absent. */
  async #commitAbsent(draft: SearchedDraft, missing: readonly DoubtfulRow[]): Promise<number> {
    const { draftDatasetId } = draft;
    let absent = 0;
    for (let from = 0; from < missing.length; from += ROWS_PER_GATE) {
      const some = missing.slice(from, from + ROWS_PER_GATE);
      absent += await this.#behindGate(draftDatasetId, async (version, doubt) => {
        if (doubt.until !== undefined && doubt.now <= doubt.until) return 0;
        const keys: RowKey[] = [];
        for (const { key, row } of some) {
          if ((await lookFor(this.#parts, draft, row, this.#signal)) === "not-there") keys.push(key);
        }
        const { key } = this.#request;
        return this.#parts.store.commitVerdict(key, { kind: "absent", version, draftDatasetId, keys });
      });
    }
    return absent;
  }

  /** Commits something about the draft while it is still the group's; 0 when that could not be done. */
  async #behindGate(
    draftDatasetId: number,
    commit: (version: number, doubt: Doubt) => Promise<number | undefined>,
  ): Promise<number> {
    const { locks } = this.#parts;
    for (let reading = 1; reading <= MAX_READINGS; reading += 1) {
      const ended = await locks.hold(this.#request.key, this.#signal, async () => {
        const standing = await this.#standStill();
        if (standing === "moved" || standing.doubt.sending > 0) return undefined;
        if (standing.group.draftDatasetId !== draftDatasetId) return 0;
        const listed = await this.#versions();
        if (!listed.ok || otherDraft(draftDatasetId, listed.value) !== undefined) return 0;
        return commit(standing.doubt.version, standing.doubt);
      });
      if (ended !== undefined) return ended;
    }
    return 0;
  }

  /** The group when nothing of it is on its way: with the gate closed, that is a matter of time. */
  async #standStill(): Promise<{ group: Group; doubt: Doubt } | "moved"> {
    const { store, clock } = this.#parts;
    const { key } = this.#request;
    const since = clock.monotonicMs();
    for (;;) {
      await store.sweep();
      const group = await store.getGroup(key);
      const doubt = await store.readDoubt(key);
      if (group.version !== doubt.version) return "moved";
      const patient = doubt.unknown > 0 || clock.monotonicMs() - since < AUDIT_PATIENCE_MS;
      if (doubt.sending === 0 || !patient) return { group, doubt };
      await clock.sleep(SENDING_POLL_MS, this.#signal);
    }
  }

  #versions(): Promise<ApiAnswer<DatasetVersion[]>> {
    const { ask, api } = this.#parts;
    const { datasetGroupId } = this.#request;
    return ask(() => api.listDatasets(datasetGroupId, { signal: this.#signal }), this.#signal);
  }

  /** The draft's rows: a count that nothing hangs on is believed at once, any other when it repeats. */
  async #count(
    group: Group,
    doubt: Doubt,
  ): Promise<{ ok: true; value: number } | { ok: false; message: string }> {
    const { ask, api, clock } = this.#parts;
    const draft = group.draftDatasetId ?? 0;
    const expected = (group.baseline ?? 0) + group.added;
    let last: number | undefined;
    for (let counts = 1; counts <= MAX_COUNTS; counts += 1) {
      const answer = await ask(() => api.countRows(draft, { signal: this.#signal }), this.#signal);
      if (!answer.ok)
        return { ok: false, message: `the draft's rows could not be counted: ${answer.message}` };
      if (answer.value === last || (doubt.unknown === 0 && answer.value === expected)) {
        return { ok: true, value: answer.value };
      }
      last = answer.value;
      await clock.sleep(COUNT_AGAIN_MS, this.#signal);
    }
    return { ok: false, message: "the draft's count changes from one look to the next" };
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

  async #finding(
    { kind, reason }: Pick<Verdict, "kind" | "reason">,
    figures: Figures,
    askAgainInMs?: number,
  ): Promise<GroupFinding> {
    const { datasetGroupId } = this.#request;
    const at = await this.#parts.store.now();
    const { draftDatasetId, baseline, added, unknown, total } = figures;
    return {
      verdict: {
        datasetGroupId,
        draftDatasetId,
        kind,
        reason,
        baseline,
        added,
        unknown,
        total,
        landed: this.#landed,
        absent: this.#absent,
        at,
      },
      askAgainInMs,
    };
  }
}

const HELD = "unknown rows are held (--on-unknown)";
const WAITING = "none of the rows in doubt is there, but one could still arrive";
const SENT_OFTEN = "the rows in doubt are not there, and have been sent again too often to try once more";
const UNTOLD = "which of the rows in doubt are there cannot be told";

function inconclusive(reason: string): Pick<Verdict, "kind" | "reason"> {
  return { kind: "inconclusive", reason };
}

function notChecked(reason: string): Pick<Verdict, "kind" | "reason"> {
  return { kind: "not-checked", reason };
}

/** In words, when the group's draft is not the one that its bookkeeping is about. */
function otherDraft(known: number, versions: readonly DatasetVersion[]): string | undefined {
  const current = draftOf(versions);
  if (current === known) return undefined;
  const now = current === undefined ? "the group has no draft now" : `the group's draft is ${current} now`;
  return `draft ${known} was published or removed meanwhile: ${now}`;
}

function strangers(surplus: number): string {
  return surplus > 0
    ? `the draft holds ${rows(surplus)} more than traceload added: another writer, or a request that arrived late`
    : `the draft holds ${rows(-surplus)} fewer than traceload added: somebody removed them`;
}

function rows(count: number): string {
  return `${count} ${count === 1 ? "row" : "rows"}`;
}
