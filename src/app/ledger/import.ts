/** A ledger that was exported elsewhere, taken over: checked whole before anything of it is written. */
import { TraceloadError } from "../../core/errors.ts";
import type { PortableEntry, Store } from "../../core/store.ts";
import { badLine, MAX_LINE_CHARS, parseLedgerLine, type LedgerLine, type PortableGroup } from "./file.ts";

/** A file that can be read more than once. `name` stands in messages. */
export interface LedgerFile {
  name: string;
  chunks(): AsyncIterable<string>;
}

export interface CheckedLedger {
  /** The kind of store that it came from, and when. */
  store: string;
  exportedAt: string;
  groups: PortableGroup[];
  entries: number;
}

export interface TakenOver {
  groups: number;
  /** Groups that this store did not know the draft of. */
  newGroups: number;
  entries: number;
  /** Entries that were new here, or were unknown and are added now; the others were there already. */
  changed: number;
}

/** At most what the store takes in one call. */
const BATCH_ENTRIES = 1_000;

/**
 * Reads the file to its end. Throws `source_format` for the first line that is wrong, with its number, and for a file
 * that was cut off. Memory does not grow with the number of entries.
 */
export async function checkLedgerFile(file: LedgerFile, signal: AbortSignal): Promise<CheckedLedger> {
  let header: Extract<LedgerLine, { kind: "header" }> | undefined;
  let end: Extract<LedgerLine, { kind: "end" }> | undefined;
  const groups: PortableGroup[] = [];
  let entries = 0;
  for await (const { line, number } of ledgerLines(file, signal)) {
    if (end !== undefined) throw badLine(`${file.name}:${number}: a line after the end`);
    switch (line.kind) {
      case "header":
        header = line;
        break;
      case "group":
        groups.push(line.group);
        break;
      case "entry":
        entries += 1;
        break;
      case "end":
        end = line;
        break;
      default:
        line satisfies never;
    }
  }
  if (header === undefined) throw badLine(`${file.name} is empty: not a ledger export`);
  if (end === undefined) throw badLine(`${file.name} was cut off: its last line is missing`);
  if (end.groups !== groups.length || end.entries !== entries) {
    throw badLine(
      `${file.name} is not whole: it holds ${groups.length} groups and ${entries} entries, its end counts ${end.groups} and ${end.entries}`,
    );
  }
  return { store: header.store, exportedAt: header.exportedAt, groups, entries };
}

/**
 * Takes over a file that was checked. Repeating it is safe, and carries on what was cut off in the middle. Groups come
 * last: while entries are missing, no draft's count may be judged by those that are there. Throws `source_format` when
 * the file is not what it was when it was checked.
 */
export async function takeLedgerOver(
  store: Pick<Store, "putEntries" | "putGroup" | "listGroups">,
  file: LedgerFile,
  { groups, entries: expected }: CheckedLedger,
  signal: AbortSignal,
): Promise<TakenOver> {
  let entries = 0;
  let changed = 0;
  let batch: PortableEntry[] = [];
  const put = async () => {
    if (batch.length === 0) return;
    changed += await store.putEntries(batch);
    entries += batch.length;
    batch = [];
  };
  for await (const { line } of ledgerLines(file, signal)) {
    if (line.kind !== "entry") continue;
    if (batch.push(line.entry) === BATCH_ENTRIES) await put();
  }
  await put();
  if (entries !== expected) {
    throw new TraceloadError(
      "source_format",
      `${file.name} changed while it was read: ${expected} entries were checked, ${entries} imported`,
      { next: "the same command again: entries that are there already stay as they are" },
    );
  }
  const here = await store.listGroups();
  const known = new Set(here.filter(({ phase }) => phase !== "new").map(({ key }) => key));
  for (const group of groups) await store.putGroup(group);
  const newGroups = groups.filter(({ key }) => !known.has(key)).length;
  return { groups: groups.length, newGroups, entries, changed };
}

async function* ledgerLines(
  file: LedgerFile,
  signal: AbortSignal,
): AsyncGenerator<{ line: LedgerLine; number: number }, void, undefined> {
  let number = 0;
  for await (const text of textLines(file, signal)) {
    number += 1;
    yield { line: parseLedgerLine(text, { name: file.name, line: number }), number };
  }
}

/** Lines without their ends. One that is too long to be ours ends the reading: memory is bounded whatever comes. */
async function* textLines(file: LedgerFile, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  let rest = "";
  let number = 0;
  for await (const chunk of file.chunks()) {
    signal.throwIfAborted();
    const pieces = (rest + chunk).split("\n");
    rest = pieces.pop() ?? "";
    for (const piece of pieces) {
      number += 1;
      yield piece.endsWith("\r") ? piece.slice(0, -1) : piece;
    }
    if (rest.length > MAX_LINE_CHARS) throw badLine(`${file.name}:${number + 1}: the line is too long`);
  }
  if (rest !== "") yield rest;
}
