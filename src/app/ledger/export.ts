/** A ledger as text, to be taken to another store. */
import type { Store } from "../../core/store.ts";
import { endLine, entryLine, groupLine, headerLine } from "./file.ts";

const PAGE_ENTRIES = 1_000;

export interface ExportedLedger {
  groups: number;
  entries: number;
}

/**
 * Chunks of whole lines: header, groups, entries, end; never more than a page of entries in memory. Answers how many
 * there were. Entries that change meanwhile come as they were or as they are; those that are new may be missing: the
 * ledger of a store that nobody works on is exported whole.
 */
export async function* exportLedger(
  store: Pick<Store, "facts" | "now" | "listGroups" | "readEntries">,
  signal: AbortSignal,
): AsyncGenerator<string, ExportedLedger, undefined> {
  yield headerLine(store.facts.kind, await store.now());
  const groups = await store.listGroups();
  if (groups.length > 0) yield groups.map(groupLine).join("");
  let entries = 0;
  let cursor: string | undefined;
  do {
    signal.throwIfAborted();
    const page = await store.readEntries({ cursor, limit: PAGE_ENTRIES });
    if (page.entries.length > 0) yield page.entries.map(entryLine).join("");
    entries += page.entries.length;
    cursor = page.cursor;
  } while (cursor !== undefined);
  yield endLine(groups.length, entries);
  return { groups: groups.length, entries };
}
