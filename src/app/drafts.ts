/**
 * A group's draft: opened before its first row is sent (listed, created from the last published version if there is
 * none, waited for until it is seeded, counted), and watched while rows land in it. No row ever opens a draft: the
 * first one's answer could be lost, and with it the knowledge which draft the rows are in.
 */
import type { Api, ApiAnswer, ApiFailureKind, DatasetVersion } from "../core/api.ts";
import type { Clock } from "../core/clock.ts";
import { groupKey } from "../core/row.ts";
import type { Group, Store } from "../core/store.ts";
import type { GroupLocks } from "./group-locks.ts";

export interface DraftsOptions {
  store: Pick<Store, "getGroup" | "setGroup" | "sweep" | "pauseLimiter">;
  api: Pick<Api, "listDatasets" | "createDraft" | "countRows">;
  clock: Clock;
  /** Reads count against the rate, too. */
  takeSlot: (signal: AbortSignal) => Promise<void>;
  locks: GroupLocks;
  /** `force`: its rows may be in the draft from before. */
  run: { origin: string; createdAt: number; limiter: string; force?: boolean };
  /** Attempts of one read before the run is halted. */
  maxAttempts: number;
  retryBaseMs: number;
  retryCapMs: number;
  /** The run cannot go on: no key, no rights, no API. */
  halt: (code: string, message: string) => Promise<void>;
  warn: (message: string) => Promise<void>;
  /**
   * Told once for each change, after the new draft has been taken in; `message` names both drafts. Not told when it was
   * traceload that published the old one.
   */
  onDraftChange: (message: string) => Promise<void>;
  /** Whether traceload itself has asked for the draft to be published. */
  isAskedToPublish: (datasetGroupId: number, draftDatasetId: number) => Promise<boolean>;
}

export interface Drafts {
  /**
   * Resolves when the group's draft is known, or when it must be found out by sending one row alone. Asks the server
   * once per run and group; later calls cost nothing. Rejects only when the signal aborts.
   */
  prepare(datasetGroupId: number, signal: AbortSignal): Promise<void>;
  /**
   * To be told of the draft that each confirmed row is in. One that is not the group's makes the group's be looked up
   * anew; resolves when that is done. Never rejects; an abort leaves the look to whoever sees it next.
   */
  saw(datasetGroupId: number, draftDatasetId: number, signal: AbortSignal): Promise<void>;
}

const DRAFT_VERSION = -1;
const SEED_POLL_MS = 500;
/** A draft whose copy stands still for this long is taken as it is, uncounted and with a warning. */
const SEED_STALL_MS = 120_000;
/** The same for a draft that was there: its rows may be fewer because somebody removed some. */
const FOUND_STALL_MS = 10_000;
const SAVE_POLL_MS = 1_000;
/** How long a draft that traceload has asked to be published may stay one. */
const SAVE_PATIENCE_MS = 60_000;
const STILL_POLL_MS = 100;
/** How long a group's requests under way are awaited, so that a new draft can be counted between two of them. */
const STILL_PATIENCE_MS = 10_000;

/** The endpoints around drafts are not open to this key, or not there: rows find the draft out by themselves. */
const NOT_ALLOWED: ReadonlySet<ApiFailureKind> = new Set([
  "forbidden",
  "not_found",
  "rejected",
  "wrong_endpoint",
]);

export function makeDrafts(options: DraftsOptions): Drafts {
  const ready = new Map<number, Promise<void>>();
  const settled = new Set<number>();
  const watched = new Map<number, number>();
  const looking = new Map<number, Promise<void>>();
  return {
    prepare: async (datasetGroupId, signal) => {
      if (settled.has(datasetGroupId)) return;
      let pending = ready.get(datasetGroupId);
      if (pending === undefined) {
        pending = new Opening(options, datasetGroupId, signal).run();
        ready.set(datasetGroupId, pending);
        pending.then(
          () => settled.add(datasetGroupId),
          () => ready.delete(datasetGroupId),
        );
      }
      await pending;
    },
    saw: async (datasetGroupId, draftDatasetId, signal) => {
      if (watched.get(datasetGroupId) === draftDatasetId) return;
      let pending = looking.get(datasetGroupId);
      if (pending === undefined) {
        pending = new Opening(options, datasetGroupId, signal).follow(draftDatasetId).then(
          (seen) => {
            watched.set(datasetGroupId, seen);
          },
          () => undefined,
        );
        looking.set(datasetGroupId, pending);
        void pending.then(() => looking.delete(datasetGroupId));
      }
      await pending;
    },
  };
}

class Opening {
  readonly #options: DraftsOptions;
  readonly #datasetGroupId: number;
  readonly #signal: AbortSignal;
  readonly #key: ReturnType<typeof groupKey>;

  constructor(options: DraftsOptions, datasetGroupId: number, signal: AbortSignal) {
    this.#options = options;
    this.#datasetGroupId = datasetGroupId;
    this.#signal = signal;
    this.#key = groupKey(options.run.origin, datasetGroupId);
  }

  async run(): Promise<void> {
    const { store, locks, run } = this.#options;
    if (await this.#isOpened(await store.getGroup(this.#key), run.createdAt)) return;
    await locks.hold(this.#key, this.#signal, async () => {
      // Another process may have opened it before the gate was ours.
      const group = await store.getGroup(this.#key);
      if (!(await this.#isOpened(group, run.createdAt))) await this.#open(group);
    });
  }

  /** Whether it was looked up since, and was not published by ourselves after that. */
  async #isOpened({ phase, checkedAt, draftDatasetId }: Group, since: number): Promise<boolean> {
    if (phase === "new" || (checkedAt ?? 0) < since) return false;
    if (draftDatasetId === undefined) return true;
    return !(await this.#options.isAskedToPublish(this.#datasetGroupId, draftDatasetId));
  }

  /** A row has landed in a draft that may not be the group's: answers the draft that rows land in now. */
  async follow(seen: number): Promise<number> {
    const { store, api, locks } = this.#options;
    const known = await store.getGroup(this.#key);
    if (known.draftDatasetId === seen || known.draftDatasetId === undefined) return seen;
    const change = await locks.hold(this.#key, this.#signal, async () => {
      const group = await this.#standStill();
      const old = group.draftDatasetId;
      if (old === seen || old === undefined) return { draft: seen, old };
      const listed = await this.#ask(() => api.listDatasets(this.#datasetGroupId, { signal: this.#signal }));
      // Where drafts cannot be listed, what the server said last is all there is to know.
      const draft = listed.ok ? (draftOf(listed.value) ?? seen) : seen;
      if (draft === old) return { draft, old };
      const quiet = listed.ok && group.phase === "open" && group.sending + group.unknown === 0;
      const baseline = quiet ? await this.#baseline(draft) : undefined;
      await store.setGroup(this.#key, {
        phase: group.phase === "solo" ? "solo" : "open",
        draftDatasetId: draft,
        baseline,
      });
      return { draft, old };
    });
    if (change.old === undefined || change.draft === change.old) return change.draft;
    if (!(await this.#options.isAskedToPublish(this.#datasetGroupId, change.old))) {
      await this.#options.onDraftChange(
        `dataset group ${this.#datasetGroupId}: draft ${change.old} was published or removed meanwhile; rows go to draft ${change.draft} now`,
      );
    }
    return change.draft;
  }

  /** The group when nothing of it is on its way, or as it is after a while. */
  async #standStill(): Promise<Group> {
    const { store, clock } = this.#options;
    const since = clock.monotonicMs();
    for (;;) {
      await store.sweep();
      const group = await store.getGroup(this.#key);
      if (group.sending === 0 || clock.monotonicMs() - since > STILL_PATIENCE_MS) return group;
      await clock.sleep(STILL_POLL_MS, this.#signal);
    }
  }

  /** With the gate closed, a group of which nothing is sending or unknown stays so: only then is it counted. */
  async #open(group: Group): Promise<void> {
    const { api } = this.#options;
    const listed = await this.#listOnceSaved();
    if (!listed.ok) return this.#withoutDraft(listed.message);
    const source = lastPublished(listed.value);
    let draft = draftOf(listed.value);
    const found = draft !== undefined;
    if (draft === undefined) {
      const request = { datasetGroupId: this.#datasetGroupId, sourceDatasetId: source?.id };
      const created = await this.#ask(() => api.createDraft(request, { signal: this.#signal }));
      // No version and no draft to be had: the group does not exist, and the first row's answer will say so.
      const missing = !created.ok && created.kind === "not_found" && listed.value.length === 0;
      if (missing) return this.#setOpen(undefined, undefined);
      if (!created.ok && created.kind !== "conflict") return this.#withoutDraft(created.message);
      const again = await this.#ask(() => api.listDatasets(this.#datasetGroupId, { signal: this.#signal }));
      draft = again.ok ? draftOf(again.value) : undefined;
      if (draft === undefined && created.ok) draft = created.value.draftDatasetId;
      // There is a draft, says the server, and shows none: rows must not be the ones to open another.
      if (draft === undefined) return this.#withoutDraft(created.ok ? "it is not listed" : created.message);
    }
    const quiet = group.sending + group.unknown === 0;
    // A draft that was counted before had been seeded before.
    const seededBefore = group.draftDatasetId === draft && group.baseline !== undefined;
    const mustWait = source !== undefined && !seededBefore && (!found || quiet);
    const seeded =
      !mustWait || (await this.#awaitSeed(draft, source.id, found ? FOUND_STALL_MS : SEED_STALL_MS));
    // A new count would forget that rows of ours are there twice, and one that is lost now would be taken for the other.
    const copies = this.#options.run.force === true && group.resent > 0 && group.draftDatasetId === draft;
    await this.#setOpen(draft, quiet && seeded && !copies ? await this.#baseline(draft) : undefined);
  }

  /** The group's datasets. A draft that is being published, as traceload has asked for, is waited for: it is nobody's to add to. */
  async #listOnceSaved(): Promise<ApiAnswer<DatasetVersion[]>> {
    const { api, clock, isAskedToPublish, warn } = this.#options;
    const list = () => this.#ask(() => api.listDatasets(this.#datasetGroupId, { signal: this.#signal }));
    const since = clock.monotonicMs();
    let listed = await list();
    const draft = listed.ok ? draftOf(listed.value) : undefined;
    if (draft === undefined || !(await isAskedToPublish(this.#datasetGroupId, draft))) return listed;
    while (listed.ok && draftOf(listed.value) === draft) {
      if (clock.monotonicMs() - since > SAVE_PATIENCE_MS) {
        await warn(
          `dataset group ${this.#datasetGroupId}: the server was asked to publish draft ${draft}, and still shows it as a draft; rows are added to it`,
        );
        break;
      }
      await clock.sleep(SAVE_POLL_MS, this.#signal);
      listed = await list();
    }
    return listed;
  }

  /** Rows in the draft before ours. Only while nothing of the group is in flight does it mean that. */
  async #baseline(draft: number): Promise<number | undefined> {
    const count = await this.#ask(() => this.#options.api.countRows(draft, { signal: this.#signal }));
    return count.ok ? count.value : undefined;
  }

  #setOpen(draftDatasetId: number | undefined, baseline: number | undefined): Promise<void> {
    return this.#options.store.setGroup(this.#key, { phase: "open", draftDatasetId, baseline });
  }

  async #withoutDraft(why: string): Promise<void> {
    const { store, warn } = this.#options;
    await warn(
      `dataset group ${this.#datasetGroupId}: its draft cannot be looked up (${why}); the first row goes alone, and rows that end unknown stay held`,
    );
    await store.setGroup(this.#key, { phase: "solo", draftDatasetId: undefined, baseline: undefined });
  }

  /**
   * Rows of the published version are copied behind our back; a baseline read before the end would be too low. Answers
   * whether the draft has them all.
   */
  async #awaitSeed(draftId: number, sourceId: number, stallMs: number): Promise<boolean> {
    const { api, clock, warn } = this.#options;
    const wanted = await this.#ask(() => api.countRows(sourceId, { signal: this.#signal }));
    if (!wanted.ok) return false;
    let last = -1;
    let movedAt = clock.monotonicMs();
    for (;;) {
      const seeded = await this.#ask(() => api.countRows(draftId, { signal: this.#signal }));
      if (!seeded.ok) return false;
      if (seeded.value >= wanted.value) return true;
      if (seeded.value !== last) movedAt = clock.monotonicMs();
      last = seeded.value;
      if (clock.monotonicMs() - movedAt > stallMs) {
        await warn(
          `dataset group ${this.#datasetGroupId}: the draft stands at ${last} of the published version's ${wanted.value} rows; going on without a count to verify by, so rows that end unknown stay held`,
        );
        return false;
      }
      await clock.sleep(SEED_POLL_MS, this.#signal);
    }
  }

  /** Repeats a call that is safe to repeat until it is answered one way or the other; halts the run if it never is. */
  async #ask<T>(call: () => Promise<ApiAnswer<T>>): Promise<ApiAnswer<T>> {
    const { clock, maxAttempts, retryBaseMs, retryCapMs, halt, takeSlot, store, run } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      await takeSlot(this.#signal);
      const answer = await call();
      if (answer.ok || answer.kind === "conflict" || NOT_ALLOWED.has(answer.kind)) return answer;
      if (answer.kind === "unauthorized") await this.#giveUp(halt, "unauthorized", answer.message);
      const backoff = Math.min(retryCapMs, retryBaseMs * 2 ** (attempt - 1));
      if (answer.kind === "rate_limited") {
        await store.pauseLimiter(run.limiter, answer.retryInMs ?? backoff);
      } else if (attempt >= maxAttempts) {
        await this.#giveUp(halt, "api_unreachable", answer.message);
      }
      await clock.sleep(backoff, this.#signal);
    }
  }

  /** Stops the run, then waits for the stop to reach this process. */
  async #giveUp(halt: DraftsOptions["halt"], code: string, message: string): Promise<never> {
    await halt(code, message);
    for (;;) await this.#options.clock.sleep(60_000, this.#signal);
  }
}

/** The id of the draft among the versions. */
export function draftOf(versions: readonly DatasetVersion[]): number | undefined {
  return versions.find((version) => version.versionNumber === DRAFT_VERSION)?.id;
}

export function lastPublished(versions: readonly DatasetVersion[]): DatasetVersion | undefined {
  return versions
    .filter((version) => version.versionNumber > 0)
    .reduce<DatasetVersion | undefined>(
      (last, version) => (last === undefined || version.versionNumber > last.versionNumber ? version : last),
      undefined,
    );
}
