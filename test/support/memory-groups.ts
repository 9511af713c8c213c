/** Groups in the in-memory store: their draft, the gate, what is in doubt, and verdicts on it. */
import type { GroupKey } from "../../src/core/row.ts";
import type { Doubt, Groups } from "../../src/core/store.ts";
import {
  deleteEntry,
  entriesOf,
  groupOf,
  groupView,
  isLocked,
  leaseHeld,
  readGroup,
  writeEntry,
  type MemoryEntry,
  type MemoryGroup,
  type MemoryState,
} from "./memory-state.ts";

export function memoryGroups(state: MemoryState): Groups {
  return {
    async getGroup(key) {
      return groupView(state, key);
    },
    async listGroups() {
      return [...state.groups.keys()].map((key) => groupView(state, key));
    },
    async lockGroup(key, owner, ttlMs) {
      if (!leaseHeld(state, owner)) return false;
      const group = groupOf(state, key);
      if (isLocked(group, state) && group.lock?.owner !== owner) return false;
      group.lock = { owner, until: state.now() + ttlMs };
      return true;
    },
    async unlockGroup(key, owner) {
      const group = readGroup(state, key);
      if (group.lock?.owner === owner) group.lock = undefined;
    },
    async setGroup(key, change) {
      const group = groupOf(state, key);
      group.phase = change.phase;
      group.checkedAt = state.now();
      // A repeat that comes after a 201 has named the draft must not unname it.
      if (change.draftDatasetId === undefined) return;
      if (change.draftDatasetId === group.draftDatasetId && change.baseline === undefined) return;
      group.draftDatasetId = change.draftDatasetId;
      group.baseline = change.baseline;
      group.added = 0;
      group.resent = 0;
      group.version += 1;
    },
    async putGroup({ key, ...given }) {
      if (readGroup(state, key).phase !== "new") return;
      const group = groupOf(state, key);
      Object.assign(group, given, { version: group.version + 1 });
    },
    async readDoubt(key) {
      return doubtOf(state, key);
    },
    async commitVerdict(key, verdict) {
      const group = readGroup(state, key);
      const entries = entriesOf(state, key);
      const isCurrent = group.version === verdict.version && group.draftDatasetId === verdict.draftDatasetId;
      if (!isCurrent || entries.some((entry) => entry.state === "sending")) return undefined;
      const judged = entries.filter(
        (entry) =>
          entry.state === "unknown" &&
          (verdict.kind === "resend" || isOfDraft(entry, group)) &&
          (verdict.keys === undefined || verdict.keys.includes(entry.key)),
      );
      for (const entry of judged) {
        if (verdict.kind === "landed") {
          writeEntry(state, {
            ...entry,
            state: "added",
            draftDatasetId: verdict.draftDatasetId,
            until: undefined,
            owner: undefined,
          });
          group.added += 1;
        } else {
          deleteEntry(state, entry);
          if (verdict.kind === "resend") group.resent += 1;
        }
      }
      return judged.length;
    },
  };
}

function doubtOf(state: MemoryState, key: GroupKey): Doubt {
  const group = readGroup(state, key);
  const { version, sending } = groupView(state, key);
  const inDoubt = entriesOf(state, key).filter((entry) => entry.state === "unknown");
  const judged = inDoubt.filter((entry) => isOfDraft(entry, group));
  const elsewhere = inDoubt.filter((entry) => !isOfDraft(entry, group));
  return {
    version,
    now: state.now(),
    sending,
    unknown: judged.length,
    elsewhere: elsewhere.length,
    until: latest(judged),
    elsewhereUntil: latest(elsewhere),
  };
}

function latest(entries: readonly MemoryEntry[]): number | undefined {
  const times = entries.flatMap(({ until }) => until ?? []);
  return times.length === 0 ? undefined : Math.max(...times);
}

/** Whether the present draft's count speaks of the entry. A draft that is not known has no count. */
function isOfDraft(entry: MemoryEntry, group: MemoryGroup): boolean {
  return group.draftDatasetId !== undefined && entry.claimedFor === group.draftDatasetId;
}
