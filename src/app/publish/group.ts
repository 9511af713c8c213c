/**
 * Publishes one group's draft. save-draft names a group, and publishes whatever draft that has by then: it is sent only
 * behind the group's closed gate, while the listing shows the draft that the run wrote to, and while no other run is
 * about to write to it. That it is about to be sent is written down before. What it came to is what the listing says: a
 * lost answer is looked up, and not asked for again.
 */
import type { Api, ApiAnswer, DatasetVersion } from "../../core/api.ts";
import type { Clock } from "../../core/clock.ts";
import type { GroupKey } from "../../core/row.ts";
import type { Publication, Run, Store } from "../../core/store.ts";
import type { GroupLocks } from "../group-locks.ts";
import { findOtherWriter } from "./others.ts";
import type { Ask } from "../verify/asking.ts";

export interface PublishGroupParts {
  store: Pick<Store, "getGroup" | "sweep" | "now" | "listRuns" | "readRows">;
  api: Pick<Api, "listDatasets" | "saveDraft">;
  /** For the reads, which may be repeated. */
  ask: Ask;
  takeSlot: (signal: AbortSignal) => Promise<void>;
  /** Has all senders wait, as the server asked. */
  pause: (ms: number) => Promise<void>;
  locks: GroupLocks;
  clock: Clock;
  /** How long the listing is looked at for the draft's version number. */
  waitMs: number;
}

export interface PublishGroupRequest {
  run: Pick<Run, "runId" | "origin">;
  datasetGroupId: number;
  key: GroupKey;
  /** The draft that the run wrote to. */
  draftDatasetId: number;
  /** When save-draft was sent for this draft before, on the store's clock. */
  askedAt: number | undefined;
  /** Writes down that save-draft is about to be sent. Durable when it resolves. */
  note: (askedAt: number) => Promise<void>;
}

const POLL_MS = 500;
const LONGEST_POLL_MS = 5_000;
const STILL_POLL_MS = 100;
const STILL_PATIENCE_MS = 10_000;
/** Answers of 429 in a row before it is given up. */
const MAX_REFUSALS = 20;

/** Repeatable. Rejects only when the signal aborts or the store refuses; what was noted stands. */
export function publishGroup(
  parts: PublishGroupParts,
  request: PublishGroupRequest,
  signal: AbortSignal,
): Promise<Publication> {
  return parts.locks.hold(request.key, signal, () => new GroupPublication(parts, request, signal).run());
}

type Seen = { kind: "version"; number: number } | { kind: "draft" } | { kind: "gone" };

class GroupPublication {
  readonly #parts: PublishGroupParts;
  readonly #request: PublishGroupRequest;
  readonly #signal: AbortSignal;

  constructor(parts: PublishGroupParts, request: PublishGroupRequest, signal: AbortSignal) {
    this.#parts = parts;
    this.#request = request;
    this.#signal = signal;
  }

  async run(): Promise<Publication> {
    const { askedAt, draftDatasetId } = this.#request;
    const listed = await this.#list();
    if (!listed.ok) return this.#failed(`the group's datasets could not be listed: ${listed.message}`);
    const seen = see(draftDatasetId, listed.value);
    if (seen.kind !== "draft") return this.#over(seen);
    if (askedAt !== undefined) {
      // The first request may still be at work: a second one must not come upon the next draft.
      const since = (await this.#parts.store.now()) - askedAt;
      const late = await this.#poll(this.#parts.waitMs - since);
      if (late.kind !== "draft") return this.#over(late);
    }
    const obstacle = await this.#obstacle();
    if (obstacle !== undefined) return { state: "refused", draftDatasetId, reason: obstacle };
    return this.#save();
  }

  /** Who else is at work in the group, in words. */
  async #obstacle(): Promise<string | undefined> {
    const { store, clock } = this.#parts;
    const { run, datasetGroupId, key } = this.#request;
    const other = await findOtherWriter(store, run, datasetGroupId);
    if (other !== undefined) return `run ${other} may still add rows to it`;
    const since = clock.monotonicMs();
    for (;;) {
      await store.sweep();
      if ((await store.getGroup(key)).sending === 0) return undefined;
      if (clock.monotonicMs() - since > STILL_PATIENCE_MS) return "rows of the group are on their way";
      await clock.sleep(STILL_POLL_MS, this.#signal);
    }
  }

  async #save(): Promise<Publication> {
    const { api, takeSlot, store, clock, waitMs, pause } = this.#parts;
    const { datasetGroupId, draftDatasetId, note } = this.#request;
    for (let refusals = 0; ; refusals += 1) {
      await takeSlot(this.#signal);
      const askedAt = await store.now();
      await note(askedAt);
      // Not aborted: what is written down was sent, and is looked up.
      const answer = await api.saveDraft(datasetGroupId);
      if (!answer.ok && answer.kind === "rate_limited" && refusals < MAX_REFUSALS) {
        const pauseMs = answer.retryInMs ?? POLL_MS * 2 ** Math.min(refusals, 6);
        await pause(pauseMs);
        await clock.sleep(Math.min(pauseMs, LONGEST_POLL_MS), this.#signal);
        continue;
      }
      if (answer.ok && answer.value.draftDatasetId !== draftDatasetId) {
        const other = answer.value.draftDatasetId;
        return this.#failed(`the server published draft ${other}, which had taken its place`, askedAt);
      }
      if (!answer.ok && !isInDoubt(answer)) return this.#refusedByServer(answer);
      const seen = await this.#poll(waitMs);
      if (seen.kind !== "draft") return this.#over(seen, askedAt);
      const reason = answer.ok
        ? "the server took the request, and still shows a draft"
        : `the request's answer was lost (${answer.message}), and the server still shows a draft`;
      return { state: "asked", draftDatasetId, askedAt, reason };
    }
  }

  /** Refused for good, or nothing there to be published: somebody may have done so a moment ago. */
  async #refusedByServer(answer: Extract<ApiAnswer<never>, { ok: false }>): Promise<Publication> {
    const listed = await this.#list();
    const seen = listed.ok ? see(this.#request.draftDatasetId, listed.value) : undefined;
    return seen?.kind === "version" ? this.#over(seen) : this.#failed(answer.message);
  }

  /** Looks until the draft is none any more, or the time is over. */
  async #poll(forMs: number): Promise<Seen> {
    const { clock } = this.#parts;
    const { draftDatasetId } = this.#request;
    const since = clock.monotonicMs();
    let pauseMs = POLL_MS;
    for (;;) {
      const leftMs = forMs - (clock.monotonicMs() - since);
      if (leftMs <= 0) return { kind: "draft" };
      const listed = await this.#list();
      const seen = listed.ok ? see(draftDatasetId, listed.value) : undefined;
      if (seen !== undefined && seen.kind !== "draft") return seen;
      await clock.sleep(Math.min(pauseMs, Math.max(1, leftMs)), this.#signal);
      pauseMs = Math.min(LONGEST_POLL_MS, pauseMs * 1.5);
    }
  }

  #over(seen: Exclude<Seen, { kind: "draft" }>, askedAt = this.#request.askedAt): Publication {
    const { draftDatasetId } = this.#request;
    const asked = askedAt === undefined ? {} : { askedAt };
    if (seen.kind === "gone") return { ...this.#failed("it is not there any more"), ...asked };
    return { state: "published", draftDatasetId, versionNumber: seen.number, ...asked };
  }

  #failed(reason: string, askedAt?: number): Publication {
    const { draftDatasetId } = this.#request;
    return { state: "failed", draftDatasetId, reason, ...(askedAt === undefined ? {} : { askedAt }) };
  }

  #list(): Promise<ApiAnswer<DatasetVersion[]>> {
    const { api, ask } = this.#parts;
    const { datasetGroupId } = this.#request;
    return ask(() => api.listDatasets(datasetGroupId, { signal: this.#signal }), this.#signal);
  }
}

function see(draftDatasetId: number, versions: readonly DatasetVersion[]): Seen {
  const version = versions.find(({ id }) => id === draftDatasetId);
  if (version === undefined) return { kind: "gone" };
  return version.versionNumber > 0 ? { kind: "version", number: version.versionNumber } : { kind: "draft" };
}

/** Whether the request may have been taken all the same. */
function isInDoubt({ kind, status }: { kind: string; status: number | undefined }): boolean {
  if (kind === "server_error" || kind === "unreachable") return true;
  // A success that cannot be read.
  return kind === "wrong_endpoint" && status !== undefined && status >= 200 && status < 300;
}
