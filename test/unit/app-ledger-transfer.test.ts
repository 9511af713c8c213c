/** A ledger that travels: exported, checked whole, taken over, and what is wrong with a file said before anything is. */
import { describe, expect, test } from "vitest";
import { exportLedger } from "../../src/app/ledger/export.ts";
import { checkLedgerFile, takeLedgerOver, type LedgerFile } from "../../src/app/ledger/import.ts";
import type { Store } from "../../src/core/store.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { ADDED, DRAFT, queuedRow, setStage, UNKNOWN } from "../support/store-fixtures.ts";

const never = new AbortController().signal;

/** A store with one group of `rows` added rows, one unknown one, and one that is being sent. */
async function filledStore(rows: number) {
  const store = createMemoryStore(fakeClock());
  const stage = await setStage(store, { rows: rows + 2 });
  for (let row = 1; row <= rows; row += 1) await store.settle(stage.settleOf(await stage.claim(row), ADDED));
  await store.settle(stage.settleOf(await stage.claim(rows + 1), UNKNOWN));
  await stage.claim(rows + 2);
  return { store, stage };
}

async function exported(store: Store): Promise<string> {
  let text = "";
  const chunks = exportLedger(store, never);
  for await (const chunk of chunks) text += chunk;
  return text;
}

/** Cut anywhere: lines know nothing of chunks. */
function fileOf(text: string, chunkChars = 7): LedgerFile {
  return {
    name: "ledger.ndjson",
    async *chunks() {
      for (let from = 0; from < text.length; from += chunkChars) yield text.slice(from, from + chunkChars);
    },
  };
}

async function takeOver(store: Store, text: string) {
  const file = fileOf(text, 10_000);
  return takeLedgerOver(store, file, await checkLedgerFile(file, never), never);
}

test("an export says what it is, holds groups and entries, and counts them at its end", async () => {
  const { store, stage } = await filledStore(2);
  const lines = (await exported(store))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
  expect(lines).toHaveLength(1 + 1 + 4 + 1);
  expect(lines[0]).toMatchObject({ format: "traceload-ledger", version: 1, store: "embedded" });
  expect(lines[1]).toMatchObject({
    type: "group",
    group: stage.group,
    phase: "open",
    draftDatasetId: DRAFT,
    added: 2,
  });
  expect(lines.filter((line) => JSON.stringify(line).includes('"unknown"'))).toHaveLength(2);
  expect(lines.at(-1)).toEqual({ type: "end", groups: 1, entries: 4 });
});

test("another store that takes it over knows every row, with its token, and the group; a second time changes nothing", async () => {
  const { store, stage } = await filledStore(2_300);
  const text = await exported(store);
  const target = createMemoryStore(fakeClock());
  expect(await takeOver(target, text)).toEqual({ groups: 1, newGroups: 1, entries: 2_302, changed: 2_302 });
  const [here] = await store.lookup([stage.keyOf(1)]);
  expect(await target.lookup([stage.keyOf(1)])).toEqual([{ ...here, runSeq: 0, row: 0 }]);
  expect(await target.lookup([stage.keyOf(2_302)])).toMatchObject([{ state: "unknown" }]);
  const { key, phase, draftDatasetId, baseline, added, resent } = await store.getGroup(stage.group);
  const moved = { key, phase, draftDatasetId, baseline, added, resent, unknown: 2, sending: 0 };
  expect(await target.getGroup(stage.group)).toMatchObject(moved);
  expect(await takeOver(target, text)).toEqual({ groups: 1, newGroups: 0, entries: 2_302, changed: 0 });
});

test("groups come after all entries: until then no count of a draft can be judged", async () => {
  const { store, stage } = await filledStore(1_500);
  const text = await exported(store);
  const target = createMemoryStore(fakeClock());
  const phases: string[] = [];
  const watched: Store = {
    ...target,
    putEntries: async (entries) => {
      const changed = await target.putEntries(entries);
      phases.push((await target.getGroup(stage.group)).phase);
      return changed;
    },
  };
  await takeOver(watched, text);
  expect(phases).toEqual(["new", "new"]);
  expect((await target.getGroup(stage.group)).phase).toBe("open");
});

test("an empty ledger travels as well", async () => {
  const text = await exported(createMemoryStore(fakeClock()));
  expect(await takeOver(createMemoryStore(fakeClock()), text)).toMatchObject({ groups: 0, entries: 0 });
});

test("an export that is aborted has no end", async () => {
  const { store } = await filledStore(3);
  const stop = new AbortController();
  const chunks = exportLedger(store, stop.signal);
  await chunks.next();
  stop.abort(new Error("told to stop"));
  await chunks.next();
  await expect(chunks.next()).rejects.toThrow("told to stop");
});

describe("a file that is wrong is refused before anything is taken over", () => {
  const change = (at: number, edit: (line: string) => string) => (text: string) =>
    text
      .split("\n")
      .map((line, index) => (index === at - 1 ? edit(line) : line))
      .join("\n");
  /** The first added entry's line; it is called LINE in what is said of it. */
  const addedLine = (text: string) =>
    text.split("\n").findIndex((line) => line.includes('"added","token"')) + 1;
  const changeAdded = (edit: (line: string) => string) => (text: string) =>
    change(addedLine(text), edit)(text);
  const cases: { what: string; edit: (text: string) => string; says: string }[] = [
    { what: "an empty file", edit: () => "", says: "ledger.ndjson is empty" },
    {
      what: "another file",
      edit: () => "trace_id\nabc\n",
      says: "ledger.ndjson:1: this is not the first line",
    },
    { what: "an array", edit: () => "[]\n", says: "ledger.ndjson:1: this is not the first line" },
    {
      what: "a later version",
      edit: change(1, (line) => line.replace('"version":1', '"version":2')),
      says: "ledger.ndjson:1: a ledger export of version 2; this traceload reads version 1",
    },
    {
      what: "a line that is no JSON",
      edit: change(4, (line) => line.slice(1)),
      says: "ledger.ndjson:4: neither",
    },
    {
      what: "a key that is none",
      edit: changeAdded((line) => line.replace(/"key":"../, '"key":"zz')),
      says: "ledger.ndjson:LINE: key: is not 32 hex digits",
    },
    {
      what: "a state there is not",
      edit: changeAdded((line) => line.replace('"added"', '"sent"')),
      says: "ledger.ndjson:LINE: state: ",
    },
    {
      what: "an unknown entry without a time",
      edit: changeAdded((line) => line.replace('"added"', '"unknown"')),
      says: "ledger.ndjson:LINE: until: ",
    },
    {
      what: "a field it does not know",
      edit: changeAdded((line) => line.replace("{", '{"secret":1,')),
      says: "ledger.ndjson:LINE: ",
    },
    { what: "no end", edit: (text) => text.replace(/\{"type":"end".*\n/, ""), says: "was cut off" },
    { what: "half a last line", edit: (text) => text.slice(0, -10), says: "ledger.ndjson:7: neither" },
    {
      what: "an entry less",
      edit: (text) => text.split("\n").toSpliced(3, 1).join("\n"),
      says: "is not whole",
    },
    { what: "a line after the end", edit: (text) => `${text}${text}`, says: "ledger.ndjson:8: " },
    {
      what: "a line without an end",
      edit: (text) => text + "x".repeat(70_000),
      says: "ledger.ndjson:8: the line is too long",
    },
  ];
  test.each(cases)("$what", async ({ edit, says }) => {
    const { store, stage } = await filledStore(2);
    const whole = await exported(store);
    const text = edit(whole);
    const target = createMemoryStore(fakeClock());
    const checking = takeOver(target, text);
    await expect(checking).rejects.toMatchObject({ code: "source_format" });
    await expect(checking).rejects.toThrow(says.replace("LINE", String(addedLine(whole))));
    await expect(checking).rejects.toThrow("nothing was imported");
    expect(await target.lookup(stage.rows.map(({ key }) => key))).toEqual([]);
  });
});

test("lines are found wherever the file is cut into chunks, Windows' line ends included", async () => {
  const { store } = await filledStore(2);
  const text = (await exported(store)).replaceAll("\n", "\r\n");
  for (const chunkChars of [1, 2, 13, 100_000]) {
    expect(await checkLedgerFile(fileOf(text, chunkChars), never)).toMatchObject({ entries: 4 });
  }
});

test("what is known here stays, but for an unknown row that comes as added", async () => {
  const { store, stage } = await filledStore(2);
  const text = await exported(store);
  const target = createMemoryStore(fakeClock());
  const there = await setStage(target, {
    beside: stage,
    rows: [1, 2, 3].map((row) => queuedRow(stage.origin, row)),
  });
  await target.setGroup(stage.group, { phase: "open", draftDatasetId: 777, baseline: 5 });
  await target.settle(there.settleOf(await there.claim(1), UNKNOWN));
  const claim = await there.claim(3);
  await target.settle(there.settleOf(claim, { ...ADDED, draftDatasetId: 777 }));
  await takeOver(target, text);
  const [first] = await target.lookup([stage.keyOf(1)]);
  const [third] = await target.lookup([stage.keyOf(3)]);
  expect([first?.state, third?.state, third?.draftDatasetId]).toEqual(["added", "added", 777]);
  expect(await target.getGroup(stage.group)).toMatchObject({ draftDatasetId: 777, baseline: 5 });
});

test("a file that changes after it was checked is noticed", async () => {
  const { store } = await filledStore(2);
  const text = await exported(store);
  const target = createMemoryStore(fakeClock());
  const checked = await checkLedgerFile(fileOf(text), never);
  const taking = takeLedgerOver(target, fileOf(text.split("\n").toSpliced(3, 1).join("\n")), checked, never);
  await expect(taking).rejects.toThrow("changed while it was read: 4 entries were checked, 3 imported");
});
