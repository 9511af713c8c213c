/** Sources of a run that is carried on: found again, compared with what they were, or said to be out of reach. */
import path from "node:path";
import { describe, expect, test } from "vitest";
import { factsDifference, reopenSources } from "../../src/app/reopen.ts";
import { readingOf } from "../../src/app/reading-options.ts";
import { TraceloadError } from "../../src/core/errors.ts";
import type { OpenedSources, SourceFacts, SourceOptions } from "../../src/core/source.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { RUN_OPTIONS } from "../support/import-scene.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { scriptedSources } from "../support/scripted-sources.ts";
import { aHolder, aRun, LONG_MS } from "../support/store-fixtures.ts";

const FACTS: SourceFacts = { name: "rows.csv", sizeBytes: 10, modifiedMs: 1_000, headHash: "ab" };
const MAPPING: SourceOptions = {
  format: "csv",
  traceColumn: "id",
  spanColumn: undefined,
  groupColumn: undefined,
  unit: "trace",
  rootOnly: false,
  padIds: false,
  datasetGroupId: 42,
  skip: 3,
  limit: undefined,
};

async function aRunOf(names: string[], places: string[]) {
  const store = createMemoryStore(fakeClock());
  const owner = await store.openLease(aHolder(), LONG_MS);
  const reading = readingOf("first-host", places, MAPPING);
  const options = { ...RUN_OPTIONS, sourceFacts: [{ ...FACTS }], reading };
  return store.createRun(aRun(owner, { sources: names, options }));
}

function parts(facts: SourceFacts[], fault?: TraceloadError) {
  const opened: { inputs: string[]; options: SourceOptions }[] = [];
  const checked: string[] = [];
  return {
    opened,
    checked,
    host: "second-host",
    open: async (inputs: string[], options: SourceOptions): Promise<OpenedSources> => {
      opened.push({ inputs, options });
      if (fault !== undefined) throw fault;
      return { ...scriptedSources([]), facts };
    },
    checkSpool: async (file: string) => void checked.push(file),
  };
}

describe("the sources of a run that is carried on", () => {
  test("are read as they were read, under the name that was typed where that leads there", async () => {
    const here = parts([FACTS]);
    const run = await aRunOf(["rows.csv"], [path.resolve("rows.csv")]);
    expect((await reopenSources(here, run, false)).changed).toBe(false);
    expect(here.opened).toEqual([{ inputs: ["rows.csv"], options: MAPPING }]);
    const elsewhere = parts([FACTS]);
    await reopenSources(elsewhere, await aRunOf(["rows.csv"], ["/data/rows.csv"]), false);
    expect(elsewhere.opened[0]?.inputs).toEqual(["/data/rows.csv"]);
    expect([...here.checked, ...elsewhere.checked]).toEqual([]);
  });

  test("are the copy, where it was standard input", async () => {
    const spooled = parts([FACTS]);
    await reopenSources(spooled, await aRunOf(["-"], ["/state/spool/r.stdin"]), false);
    expect(spooled.opened[0]?.inputs).toEqual(["/state/spool/r.stdin"]);
    expect(spooled.checked).toEqual(["/state/spool/r.stdin"]);
  });

  test("that are not on this host are said to be on the other", async () => {
    const run = await aRunOf(["rows.csv"], ["/data/rows.csv"]);
    const gone = parts([], new TraceloadError("source_not_found", "/data/rows.csv does not exist"));
    const fault = await reopenSources(gone, run, false).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: "source_not_found" });
    expect(String(fault)).toContain("on this host (second-host); the run was started on first-host");
  });

  test("that changed are refused, unless that is accepted", async () => {
    const run = await aRunOf(["rows.csv"], ["/data/rows.csv"]);
    const changed = parts([{ ...FACTS, sizeBytes: 11 }]);
    await expect(reopenSources(changed, run, false)).rejects.toMatchObject({
      code: "source_changed",
      next: expect.stringContaining("--accept-changed-source") as unknown,
    });
    expect((await reopenSources(changed, run, true)).changed).toBe(true);
  });
});

test.each([
  ["nothing", {}, undefined],
  ["its size", { sizeBytes: 9 }, "9 bytes now, 10 then"],
  ["its beginning", { headHash: "cd" }, "begins with other bytes"],
  ["its time", { modifiedMs: 2_000 }, "1970-01-01T00:00:02.000Z, then at 1970-01-01T00:00:01.000Z"],
])("what differs is told: %s", (_, change, told) => {
  const difference = factsDifference([{ ...FACTS }], [{ ...FACTS, ...change }]);
  if (told === undefined) expect(difference).toBeUndefined();
  else expect(difference).toContain(told);
});

test("what was not known of a source then, as of a pipe, is not compared", () => {
  const piped = { name: "-", sizeBytes: undefined, modifiedMs: undefined, headHash: undefined };
  expect(factsDifference([{ ...piped }], [FACTS])).toBeUndefined();
  expect(factsDifference([{ ...piped }], [FACTS, FACTS])).toContain("2 sources now, 1 then");
});
