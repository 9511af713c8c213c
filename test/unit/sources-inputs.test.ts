import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { OpenedSources, SourceOptions } from "../../src/core/source.ts";
import { openSources } from "../../src/sources/open.ts";
import { DEFAULT_OPTIONS, brief, collect, inDirectory, type Reading } from "../support/source-reading.ts";

function open(
  inputs: string[],
  options: Partial<SourceOptions> = {},
  stdin: Readable = Readable.from([]),
): Promise<OpenedSources> {
  return openSources(inputs, { ...DEFAULT_OPTIONS, ...options }, { stdin });
}

async function read(
  inputs: string[],
  options: Partial<SourceOptions> = {},
  stdin?: Readable,
): Promise<Reading> {
  return collect((await open(inputs, options, stdin)).rows(new AbortController().signal));
}

function openFilesIn(directory: string): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(directory) ? [path] : [];
    } catch {
      return [];
    }
  });
}

async function* abortAfterFirst<T>(
  batches: AsyncIterable<T>,
  controller: AbortController,
): AsyncGenerator<T> {
  for await (const batch of batches) {
    controller.abort();
    yield batch;
  }
}

describe("inputs", () => {
  test("several files are read in order, and rows know theirs", () =>
    inDirectory(async (directory) => {
      const [one, two] = [join(directory, "1.csv"), join(directory, "2.ndjson")];
      writeFileSync(one, "trace_id\nt1\n");
      writeFileSync(two, '{"traceId":"t2"}\n');
      const sources = await open([two, one]);
      expect(sources.names).toEqual([two, one]);
      const { rows } = await collect(sources.rows(new AbortController().signal));
      expect(rows.map(({ source, traceId }) => [source, traceId])).toEqual([
        [0, "t2"],
        [1, "t1"],
      ]);
    }));

  test("skip counts in each file, limit over all of them", () =>
    inDirectory(async (directory) => {
      for (const name of ["a", "b", "c"]) {
        writeFileSync(join(directory, `${name}.csv`), `trace_id\n${name}1\n${name}2\n${name}3\n`);
      }
      const { rows } = await read([join(directory, "*.csv")], { skip: 1, limit: 3 });
      expect(brief(rows)).toEqual(["a2/", "a3/", "b2/"]);
    }));

  test("patterns are expanded and sorted, and each file is read once", () =>
    inDirectory(async (directory) => {
      mkdirSync(join(directory, "sub"));
      for (const name of ["b.csv", "a.csv", "sub/c.csv", "x.json"]) writeFileSync(join(directory, name), "");
      const paths = ["a.csv", "b.csv", "sub/c.csv"].map((name) => join(directory, name));
      expect((await open([`${directory}/**/*.csv`])).names).toEqual(paths);
      expect((await open([paths[1] ?? "", `${directory}/./a.csv`, `${directory}/*.csv`])).names).toEqual([
        paths[1],
        `${directory}/./a.csv`,
      ]);
    }));

  test("a file whose name looks like a pattern is a file", () =>
    inDirectory(async (directory) => {
      const path = join(directory, "ids[1].csv");
      writeFileSync(path, "trace_id\nt1\n");
      expect(brief((await read([path])).rows)).toEqual(["t1/"]);
    }));

  test("what is not there is said by name", () =>
    inDirectory(async (directory) => {
      const missing = join(directory, "no.csv");
      await expect(open([missing])).rejects.toMatchObject({
        code: "source_not_found",
        message: `${missing} does not exist`,
      });
      await expect(open([`${directory}/*.csv`])).rejects.toMatchObject({
        code: "source_not_found",
        message: `no file matches ${directory}/*.csv`,
      });
    }));

  test("a directory is refused, with the pattern to type", () =>
    inDirectory(async (directory) => {
      await expect(open([directory])).rejects.toMatchObject({
        code: "source_not_found",
        next: `Name the files in it: traceload import '${directory}/*.csv'`,
      });
    }));

  test("facts tell a file that changed", () =>
    inDirectory(async (directory) => {
      const path = join(directory, "a.csv");
      const content = `trace_id\n${"t1\n".repeat(40_000)}`;
      writeFileSync(path, content);
      const [facts, stdin] = (await open([path, "-"])).facts;
      const headHash = createHash("sha256").update(content.slice(0, 65_536)).digest("hex");
      expect(facts).toEqual({
        name: path,
        sizeBytes: 120_009,
        modifiedMs: expect.any(Number) as number,
        headHash,
      });
      expect(stdin).toEqual({ name: "-", sizeBytes: undefined, modifiedMs: undefined, headHash: undefined });
    }));
});

describe("standard input", () => {
  test("is read like a file, and named in messages", async () => {
    const { rows, fault } = await read(["-"], {}, Readable.from([Buffer.from('[{"trace_id":"t1"},')]));
    expect(brief(rows)).toEqual(["t1/"]);
    expect(fault).toMatchObject({
      message: "standard input:1: the JSON ends in the middle: the file is cut off",
    });
  });

  test("is read once, however often it is named", async () => {
    expect((await open(["-", "-"])).names).toEqual(["-"]);
  });

  test("a limit ends the reading although more might come", async () => {
    const more = Array.from({ length: 3000 }, (_, index) =>
      createHash("sha256").update(`${index}`).digest("hex"),
    );
    const text = `trace_id\nt1\n${more.join("\n")}`;
    for (const content of [text, gzipSync(text)]) {
      const stdin = new PassThrough();
      stdin.write(content);
      const { rows, fault } = await read(["-"], { limit: 1 }, stdin);
      expect(brief(rows)).toEqual(["t1/"]);
      expect(fault).toBeUndefined();
      expect(stdin.destroyed).toBe(true);
    }
  });
});

describe("stopping", () => {
  test("an aborted signal ends a read that waits for more, with its reason", async () => {
    const stdin = new PassThrough();
    stdin.write(`trace_id\n${"t1\n".repeat(30_000)}`);
    const controller = new AbortController();
    const reason = new Error("told to stop");
    let seen = 0;
    const reading = (async () => {
      for await (const batch of (await open(["-"], {}, stdin)).rows(controller.signal)) {
        seen += batch.length;
        // The next read finds the pipe empty, and still open.
        if (seen >= 20_000) setImmediate(() => controller.abort(reason));
      }
    })();
    await expect(reading).rejects.toBe(reason);
    expect(seen).toBeGreaterThanOrEqual(20_000);
    expect(stdin.destroyed).toBe(true);
  });

  test("a signal that was aborted before reads nothing", () =>
    inDirectory(async (directory) => {
      const path = join(directory, "a.csv");
      writeFileSync(path, "trace_id\nt1\n");
      const { rows, fault } = await collect((await open([path])).rows(AbortSignal.abort("no")));
      expect(rows).toEqual([]);
      expect(fault).toBe("no");
    }));

  test.skipIf(!existsSync("/proc/self/fd"))("files are closed however the reading ends", () =>
    inDirectory(async (directory) => {
      const lines = `trace_id\n${Array.from({ length: 200_000 }, (_, index) => `trace-${index}`).join("\n")}\n`;
      writeFileSync(join(directory, "plain.csv"), lines);
      writeFileSync(join(directory, "packed.csv"), gzipSync(lines));
      writeFileSync(join(directory, "image.csv"), Buffer.from("89504e470d0a1a0a", "hex"));
      writeFileSync(join(directory, "columns.csv"), lines.replace("trace_id", "event_id"));
      for (const name of readdirSync(directory)) {
        const path = join(directory, name);
        await read([path], { limit: 5 });
        const controller = new AbortController();
        const batches = (await open([path])).rows(controller.signal);
        await collect(abortAfterFirst(batches, controller));
        expect(openFilesIn(directory)).toEqual([]);
      }
    }),
  );
});
