/** What a group's standing is read from: the store behind the closed gate, and the server's lists and counts. */
import type { Api, ApiAnswer, DatasetVersion } from "../../core/api.ts";
import type { Clock } from "../../core/clock.ts";
import type { GroupKey } from "../../core/row.ts";
import type { Doubt, Group, Store } from "../../core/store.ts";
import type { GroupLocks } from "../group-locks.ts";
import type { Ask } from "./asking.ts";
import { otherDraft } from "./words.ts";

export interface ReadingParts {
  store: Pick<Store, "getGroup" | "readDoubt" | "sweep">;
  api: Pick<Api, "listDatasets" | "countRows">;
  ask: Ask;
  locks: GroupLocks;
  clock: Clock;
}

/** The group and what is in doubt in it, of one version. */
export interface Standing {
  group: Group;
  doubt: Doubt;
}

const COUNT_AGAIN_MS = 250;
const MAX_COUNTS = 10;
const SENDING_POLL_MS = 100;
/** How long the gate is held for a count that nobody needs to be settled. */
const AUDIT_PATIENCE_MS = 10_000;
/** How often a reading is repeated because the group changed under it. */
export const MAX_READINGS = 8;

/** How long until nothing of what is in doubt can be applied any more, for whichever draft it was claimed. */
export function msUntilQuiet({ now, until = 0, elsewhereUntil = 0 }: Doubt): number {
  return Math.max(0, Math.max(until, elsewhereUntil) - now + 1);
}

export class GroupReader {
  readonly #parts: ReadingParts;
  readonly #group: { datasetGroupId: number; key: GroupKey };
  readonly #signal: AbortSignal;

  constructor(parts: ReadingParts, group: { datasetGroupId: number; key: GroupKey }, signal: AbortSignal) {
    this.#parts = parts;
    this.#group = group;
    this.#signal = signal;
  }

  /** Acts with the gate closed. */
  hold<T>(act: () => Promise<T>): Promise<T> {
    return this.#parts.locks.hold(this.#group.key, this.#signal, act);
  }

  /** Commits something about the draft while it is still the group's; 0 when that could not be done. */
  async commitBehindGate(
    draftDatasetId: number,
    commit: (version: number, doubt: Doubt) => Promise<number | undefined>,
  ): Promise<number> {
    for (let reading = 1; reading <= MAX_READINGS; reading += 1) {
      const ended = await this.hold(async () => {
        const standing = await this.standStill();
        if (standing === "moved" || standing.doubt.sending > 0) return undefined;
        if (standing.group.draftDatasetId !== draftDatasetId) return 0;
        const listed = await this.versions();
        if (!listed.ok || otherDraft(draftDatasetId, listed.value) !== undefined) return 0;
        return commit(standing.doubt.version, standing.doubt);
      });
      if (ended !== undefined) return ended;
    }
    return 0;
  }

  /** The group when nothing of it is on its way: with the gate closed, that is a matter of time. */
  async standStill(): Promise<Standing | "moved"> {
    const { store, clock } = this.#parts;
    const { key } = this.#group;
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

  /** The group's datasets, its draft among them. */
  versions(): Promise<ApiAnswer<DatasetVersion[]>> {
    const { ask, api } = this.#parts;
    const { datasetGroupId } = this.#group;
    return ask(() => api.listDatasets(datasetGroupId, { signal: this.#signal }), this.#signal);
  }

  /** The draft's rows: a count that nothing hangs on is believed at once, any other when it repeats. */
  async count({
    group,
    doubt,
  }: Standing): Promise<{ ok: true; value: number } | { ok: false; message: string }> {
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
}
