/** Standard input, copied while it is read. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { PassThrough, Readable } from "node:stream";
import { afterAll, expect, test } from "vitest";
import { openSpool, removeSpool, spooled } from "../../src/sources/spool.ts";
import { scratchDirectory } from "../support/scratch-directory.ts";

const scratch = scratchDirectory();
afterAll(() => scratch.remove());
const NEVER = new AbortController().signal;

async function textOf(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts).toString();
}

test("all of the input comes through, and is in the file when it ends; before it is read nothing is touched", async () => {
  const file = scratch.path("a/all.stdin");
  const text = "trace_id\n".repeat(50_000);
  const stream = spooled(
    Readable.from([text.slice(0, 7), text.slice(7)].map((part) => Buffer.from(part))),
    file,
    NEVER,
  );
  expect(existsSync(scratch.path("a"))).toBe(false);
  expect(await textOf(stream)).toBe(text);
  expect(await readFile(file, "utf8")).toBe(text);
  await openSpool(file);
  await removeSpool(file);
  expect(existsSync(file)).toBe(false);
});

test("the copy runs ahead of a slow reader", async () => {
  const file = scratch.path("ahead.stdin");
  const input = Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(10_000, "x")));
  const stream = spooled(input, file, NEVER);
  stream.once("readable", () => undefined);
  await expect.poll(() => existsSync(file)).toBe(true);
  expect((await readFile(file)).length).toBe(1_000_000);
  expect((await textOf(stream)).length).toBe(1_000_000);
});

test("input that was not read to its end is not called whole", async () => {
  const file = scratch.path("part.stdin");
  const input = new PassThrough();
  const stream = spooled(input, file, NEVER);
  input.write("trace_id\n");
  const first = await new Promise<Buffer>((resolve) => stream.once("data", resolve));
  expect(first.toString()).toBe("trace_id\n");
  const closed = new Promise<void>((resolve) => void stream.once("close", () => resolve()));
  stream.destroy();
  await closed;
  expect(input.destroyed).toBe(true);
  expect(existsSync(file)).toBe(false);
  await expect(openSpool(file)).rejects.toMatchObject({ code: "source_not_found" });
  await expect(openSpool(scratch.path("none.stdin"))).rejects.toMatchObject({ code: "source_not_found" });
});

test("an end of input that comes with the signal to stop is not trusted", async () => {
  const file = scratch.path("stopped.stdin");
  const stop = new AbortController();
  const input = new PassThrough();
  const stream = spooled(input, file, stop.signal);
  const text = textOf(stream);
  input.end("trace_id\n");
  stop.abort();
  expect(await text).toBe("trace_id\n");
  expect(existsSync(file)).toBe(false);
});

test("a place that cannot be written is said to be", async () => {
  const taken = scratch.path("file");
  await textOf(spooled(Readable.from([Buffer.from("x")]), taken, NEVER));
  const stream = spooled(Readable.from([Buffer.from("x")]), `${taken}/below.stdin`, NEVER);
  await expect(textOf(stream)).rejects.toMatchObject({ code: "source_unreadable" });
});
