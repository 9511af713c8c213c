/** Ledger exports on disk: whole or not there, and read as often as it takes, from a pipe as well. */
import { execFileSync } from "node:child_process";
import { lstat, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLedgerFile, writeWholeFile } from "../../src/cli/ledger-files.ts";
import { scratchDirectory, type ScratchDirectory } from "../support/scratch-directory.ts";

const never = new AbortController().signal;
let scratch: ScratchDirectory;
beforeEach(() => {
  scratch = scratchDirectory();
});
afterEach(() => scratch.remove());

async function* chunksOf(texts: readonly string[], fault?: Error): AsyncGenerator<string, number, undefined> {
  for (const text of texts) yield text;
  if (fault !== undefined) throw fault;
  return texts.length;
}

async function textOf(chunks: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const chunk of chunks) text += chunk;
  return text;
}

test("a file is written whole, and takes the place of an earlier one", async () => {
  const file = scratch.path("ledger.ndjson");
  await writeFile(file, "earlier");
  expect(await writeWholeFile(file, chunksOf(["a\n", "b\n"]))).toBe(2);
  expect(await readFile(file, "utf8")).toBe("a\nb\n");
  expect(await readdir(scratch.path("."))).toEqual(["ledger.ndjson"]);
});

test("a fault in the middle leaves an earlier file as it was, and nothing beside it", async () => {
  const file = scratch.path("ledger.ndjson");
  await writeFile(file, "earlier");
  await expect(writeWholeFile(file, chunksOf(["a\n"], new Error("store gone")))).rejects.toThrow(
    "store gone",
  );
  expect(await readFile(file, "utf8")).toBe("earlier");
  expect(await readdir(scratch.path("."))).toEqual(["ledger.ndjson"]);
});

test("a pipe is written to and read as it is: nothing takes its place", async () => {
  const pipe = scratch.path("pipe");
  execFileSync("mkfifo", [pipe]);
  const [opened] = await Promise.all([
    openLedgerFile(pipe, Readable.from([]), never),
    writeWholeFile(pipe, chunksOf(["a\n", "b\n"])),
  ]);
  for (let time = 0; time < 2; time += 1) expect(await textOf(opened.file.chunks())).toBe("a\nb\n");
  await opened.close();
  expect((await stat(pipe)).isFIFO()).toBe(true);
});

test("a link leads to the file that is replaced, and stays one", async () => {
  await writeFile(scratch.path("ledger-1.ndjson"), "earlier");
  await symlink("ledger-1.ndjson", scratch.path("ledger.ndjson"));
  await writeWholeFile(scratch.path("ledger.ndjson"), chunksOf(["a\n"]));
  expect(await readFile(scratch.path("ledger-1.ndjson"), "utf8")).toBe("a\n");
  expect((await lstat(scratch.path("ledger.ndjson"))).isSymbolicLink()).toBe(true);
});

test("a place that cannot be written is named", async () => {
  const file = scratch.path("no/such/directory/ledger.ndjson");
  const writing = writeWholeFile(file, chunksOf(["a\n"]));
  await expect(writing).rejects.toMatchObject({ code: "report_unwritable" });
  await expect(writing).rejects.toThrow(file);
});

test("standard input is read as often as it takes, characters that were cut apart included", async () => {
  const bytes = Buffer.from("größer\n");
  const opened = await openLedgerFile("-", Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]), never);
  expect(await textOf(opened.file.chunks())).toBe("größer\n");
  expect(await textOf(opened.file.chunks())).toBe("größer\n");
  await opened.close();
  await expect(textOf(opened.file.chunks())).rejects.toMatchObject({ code: "source_not_found" });
});

test("a file that is not there is named", async () => {
  const { file } = await openLedgerFile(scratch.path("absent.ndjson"), Readable.from([]), never);
  await expect(textOf(file.chunks())).rejects.toMatchObject({ code: "source_not_found" });
  await expect(textOf(file.chunks())).rejects.toThrow("absent.ndjson");
});
