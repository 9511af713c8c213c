/** `traceload ledger`: a ledger that moves from the embedded store to Redis, held rows that a person decides, pruning. */
import { access, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { openAnyStore } from "../support/any-store.ts";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { readReport } from "../support/report-files.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene } from "../support/scene.ts";

const redis = await findRedis("ledger", { restartable: true });
const anyStore = await openAnyStore();

interface ShownEntry {
  key: string;
  state: string;
  draftDatasetId: number | null;
  run: { runId: string; row: number } | null;
  result: { status: string } | null;
  notes: { by: string; decision: string; why: string; at: string }[];
  next: string[];
}

describe.skipIf(redis === undefined)("a ledger that moves to Redis", () => {
  test("knows every row there: the same file again is duplicates and unknown rows, and not one POST", async () => {
    const scene = await openScene("moves");
    const server = await redis!.start();
    scene.atEnd(() => server.stop());
    const sandbox = await startTestSandbox(scene, ["--fault", "close-after-apply@trace=lost"]);
    const there = ["--base-url", sandbox.url];
    const onRedis = ["--store", server.url];
    const file = await scene.write("rows.csv", `${csvOf(rowIds(60))}lost,\n`);
    const importing = [
      "import",
      file,
      "-g",
      "42",
      "--rate",
      "unlimited",
      "--on-unknown",
      "hold",
      "--json",
      ...there,
    ];
    const first = await readReport(scene.directory, await scene.run(importing));
    expect(first.summary.counts).toMatchObject({ read: 61, added: 60, unknown: 1 });
    const before = await sandbox.stats();

    const exported = await scene.run(["ledger", "export", "-"]);
    expect(exported).toMatchObject({ code: 0 });
    expect(exported.stderr).toContain("61 entries and 1 group of");
    const taken = await scene.run(["ledger", "import", "-", "--json", ...onRedis], {
      stdin: exported.stdout,
    });
    expect(taken.code).toBe(0);
    expect(JSON.parse(taken.stdout)).toMatchObject({
      groups: 1,
      newGroups: 1,
      entries: 61,
      newEntries: 61,
    });
    const again = await scene.run(["ledger", "import", "-", "--json", ...onRedis], {
      stdin: exported.stdout,
    });
    expect(JSON.parse(again.stdout)).toMatchObject({ newGroups: 0, entries: 61, newEntries: 0 });

    const ended = await scene.run([...importing, ...onRedis]);
    const second = await readReport(scene.directory, ended);
    expect(second.summary.counts).toMatchObject({ read: 61, added: 0, duplicate: 60, unknown: 1 });
    expect((await sandbox.stats()).addTraceArrivals).toBe(before.addTraceArrivals);
    expect(audit({ record: await sandbox.record(), report: second, rowsRead: 61 })).toEqual([]);

    const back = path.join(scene.directory, "ledger.ndjson");
    expect((await scene.run(["ledger", "export", back, ...onRedis])).code).toBe(0);
    const lines = (text: string) =>
      new Set(text.split("\n").filter((line) => line.includes('"type":"entry"')));
    expect(lines(await readFile(back, "utf8"))).toEqual(lines(exported.stdout));
  }, 120_000);

  test("refuses to decide a row that is being sent: exit 4, and nothing is noted", async () => {
    const scene = await openScene("in-flight");
    const server = await redis!.start();
    scene.atEnd(() => server.stop());
    const sandbox = await startTestSandbox(scene, ["--fault", "hang@trace=hanging"]);
    const there = ["-g", "42", "--base-url", sandbox.url, "--store", server.url];
    const file = await scene.write("rows.csv", "trace_id\nhanging\n");
    const importing = scene.start(["import", file, ...there, "--progress", "none"]);
    await importing.until(async () => (await sandbox.stats()).addTraceArrivals === 1);
    const mark = ["ledger", "mark", "absent", "hanging", ...there, "--why", "it takes long", "--json"];
    const refused = await scene.run([...mark, "--yes"]);
    expect(refused.code).toBe(4);
    expect(JSON.parse(refused.stdout)).toMatchObject({ decided: 0, refused: 1, runs: [] });
    const shown = await scene.run(["ledger", "get", "hanging", ...there, "--json"]);
    expect(JSON.parse(shown.stdout)).toMatchObject({ state: "sending", notes: [] });
  }, 60_000);
});

test("a held row is shown, decided by a person, and its run and report follow", async () => {
  const scene = await openScene("decided", { env: await anyStore.env() });
  const sandbox = await startTestSandbox(scene, [
    "--fault",
    "close-after-apply@trace=landed",
    "--fault",
    "500@trace=lost",
  ]);
  const there = ["-g", "42", "--base-url", sandbox.url];
  const file = await scene.write("rows.csv", "trace_id\nfine\nlanded\nlost\n");
  const importing = ["import", file, ...there, "--run-id", "held", "--on-unknown", "hold", "--json"];
  expect((await scene.run(importing)).code).toBe(6);
  const get = async (traceId: string): Promise<ShownEntry> => {
    const shown = await scene.run(["ledger", "get", traceId, ...there, "--json"], {
      env: { PROMPTLAYER_API_KEY: undefined },
    });
    expect(shown.code).toBe(0);
    return JSON.parse(shown.stdout) as ShownEntry;
  };
  const held = await get("landed");
  expect(held).toMatchObject({
    state: "unknown",
    run: { runId: "held", row: 2 },
    result: { status: "unknown" },
  });
  expect(held.next.join("\n")).toContain("ledger mark added landed -g 42");
  expect(await get("never")).toMatchObject({ state: "none", run: null, result: null, notes: [] });
  expect(await get("fine")).toMatchObject({ state: "added", result: { status: "added" } });
  const byKey = await scene.run(["ledger", "get", "--key", held.key]);
  expect(byKey.stdout).toContain("Trace landed, of dataset group 42");

  const marked = await scene.run([
    "ledger",
    "mark",
    "added",
    "landed",
    ...there,
    "--why",
    "seen in the draft",
  ]);
  expect(marked.code).toBe(0);
  expect(marked.stdout).toContain("run held (finished): 1 row changed; 1 unknown, 0 unprocessed now");
  const decided = await get("landed");
  expect(decided).toMatchObject({ state: "added", result: { status: "added" } });
  expect(decided.draftDatasetId).toBe((await get("fine")).draftDatasetId);
  expect(decided.notes).toMatchObject([{ decision: "added", why: "seen in the draft" }]);
  expect(decided.notes[0]?.by).toMatch(/^.+@.+$/);

  const early = await scene.run(["ledger", "mark", "absent", "lost", ...there, "--why", "not seen yet"]);
  expect(early).toMatchObject({ code: 64, stdout: "" });
  expect(early.stderr).toContain("could still be applied");

  const directory = path.join(scene.directory, "traceload-reports", "held");
  expect((await scene.run(["report", "held"])).code).toBe(0);
  const fromFile = ["ledger", "mark", "absent", "--from", path.join(directory, "unknown.csv"), ...there];
  const unasked = await scene.run([...fromFile, "--why", "counted the draft"]);
  expect(unasked).toMatchObject({ code: 64, stdout: "" });
  expect(unasked.stderr).toContain("--yes");
  expect(await get("lost")).toMatchObject({ state: "unknown", notes: [] });
  const absent = await scene.run([...fromFile, "--why", "counted the draft", "--yes", "--json"]);
  expect(absent.code).toBe(0);
  const told = JSON.parse(absent.stdout) as { decided: number; next: string[] };
  expect(told).toMatchObject({
    decided: 1,
    refused: 0,
    runs: [{ runId: "held", unprocessed: 1, unknown: 0 }],
  });
  expect(told.next[0]).toContain("rerun held --only unprocessed");
  expect(await get("lost")).toMatchObject({ state: "none", notes: [{ decision: "absent" }] });

  // All of rows.csv is no more than what is held, unless it is said so.
  const all = [
    "ledger",
    "mark",
    "absent",
    "--from",
    path.join(directory, "rows.csv"),
    ...there,
    "--why",
    "x",
    "--json",
  ];
  const left = await scene.run([...all, "--yes"]);
  expect(JSON.parse(left.stdout)).toMatchObject({ decided: 0, leftAlone: { added: 2, none: 1 } });
  expect(await get("fine")).toMatchObject({ state: "added" });

  sandbox.forgetFaults();
  const report = await readReport(scene.directory, await scene.run(["import", file, ...there, "--json"]));
  expect(report.summary.counts).toMatchObject({ read: 3, added: 1, duplicate: 2, unknown: 0 });
  expect(audit({ record: await sandbox.record(), report, rowsRead: 3 })).toEqual([]);
}, 120_000);

test("what cannot be undone is asked for: a confirmed row marked absent, and a group that is pruned", async () => {
  const scene = await openScene("pruned", { env: await anyStore.env() });
  const sandbox = await startTestSandbox(scene);
  const there = ["--base-url", sandbox.url];
  const file = await scene.write("rows.csv", csvOf(rowIds(20)));
  const importing = ["import", file, "-g", "42", ...there, "--rate", "unlimited", "--json"];
  await scene.run(importing);
  const [[trace, span] = ["", ""]] = rowIds(1);
  const absent = [
    "ledger",
    "mark",
    "absent",
    trace,
    span,
    "-g",
    "42",
    ...there,
    "--why",
    "taken out by hand",
  ];
  expect(await scene.run(absent)).toMatchObject({ code: 64, stdout: "" });
  const prune = ["ledger", "prune", "-g", "42", ...there];
  const unasked = await scene.run(prune);
  expect(unasked).toMatchObject({ code: 64, stdout: "" });
  expect(unasked.stderr).toContain("would send all of them again");
  const known = await readReport(scene.directory, await scene.run(importing));
  expect(known.summary.counts).toMatchObject({ duplicate: 20, added: 0 });

  expect((await scene.run([...absent, "--yes"])).code).toBe(0);
  const pruned = await scene.run([...prune, "--yes", "--json"]);
  expect(JSON.parse(pruned.stdout)).toMatchObject({ removed: 19, unknown: 0, sending: 0 });
  const sent = await readReport(scene.directory, await scene.run(importing));
  expect(sent.summary.counts).toMatchObject({ added: 20, duplicate: 0 });
}, 120_000);

test("a file that is no ledger makes no store; nothing is exported where there is none", async () => {
  const scene = await openScene("no-ledger");
  const file = await scene.write("rows.csv", csvOf(rowIds(5)));
  const wrong = await scene.run(["ledger", "import", file]);
  expect(wrong).toMatchObject({ code: 3, stdout: "" });
  expect(wrong.stderr).toContain(
    "rows.csv:1: this is not the first line of a ledger export; nothing was imported",
  );
  const cut = await scene.run(["ledger", "import", "-"], {
    stdin: '{"format":"traceload-ledger","version":1,"store":"redis","exportedAt":"2026-11-22T12:00:00Z"}\n',
  });
  expect(cut.code).toBe(3);
  expect(cut.stderr).toContain("standard input was cut off");
  const nothing = await scene.run(["ledger", "export", "ledger.ndjson"]);
  expect(nothing).toMatchObject({ code: 3, stdout: "" });
  expect(nothing.stderr).toContain("there is no store in");
  const asked = await scene.run(["ledger", "get", "abc", "-g", "42"]);
  expect(asked.code).toBe(0);
  expect(asked.stdout).toContain("no entry: there is no store at");
  await expect(access(path.join(scene.directory, ".traceload"))).rejects.toThrow();
  await expect(access(path.join(scene.directory, "ledger.ndjson"))).rejects.toThrow();
}, 60_000);

test("an embedded store that another process has open is named, and its owner; when that is gone, it is served", async () => {
  const scene = await openScene("ledger-owned");
  const sandbox = await startTestSandbox(scene);
  const file = await scene.write("rows.csv", csvOf(rowIds(100)));
  const importing = scene.start(["import", file, "-g", "42", "--base-url", sandbox.url, "--rate", "2/s"]);
  await importing.until(async () => (await sandbox.stats()).applied >= 1);
  for (const command of [
    ["export", "-"],
    ["get", "abc", "-g", "42"],
    ["prune", "-g", "42", "--yes"],
  ]) {
    const refused = await scene.run(["ledger", ...command]);
    expect(refused).toMatchObject({ code: 3, stdout: "" });
    expect(refused.stderr).toContain(String(importing.pid));
  }

  await importing.kill("SIGINT");
  expect((await importing.ended).code).toBe(130);
  const added = await sandbox.record();
  const [first] = added;
  const row = [first?.traceId ?? "", first?.spanId ?? "", "-g", "42", "--base-url", sandbox.url];
  const marked = await scene.run(["ledger", "mark", "absent", ...row, "--why", "taken out by hand", "--yes"]);
  expect(marked.code).toBe(0);
  const shown = await scene.run(["ledger", "get", ...row, "--json"]);
  expect(JSON.parse(shown.stdout)).toMatchObject({
    state: "none",
    notes: [{ decision: "absent", why: "taken out by hand" }],
  });
  const prune = ["ledger", "prune", "-g", "42", "--base-url", sandbox.url, "--yes", "--json"];
  const pruned = await scene.run(prune);
  expect(JSON.parse(pruned.stdout)).toMatchObject({ removed: added.length - 1, unknown: 0, sending: 0 });
}, 90_000);

test("a wrong word after ledger says which words there are", async () => {
  const scene = await openScene("ledger-usage");
  for (const args of [
    ["ledger"],
    ["ledger", "gte", "abc"],
    ["ledger", "mark", "maybe", "abc", "--why", "x"],
  ]) {
    const wrong = await scene.run(args);
    expect(wrong).toMatchObject({ code: 64, stdout: "" });
    expect(wrong.stderr).toMatch(/next: traceload ledger (?:mark )?--help/);
  }
  const piped = ["ledger", "mark", "added", "--from", "-", "-g", "42", "--why", "x", "--yes"];
  const once = await scene.run(piped, { stdin: "trace_id\nabc\n" });
  expect(once).toMatchObject({ code: 64, stdout: "" });
  expect(once.stderr).toContain("a pipe cannot be");
  const unsaid = await scene.run(["ledger", "mark", "added", "abc", "-g", "42"]);
  expect(unsaid.code).toBe(64);
  expect(unsaid.stderr).toContain("--why");
}, 60_000);
