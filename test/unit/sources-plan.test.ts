/** What is known of sources before their rows are read, and that both readings agree. */
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import type { OpenedSources, SourceOptions } from "../../src/core/source.ts";
import { openSources, type SourceEnvironment } from "../../src/sources/open.ts";
import { DEFAULT_OPTIONS, brief, collect, inDirectory, type Reading } from "../support/source-reading.ts";

const SIGNAL = new AbortController().signal;

function open(
  inputs: string[],
  options: Partial<SourceOptions> = {},
  environment: SourceEnvironment = { stdin: Readable.from([]) },
): Promise<OpenedSources> {
  return openSources(inputs, { ...DEFAULT_OPTIONS, ...options }, environment);
}

const rowsOf = (sources: OpenedSources): Promise<Reading> => collect(sources.rows(SIGNAL));

/** `trace/span` pairs as bare Jaeger spans. */
function jaeger(...pairs: string[]): string {
  const spans = pairs.map((pair) => {
    const [traceID, spanID] = pair.split("/");
    return { traceID, spanID, operationName: "o" };
  });
  return JSON.stringify(spans);
}

function inFiles<T>(texts: readonly string[], run: (paths: string[]) => Promise<T>): Promise<T> {
  return inDirectory((directory) => {
    const paths = texts.map((_, index) => join(directory, `${index}.json`));
    for (const [index, text] of texts.entries()) writeFileSync(paths[index] ?? "", text);
    return run(paths);
  });
}

/** Standard input that counts how often it was opened once more. `hasCome`: whether its end is there in time. */
function kept(text: string, hasCome = true): SourceEnvironment & { reads: () => number } {
  let again = 0;
  const stream = () => Readable.from([Buffer.from(text)], { objectMode: false });
  return {
    stdin: Object.assign(stream(), { wholeWithin: () => Promise.resolve(hasCome) }),
    stdinAgain: () => {
      again += 1;
      return stream();
    },
    reads: () => again,
  };
}

const changed = expect.objectContaining({ code: "source_changed" }) as Error;

describe("the plan", () => {
  test("counts for each source what no source before it has", () =>
    inFiles([jaeger("a1/s1", "a1/s2", "b2/s1"), jaeger("b2/s1", "b2/s3", "c3/s1")], async (paths) => {
      const sources = await open(paths);
      const plans = await sources.plan(SIGNAL);
      expect(plans.map(({ name, unit, distinct }) => [name, unit, distinct])).toEqual([
        [paths[0], "trace", { traces: 2, spans: 3 }],
        [paths[1], "trace", { traces: 1, spans: 2 }],
      ]);
      expect(await sources.plan(SIGNAL)).toEqual(plans);
      const { rows } = await rowsOf(sources);
      expect(rows.map(({ source, traceId, spanId }) => `${source} ${traceId}/${spanId}`)).toEqual([
        "0 a1/",
        "0 b2/",
        "1 c3/",
      ]);
      const spans = await rowsOf(await open(paths, { unit: "span" }));
      expect(brief(spans.rows)).toEqual(["a1/s1", "a1/s2", "b2/s1", "b2/s3", "c3/s1"]);
    }));

  test("counts lists, too, with every line of them a row", () =>
    inFiles(["trace_id,span_id\nt1,s1\nt1,s2\nt1,s2\nt2,\n,s3\n"], async (paths) => {
      const sources = await open(paths);
      const looked = {
        name: paths[0],
        format: "CSV",
        formatName: "csv",
        reason: "commas between the cells of its first line",
        unit: "line",
        columns: { trace: "trace_id", span: "span_id", group: undefined },
        records: 5,
        distinct: { traces: 2, spans: 2 },
        repeated: 1,
        leftOut: [],
        passedOver: [],
        warnings: [],
      };
      expect(await sources.plan(SIGNAL)).toEqual([looked]);
      // More lines are no fault: each stands for itself.
      appendFileSync(paths[0] ?? "", "t3,s3\n");
      const { rows, fault } = await rowsOf(sources);
      expect([brief(rows), fault]).toEqual([
        ["t1/s1", "t1/s2", "t1/s2", "t2/", "6:missing_trace_id", "t3/s3"],
        undefined,
      ]);
      expect(sources.seen()).toEqual([looked]);
    }));

  test("of lists is of the rows that --skip and --limit leave, and not needed to read them", () =>
    inFiles(
      ["trace_id,span_id\nt1,s1\nt2,s2\nt2,s3\n", "trace_id,span_id\nt3,s1\nt4,s2\nt4,s3\n"],
      async (paths) => {
        const plans = await (await open(paths, { skip: 1, limit: 3 })).plan(SIGNAL);
        expect(plans.map(({ distinct, records }) => [distinct, records])).toEqual([
          [{ traces: 1, spans: 2 }, 3],
          [{ traces: 1, spans: 1 }, 2],
        ]);
        const unasked = await open(paths);
        expect(await rowsOf(unasked)).toMatchObject({ fault: undefined });
        expect(unasked.seen().map(({ distinct, records }) => [distinct, records])).toEqual([
          [undefined, 3],
          [undefined, 3],
        ]);
      },
    ));

  test("is made by reading the rows, where nobody asked for it", () =>
    inFiles([jaeger("a1/s1", "a1/s2")], async (paths) => {
      expect(brief((await rowsOf(await open(paths))).rows)).toEqual(["a1/"]);
    }));

  test("does not count invalid rows, and all of them are rows", () =>
    inFiles([jaeger("a1/s1", "/s2", "/s2", "a1/s3")], async (paths) => {
      const sources = await open(paths);
      expect((await sources.plan(SIGNAL))[0]?.distinct).toEqual({ traces: 1, spans: 2 });
      expect(brief((await rowsOf(sources)).rows)).toEqual([
        "a1/",
        "1:missing_trace_id",
        "1:missing_trace_id",
      ]);
    }));
});

describe("--unit trace over lists", () => {
  test("takes each trace once, in each of its groups", () =>
    inFiles(["trace_id,span_id,dataset_group_id\nt1,s1,1\nt1,s2,1\nt1,s1,2\n"], async (paths) => {
      const { rows } = await rowsOf(await open(paths, { unit: "trace" }));
      expect(rows.map(({ datasetGroupId, traceId, spanId }) => [datasetGroupId, traceId, spanId])).toEqual([
        ["1", "t1", ""],
        ["2", "t1", ""],
      ]);
    }));
});

describe("--skip and --limit", () => {
  test("count distinct rows", () =>
    inFiles(
      [jaeger("a1/s1", "a1/s2", "b2/s1", "c3/s1"), jaeger("a1/s9", "d4/s1", "d4/s2", "e5/s1", "f6/s1")],
      async (paths) => {
        const { rows } = await rowsOf(await open(paths, { skip: 1, limit: 3 }));
        expect(brief(rows)).toEqual(["b2/", "c3/", "e5/"]);
      },
    ));
});

describe("standard input", () => {
  test("with spans is read a second time from its copy", async () => {
    const environment = kept(jaeger("a1/s1", "a1/s2", "b2/s1"));
    const sources = await open(["-"], {}, environment);
    expect((await sources.plan(SIGNAL))[0]?.distinct).toEqual({ traces: 2, spans: 3 });
    expect(brief((await rowsOf(sources)).rows)).toEqual(["a1/", "b2/"]);
    expect(environment.reads()).toBe(1);
  });

  test.each([
    [true, { traces: 2, spans: 1 }, 1],
    [false, undefined, 0],
  ])("with a list is counted from its copy where its end has come: %s", async (hasCome, distinct, reads) => {
    const environment = kept("trace_id,span_id\nt1,s1\nt2,\n", hasCome);
    const sources = await open(["-"], {}, environment);
    expect((await sources.plan(SIGNAL))[0]?.distinct).toEqual(distinct);
    expect(brief((await rowsOf(sources)).rows)).toEqual(["t1/s1", "t2/"]);
    expect(environment.reads()).toBe(reads);
  });

  test("is called so in warnings", async () => {
    const page = JSON.stringify({ data: [{ trace_id: "t1" }], has_more: true });
    const [plan] = await (await open(["-"], {}, kept(page))).plan(SIGNAL);
    expect(plan).toMatchObject({
      name: "-",
      warnings: ["standard input: it is one page of several, as has_more says; it holds 1 record"],
    });
  });

  test("with spans and no copy is refused", async () => {
    const stdin = Readable.from([Buffer.from(jaeger("a1/s1"))], { objectMode: false });
    await expect((await open(["-"], {}, { stdin })).plan(SIGNAL)).rejects.toMatchObject({
      code: "source_unreadable",
      message: expect.stringMatching(/^standard input can be read only once/) as string,
    });
    expect(stdin.destroyed).toBe(true);
  });

  test("that no row was read of is closed all the same", async () => {
    const environment = kept("trace_id\nt1\n");
    await inFiles(["trace_id\nt0\n"], async (paths) => {
      expect(brief((await rowsOf(await open([...paths, "-"], { limit: 1 }, environment))).rows)).toEqual([
        "t0/",
      ]);
    });
    expect(environment.stdin.destroyed).toBe(true);
  });
});

describe.skipIf(process.platform === "win32")("a named pipe", () => {
  /** Its writer is a process of its own: to open either end waits for the other. */
  function piped<T>(text: string, run: (pipe: string) => Promise<T>): Promise<T> {
    return inDirectory(async (directory) => {
      const pipe = join(directory, "pipe");
      execFileSync("mkfifo", [pipe]);
      const writer = spawn("sh", ["-c", 'cat > "$0"', pipe], { stdio: ["pipe", "ignore", "ignore"] });
      writer.stdin.on("error", () => undefined);
      writer.stdin.end(text);
      try {
        return await run(pipe);
      } finally {
        writer.kill();
      }
    });
  }

  test("with a list is read once, all of it", async () => {
    const ids = Array.from({ length: 20_000 }, (_, index) => `trace-${index}`);
    const { rows, fault } = await piped(`trace_id\n${ids.join("\n")}\n`, async (pipe) =>
      rowsOf(await open([pipe])),
    );
    expect(fault).toBeUndefined();
    expect(rows.map(({ traceId }) => traceId)).toEqual(ids);
  });

  test("with spans is refused, with what to do", async () => {
    const { rows, fault } = await piped(jaeger("a1/s1"), async (pipe) => rowsOf(await open([pipe])));
    expect(rows).toEqual([]);
    expect(fault).toMatchObject({
      code: "source_unreadable",
      next: expect.stringMatching(/import -/) as string,
    });
  });
});

describe("a source that changes between the readings", () => {
  test.each([
    ["more", (path: string) => appendFileSync(path, `\n${jaeger("c3/s1")}`)],
    ["fewer", (path: string) => writeFileSync(path, jaeger("a1/s1"))],
  ])("to %s records ends in a fault, behind the rows that both have", (_, change) =>
    inFiles([jaeger("a1/s1", "b2/s1"), jaeger("d4/s1")], async (paths) => {
      const sources = await open(paths);
      await sources.plan(SIGNAL);
      change(paths[0] ?? "");
      const { rows, fault } = await rowsOf(sources);
      expect(fault).toEqual(changed);
      expect(brief(rows)[0]).toBe("a1/");
      expect(brief(rows)).not.toContain("d4/");
    }),
  );
});

describe("a fault in the middle", () => {
  test("comes behind the rows before it, and the counts are those of what could be read", () =>
    inFiles([`${jaeger("a1/s1", "a1/s2", "b2/s1").slice(0, -1)},{"traceID":`], async (paths) => {
      const sources = await open(paths);
      expect((await sources.plan(SIGNAL))[0]?.distinct).toEqual({ traces: 2, spans: 3 });
      const { rows, fault } = await rowsOf(sources);
      expect(brief(rows)).toEqual(["a1/", "b2/"]);
      expect(fault).toMatchObject({
        code: "source_format",
        message: expect.stringMatching(/cut off/) as string,
      });
    }));

  test("of a source that cannot be opened comes with the plan", () =>
    inFiles(["\u0089PNG\r\n\u001a\n"], async (paths) => {
      writeFileSync(paths[0] ?? "", Buffer.from("89504e470d0a1a0a", "hex"));
      await expect((await open(paths)).plan(SIGNAL)).rejects.toMatchObject({ code: "source_format" });
    }));
});

test("an aborted signal ends the plan with its reason", () =>
  inFiles([jaeger("a1/s1")], async (paths) => {
    await expect((await open(paths)).plan(AbortSignal.abort("no"))).rejects.toBe("no");
  }));
