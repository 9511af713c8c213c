/** `--dry-run`: reads, validates and looks the ledger up; with `--remote` asks the API; sends nothing and creates no store. */
import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { openAnyStore } from "../support/any-store.ts";
import { readReport } from "../support/report-files.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";

const anyStore = await openAnyStore();

test("a dry run creates no store, sends no request, and reports planned rows", async () => {
  const scene = await openScene("dry-run");
  const sandbox = await startTestSandbox(scene);
  const file = await scene.write("rows.csv", `${csvOf(rowIds(8))},no-trace\n`);
  const to = ["-g", "42", "--base-url", sandbox.url, "--rate", "unlimited", "--json"];
  const ended = await scene.run(["import", file, ...to, "--dry-run"]);
  const report = await readReport(scene.directory, ended);
  expect(report.summary.counts).toMatchObject({ read: 9, planned: 8, invalid: 1, added: 0 });
  expect(report.rows.map(({ status }) => status).sort()).toEqual([
    "invalid",
    ...Array.from({ length: 8 }, () => "planned"),
  ]);
  expect(ended.code).toBe(1);
  expect((await sandbox.stats()).requests).toEqual({});
  expect(await readdir(scene.directory)).not.toContain(".traceload");

  // With a store there, it knows what was added before.
  const few = await scene.write("few.csv", csvOf(rowIds(5)));
  expect((await scene.run(["import", few, ...to])).code).toBe(0);
  const second = await readReport(scene.directory, await scene.run(["import", file, ...to, "--dry-run"]));
  expect(second.summary.counts).toMatchObject({ planned: 3, duplicate: 5, invalid: 1 });
  expect((await sandbox.record()).length).toBe(5);
}, 60_000);

test("a dry run needs no API key, and knows what was added to the same address before", async () => {
  const scene = await openScene("dry-run-keyless", { env: await anyStore.env() });
  const sandbox = await startTestSandbox(scene);
  const file = await scene.write("rows.csv", csvOf(rowIds(3)));
  const args = ["import", file, "-g", "42", "--base-url", sandbox.url, "--json"];
  expect((await scene.run([...args, "--rate", "unlimited"])).code).toBe(0);
  const keyless = { env: { PROMPTLAYER_API_KEY: undefined } };
  const planned = await readReport(scene.directory, await scene.run([...args, "--dry-run"], keyless));
  expect(planned.summary).toMatchObject({
    exitCode: 0,
    counts: { read: 3, duplicate: 3 },
    rate: { limitPerSecond: 10 },
  });
  const sent = await scene.run(args, keyless);
  expect([sent.code, sent.stderr.includes("PROMPTLAYER_API_KEY")]).toEqual([3, true]);
}, 60_000);

test("with --remote a dry run asks the API about mapped and chosen rows, and says which are not there", async () => {
  const scene = await openScene("dry-run-remote");
  const sandbox = await startTestSandbox(scene, ["--missing", "gone"]);
  const spans = [
    { meta: { "t.id": "good" }, sid: "root-of-good", env: "prod" },
    { meta: { "t.id": "good" }, sid: "other", env: "prod" },
    { meta: { "t.id": "gone-1" }, sid: "s", env: "prod" },
    { meta: { "t.id": "left-out" }, sid: "s", env: "dev" },
    { meta: { "t.id": "gone-1" }, sid: "s", env: "prod" },
  ];
  const file = await scene.write("spans.ndjson", spans.map((span) => JSON.stringify(span)).join("\n"));
  const chosen = ["--map", 'trace_id=meta["t.id"]', "--map", "span_id=sid", "--where", "env=prod"];
  const to = ["-g", "42", "--base-url", sandbox.url, "--rate", "100/s", "--json"];
  const ended = await scene.run(["import", ...chosen, ...to, "--dry-run", "--remote", file]);
  const { summary, rows } = await readReport(scene.directory, ended);
  expect(ended.code).toBe(1);
  expect(summary.counts).toMatchObject({ read: 4, planned: 3, duplicate: 1 });
  expect(summary.plan).toMatchObject({
    requests: 3,
    durationMs: 30,
    sources: [
      {
        format: "ndjson",
        columns: { traceId: 'meta["t.id"]', spanId: "sid" },
        records: 5,
        leftOut: [{ condition: "env=prod", records: 1, lacking: 0 }],
        repeated: 1,
        traces: 2,
        spans: 3,
      },
    ],
    remote: { rows: 3, tracesAsked: 2, found: 1, traceNotFound: 1, spanNotFound: 1, notAsked: 0 },
  });
  expect(rows.map(({ status, error_code }) => [status, error_code])).toEqual([
    ["planned", ""],
    ["planned", "span_not_found"],
    ["planned", "trace_not_found"],
    ["duplicate", ""],
  ]);
  expect(await readdir(scene.directory)).not.toContain(".traceload");
  const { requests } = await sandbox.stats();
  expect(Object.keys(requests).sort()).toEqual(["get-trace", "list-datasets"]);
}, 60_000);
