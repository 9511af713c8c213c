/**
 * Opening a group's draft before its first row is sent: listed, created from the last published version if there is
 * none, waited for until it is seeded, and counted. No row ever opens a draft: the first one's answer could be lost,
 * and with it the knowledge which draft the rows are in.
 */
import type { Api, ApiAnswer, ApiFailureKind, DatasetVersion } from "../core/api.ts";
import type { Clock } from "../core/clock.ts";
import { groupKey } from "../core/row.ts";
import type { Group, LeaseId, Store } from "../core/store.ts";

export interface DraftsOptions {
  store: Pick<Store, "getGroup" | "lockGroup" | "unlockGroup" | "setGroup" | "pauseLimiter">;
  api: Pick<Api, "listDatasets" | "createDraft" | "countRows">;
  clock: Clock;
  /** Reads count against the rate, too. */
  takeSlot: (signal: AbortSignal) => Promise<void>;
  owner: () => LeaseId;
  run: { origin: string; createdAt: number; limiter: string };
  /** Attempts of one read before the run is halted. */
  maxAttempts: number;
  retryBaseMs: number;
  retryCapMs: number;
  /** The run cannot go on: no key, no rights, no API. */
  halt: (code: string, message: string) => Promise<void>;
  warn: (message: string) => Promise<void>;
}

export interface Drafts {
  /**
   * Resolves when the group's draft is known, or when it must be found out by sending one row alone. Asks the server
   * once per run and group; later calls cost nothing. Rejects only when the signal aborts.
   */
  prepare(datasetGroupId: number, signal: AbortSignal): Promise<void>;
}

const DRAFT_VERSION = -1;
const LOCK_MS = 30_000;
const SEED_POLL_MS = 500;
/** A draft whose copy stands still for this long is taken as it is, with a warning. */
const SEED_STALL_MS = 120_000;

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
    const { store, clock, run } = this.#options;
    for (;;) {
      const owner = this.#options.owner();
      const isOpened = ({ phase, checkedAt }: Group) => phase !== "new" && (checkedAt ?? 0) >= run.createdAt;
      if (isOpened(await store.getGroup(this.#key))) return;
      if (await store.lockGroup(this.#key, owner, LOCK_MS)) {
        try {
          // Another process may have opened it between the look and the lock; a baseline read now would be too high.
          const group = await store.getGroup(this.#key);
          if (isOpened(group)) return;
          await this.#open(owner, group.sending + group.unknown === 0, group.draftDatasetId);
          return;
        } finally {
          await store.unlockGroup(this.#key, owner);
        }
      }
      await clock.sleep(200, this.#signal);
    }
  }

  async #open(owner: LeaseId, quiet: boolean, knownDraftId: number | undefined): Promise<void> {
    const { api } = this.#options;
    const listed = await this.#ask(() => api.listDatasets(this.#datasetGroupId, { signal: this.#signal }));
    if (!listed.ok) return this.#withoutDraft(listed.message);
    let draft = draftOf(listed.value);
    if (draft === undefined) {
      const source = lastPublished(listed.value);
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
      if (draft !== undefined && source !== undefined) await this.#awaitSeed(owner, draft, source.id);
    }
    await this.#setOpen(draft, quiet && draft !== knownDraftId ? await this.#baseline(draft) : undefined);
  }

  /** Rows in the draft before ours. Only while nothing of the group is in flight does it mean that. */
  async #baseline(draft: number | undefined): Promise<number | undefined> {
    if (draft === undefined) return undefined;
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

  /** Rows of the published version are copied behind our back; a baseline read before the end would be too low. */
  async #awaitSeed(owner: LeaseId, draftId: number, sourceId: number): Promise<void> {
    const { store, api, clock, warn } = this.#options;
    const wanted = await this.#ask(() => api.countRows(sourceId, { signal: this.#signal }));
    if (!wanted.ok) return;
    let last = -1;
    let movedAt = clock.monotonicMs();
    for (;;) {
      const seeded = await this.#ask(() => api.countRows(draftId, { signal: this.#signal }));
      if (!seeded.ok || seeded.value >= wanted.value) return;
      if (seeded.value !== last) movedAt = clock.monotonicMs();
      last = seeded.value;
      if (clock.monotonicMs() - movedAt > SEED_STALL_MS) {
        await warn(
          `dataset group ${this.#datasetGroupId}: the draft stands at ${last} of ${wanted.value} copied rows; going on`,
        );
        return;
      }
      await store.lockGroup(this.#key, owner, LOCK_MS);
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

function draftOf(versions: readonly DatasetVersion[]): number | undefined {
  return versions.find((version) => version.versionNumber === DRAFT_VERSION)?.id;
}

function lastPublished(versions: readonly DatasetVersion[]): DatasetVersion | undefined {
  return versions
    .filter((version) => version.versionNumber > 0)
    .reduce<DatasetVersion | undefined>(
      (last, version) => (last === undefined || version.versionNumber > last.versionNumber ? version : last),
      undefined,
    );
}
