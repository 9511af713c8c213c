/** What people do to the in-memory ledger: decide, move it to another store, and prune it. */
import type { Ledger, LedgerNote, PortableEntry, SeenEntry, Token } from "../../src/core/store.ts";
import {
  deleteEntry,
  entriesOf,
  groupOf,
  writeEntry,
  type MemoryEntry,
  type MemoryState,
} from "./memory-state.ts";

/** Of an entry that no request of this store stands behind. */
const NO_TOKEN = "0".repeat(16) as Token;

type Decisions = Pick<Ledger, "decide" | "readNotes" | "readEntries" | "putEntries" | "removeEntries">;

export function memoryDecisions(state: MemoryState): Decisions {
  return {
    async decide({ key, group, decision, draftDatasetId, by, why, seen }) {
      const entry = state.entries.get(key);
      if (entry?.state === "sending") return false;
      const isThere =
        entry?.state === "added" && (draftDatasetId ?? entry.draftDatasetId) === entry.draftDatasetId;
      const isSo = decision === "added" ? isThere : entry === undefined;
      if (!isSo && !isAsSeen(entry, seen)) return false;
      const changed =
        decision === "absent"
          ? takeBack(state, entry)
          : confirm(state, entry ?? fromNothing({ key, group, token: NO_TOKEN }), draftDatasetId);
      const note: LedgerNote = { at: state.now(), by, decision, why };
      const notes = state.notes.get(key) ?? [];
      const last = notes.at(-1);
      const isRepeat = last?.by === by && last.decision === decision && last.why === why;
      if (changed || !isRepeat) state.notes.set(key, [...notes, note]);
      return true;
    },
    async readNotes(key) {
      return structuredClone(state.notes.get(key) ?? []);
    },
    async readEntries({ cursor, limit }) {
      const rest = [...state.entries.values()]
        .filter(({ key }) => cursor === undefined || key > cursor)
        .toSorted((a, b) => (a.key < b.key ? -1 : 1));
      const page = rest.slice(0, limit);
      return { entries: page.map(portable), cursor: rest.length > limit ? page.at(-1)?.key : undefined };
    },
    async putEntries(entries) {
      let changed = 0;
      for (const entry of entries) {
        if (takeOver(state, entry)) changed += 1;
      }
      return changed;
    },
    async removeEntries(group, limit) {
      const added = entriesOf(state, group).filter((entry) => entry.state === "added");
      const removed = added.slice(0, limit);
      for (const entry of removed) deleteEntry(state, entry);
      return removed.length;
    },
  };
}

function isAsSeen(entry: MemoryEntry | undefined, seen: SeenEntry | undefined): boolean {
  if (seen === undefined) return true;
  if (seen === "none" || entry === undefined) return seen === "none" && entry === undefined;
  return entry.state === seen.state && entry.token === seen.token;
}

function fromNothing({ key, group, token }: Pick<MemoryEntry, "key" | "group" | "token">): MemoryEntry {
  return {
    key,
    state: "unknown",
    token,
    runSeq: 0,
    row: 0,
    draftDatasetId: undefined,
    until: undefined,
    group,
    owner: undefined,
    claimedFor: undefined,
  };
}

/** Makes the entry added; answers whether that changed anything. */
function confirm(state: MemoryState, entry: MemoryEntry, draftDatasetId: number | undefined): boolean {
  const group = groupOf(state, entry.group);
  const present = group.draftDatasetId;
  const draft = draftDatasetId ?? entry.draftDatasetId ?? entry.claimedFor ?? present;
  if (entry.state === "added" && entry.draftDatasetId === draft) return false;
  const was = placeOf(entry);
  writeEntry(state, { ...entry, state: "added", draftDatasetId: draft, until: undefined, owner: undefined });
  if (present === undefined) return true;
  if (entry.state === "unknown" && was === present) group.added += draft === present ? 1 : 0;
  else if (was === present || draft === present) group.resent += 1;
  return true;
}

function takeBack(state: MemoryState, entry: MemoryEntry | undefined): boolean {
  if (entry === undefined) return false;
  const group = groupOf(state, entry.group);
  deleteEntry(state, entry);
  const isOfPresent = group.draftDatasetId !== undefined && placeOf(entry) === group.draftDatasetId;
  if (entry.state === "added" && isOfPresent) group.resent += 1;
  return true;
}

/** The draft that the row is in, or is in if its request was applied. */
function placeOf(entry: MemoryEntry): number | undefined {
  return entry.state === "added" ? entry.draftDatasetId : entry.claimedFor;
}

function takeOver(state: MemoryState, { key, group, token, ...given }: PortableEntry): boolean {
  const known = state.entries.get(key);
  if (known?.state === "unknown" && given.state === "added") {
    return confirm(state, known, given.draftDatasetId);
  }
  if (known !== undefined) return false;
  const isAdded = given.state === "added";
  writeEntry(state, {
    ...fromNothing({ key, group, token }),
    state: given.state,
    draftDatasetId: isAdded ? given.draftDatasetId : undefined,
    claimedFor: isAdded ? undefined : given.draftDatasetId,
    until: isAdded ? undefined : given.until,
  });
  return true;
}

function portable(entry: MemoryEntry): PortableEntry {
  const { key, group, token, until } = entry;
  return entry.state === "added"
    ? { key, group, token, state: "added", draftDatasetId: entry.draftDatasetId, until: undefined }
    : { key, group, token, state: "unknown", draftDatasetId: entry.claimedFor, until };
}
