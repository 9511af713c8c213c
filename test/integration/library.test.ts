/** The library on a real store and a sandbox: results as values, events, stopping, and nothing touched that was not given. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { createTraceload, type RunEvent, TraceloadError, type TraceloadOptions } from "../../src/library.ts";
import { startSandbox } from "../../src/sandbox/server.ts";
import { openAnyStore } from "../support/any-store.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { readRecord } from "../support/sandbox.ts";

const PATIENCE_MS = 90_000;
const anyStore = await openAnyStore();
afterEach(() => vi.unstubAllEnvs());

async function scene(change: TraceloadOptions = {}, rows = 6) {
  const directory = await mkdtemp(path.join(tmpdir(), "traceload-test-library-"));
  const recordFile = path.join(directory, "record.ndjson");
  const sandbox = await startSandbox({ recordFile, missingTrace: (traceId) => traceId.startsWith("lost-") });
  const { TRACELOAD_STORE: store = `pglite:${path.join(directory, "store")}` } = await anyStore.env();
  const options = { store, baseUrl: sandbox.url, apiKey: "a-key-of-a-test", rate: "unlimited" };
  const traceload = createTraceload({ ...options, ...change });
  const file = path.join(directory, "rows.csv");
  await writeFile(file, csvOf([...rowIds(rows), ["lost-1", ""]]));
  onTestFinished(async () => {
    await traceload.close();
    await sandbox.close();
    await rm(directory, { recursive: true, force: true });
  });
  const traceIds = async () => (await readRecord(recordFile)).map(({ traceId }) => traceId);
  return { traceload, options, directory, file, traceIds };
}

async function faultOf(promise: Promise<unknown>): Promise<TraceloadError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof TraceloadError) return error;
  throw new Error(`not a TraceloadError: ${String(error)}`);
}

test(
  "rows that were refused are a result; others take the run from there, and nothing is printed",
  async () => {
    vi.stubEnv("TRACELOAD_RATE", "nonsense");
    vi.stubEnv("TRACELOAD_DATASET_GROUP", "43");
    const printed = [vi.spyOn(process.stdout, "write"), vi.spyOn(process.stderr, "write")];
    onTestFinished(() => printed.forEach((spy) => spy.mockRestore()));
    const { traceload, file, directory, options } = await scene();

    const run = traceload.import(file, { datasetGroup: 42, runId: "r1", publish: "if-clean" });
    const events: RunEvent[] = [];
    for await (const event of run) events.push(event);
    const result = await run.result;
    expect(result).toMatchObject({
      runId: "r1",
      state: "finished",
      exitCode: 1,
      counts: { read: 7, added: 6, rejected: 1 },
      drafts: [{ datasetGroupId: 42, verdict: "verified", publication: { state: "refused" } }],
      errors: [{ code: "trace_not_found", count: 1 }],
      reportDir: null,
    });
    const to = `--base-url ${options.baseUrl} --store ${options.store}`;
    expect(result.next).toContain(`traceload rerun r1 ${to}`);
    expect(events.at(-1)).toEqual({ type: "end", result });
    expect(events.some((event) => event.type === "progress" && event.runId === "r1")).toBe(true);

    const rows = [];
    for await (const row of traceload.rows("latest")) rows.push(row.status);
    expect(rows).toEqual([...Array.from({ length: 6 }, () => "added"), "rejected"]);

    const reportDir = path.join(directory, "reports");
    const again = await traceload.rerun("r1", { code: "trace_not_found", runId: "r2", reportDir }).result;
    expect(again).toMatchObject({ parent: "r1", counts: { read: 1, rejected: 1 } });
    expect(JSON.parse(await readFile(path.join(reportDir, "r2", "summary.json"), "utf8"))).toEqual(again);

    expect((await traceload.verify("r1").result).counts).toMatchObject({ added: 6, unknown: 0 });
    expect(await traceload.publish("r1").result).toMatchObject({ exitCode: 1 });
    expect(await traceload.publish("r1", { force: true }).result).toMatchObject({
      exitCode: 0,
      drafts: [{ publication: { state: "published", versionNumber: 2 } }],
    });
    expect((await faultOf(traceload.verify().result)).code).toBe("run_not_found");
    expect(printed.map((spy) => spy.mock.calls)).toEqual([[], []]);
  },
  PATIENCE_MS,
);

test(
  "an aborted import is interrupted, and the same one carries it on: each row once",
  async () => {
    const { traceload, file, traceIds } = await scene({ rate: 20, concurrency: 2 }, 40);
    const stop = new AbortController();
    const run = traceload.import(file, { datasetGroup: 42, signal: stop.signal });
    for await (const event of run) {
      if (event.type === "progress" && event.counts.added > 0) stop.abort();
    }
    const first = await run.result;
    expect(first.state).toBe("interrupted");
    expect(first.counts.added).toBeLessThan(40);

    const second = await traceload.import(file, { datasetGroup: 42, rate: "unlimited" }).result;
    expect(second).toMatchObject({
      runId: first.runId,
      state: "finished",
      counts: { added: 40, rejected: 1 },
    });
    const applied = await traceIds();
    expect([applied.length, new Set(applied).size]).toEqual([40, 40]);
    await expect(
      traceload.import(file, { signal: AbortSignal.abort(new Error("no")) }).result,
    ).rejects.toThrow("no");
  },
  PATIENCE_MS,
);

test(
  "closing interrupts the run that goes on, and those that wait; then nothing can be run, and another one resumes",
  async () => {
    const { traceload, file, options, traceIds } = await scene({ rate: 5, concurrency: 1 }, 40);
    const run = traceload.import(file, { datasetGroup: 42 });
    const waiting = traceload.import(file, { datasetGroup: 43 });
    for await (const event of run) if (event.type === "progress") break;
    await traceload.close();
    await traceload.close();
    expect((await run.result).state).toBe("interrupted");
    expect((await faultOf(waiting.result)).code).toBe("wrong_usage");
    expect((await faultOf(traceload.verify().result)).message).toContain("closed");

    const other = createTraceload(options);
    onTestFinished(() => other.close());
    const { runId } = await run.result;
    const resumed = other.resume();
    const events: RunEvent[] = [];
    for await (const event of resumed) events.push(event);
    expect(await resumed.result).toMatchObject({
      runId,
      state: "finished",
      counts: { added: 40, rejected: 1 },
    });
    expect(events).toContainEqual({ type: "note", message: `carrying on run ${runId}` });
    expect(new Set(await traceIds()).size).toBe(40);
  },
  PATIENCE_MS,
);

describe("options that mean nothing are refused", () => {
  test.each<[TraceloadOptions, string]>([
    [{ rate: "fast" }, 'rate: "fast" is not a rate'],
    [{ timeout: -1 }, 'timeout: "-1ms" is not a duration'],
    [{ colour: true } as object, 'there is no option "colour"'],
    [{ concurrency: true as unknown as number }, "concurrency: boolean"],
    [{ store: ["pglite:a"] as unknown as string }, "store: object"],
  ])("%j", (options, message) => {
    expect(() => createTraceload(options)).toThrow(message);
  });

  test("of a run by its result, and no key by its code", async () => {
    const traceload = createTraceload({ store: "pglite:nowhere" });
    onTestFinished(() => traceload.close());
    expect((await faultOf(traceload.import("a.csv", { unit: "row" as "span" }).result)).message).toContain(
      "unit",
    );
    const among = { where: ["env=prod", "latency"] };
    expect((await faultOf(traceload.import("a.csv", among).result)).message).toMatch(/^where: "latency"/);
    const late = { since: new Date(Number.NaN) };
    expect((await faultOf(traceload.import("a.csv", late).result)).message).toMatch(/^since: object/);
    expect((await faultOf(traceload.import("a.csv").result)).code).toBe("source_not_found");
    const rerun = traceload.rerun("latest", { only: ["invalid" as "failed"] });
    expect((await faultOf(rerun.result)).message).toMatch(/^only: "invalid"/);
    const file = "examples/traces.csv";
    expect((await faultOf(traceload.import(file).result)).code).toBe("key_missing");
    const reading = async () => {
      for await (const event of traceload.import(file)) expect(event).toBeUndefined();
    };
    expect((await faultOf(reading())).code).toBe("key_missing");
  });
});
