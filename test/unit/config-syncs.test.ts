/** The syncs of a configuration file: what they mean, and where what is wrong with them stands. */
import { describe, expect, it } from "vitest";
import { isLiteralSecret, literalSecretIn, resolveAll } from "../../config/references.ts";
import { parseSyncs, readStoredSync } from "../../config/sync-file.ts";

const parse = (text: string, environment: Record<string, string> = {}) =>
  parseSyncs("/etc/traceload.yaml", text, environment);
const problems = (sync: string) =>
  parse(`syncs:\n  a:\n${sync.replaceAll(/^/gm, "    ")}\n`).problems.map((line) =>
    line.replace("/etc/traceload.yaml:", ""),
  );

describe("a sync in the file", () => {
  it("means what it says, and what it does not say is the default", () => {
    const { syncs, problems: none } = parse(`
rate: 5/s
syncs:
  nightly:
    files: exports/*.ndjson
    dataset-group: 42
    schedule: { cron: "0 2 * * *", timezone: Europe/Berlin, jitter: 5m }
    watermark:
`);
    expect(none).toEqual([]);
    expect(syncs[0]?.policy).toEqual({
      schedule: { cron: "0 2 * * *", timezone: "Europe/Berlin", jitterMs: 300_000 },
      overlap: "skip",
      catchUp: { run: "once", windowMs: 86_400_000 },
      watermark: { startMs: undefined, lagMs: 0, overlapMs: 0 },
      carry: { attempts: 5, maxAgeMs: 604_800_000 },
      graceMs: 600_000,
      datasetGroupId: 42,
    });
    expect(syncs[0]?.text["files"]).toEqual(["/etc/exports/*.ndjson"]);
  });

  it("keeps references where secrets may stand, and resolves the others", () => {
    const text = `
syncs:
  a:
    from: \${DATABASE_URL}
    query: select 1
    dataset-group: \${GROUP}
    header: "Authorization: Bearer \${TOKEN}"
`;
    const { syncs } = parse(text, { GROUP: "7", DATABASE_URL: "postgres://u:geheim@h/d", TOKEN: "geheim" });
    expect(syncs[0]?.policy.datasetGroupId).toBe(7);
    expect(syncs[0]?.text).toMatchObject({ from: "${DATABASE_URL}", "dataset-group": "7" });
    expect(JSON.stringify(syncs)).not.toContain("geheim");
    expect(readStoredSync("a", syncs[0]?.text ?? {}).settings.from).toBe("${DATABASE_URL}");
    expect(parse(text).problems).toEqual([
      "/etc/traceload.yaml:6:20: syncs.a.dataset-group: ${GROUP}: GROUP is not set in this environment",
    ]);
  });

  it.each([
    ["files: a\ncarry:\n  max_age: 1d", ["5:16: syncs.a.carry.max_age: there is no such key: write max-age"]],
    ["files: a\ndatasetGroup: 4", ["4:19: syncs.a.datasetGroup: there is no such key: write dataset-group"]],
    [
      "files: a\nrate: fast",
      ['4:11: syncs.a.rate: "fast" is not a rate: write 20/s, 600/m, auto or unlimited'],
    ],
    [
      "files: a\nschedules: {}",
      [expect.stringContaining("syncs.a.schedules: there is no such key: write schedule")],
    ],
    [
      "files: a\nschedule: { every: 1d }",
      [
        "4:5: syncs.a.schedule.cron: is missing",
        "4:24: syncs.a.schedule.every: there is no such key: write cron, timezone, jitter",
      ],
    ],
    [
      "files: a\nnotify: [{ href: x, url: 'https://h/' }]",
      [expect.stringContaining("notify.0.href: there is no such key: write url, secret, on, threshold")],
    ],
    [
      "files: a\nnotify: [{ url: 'http://example.com/' }]",
      [expect.stringContaining("notify.0.url: is no address to post to")],
    ],
    ["files: a\nschedule: { cron: daily }", [expect.stringContaining('"daily" has 1 field:')]],
    ["files: a\nschedule:\n  cron: 0 2 * *", [expect.stringContaining("5:13: syncs.a.schedule.cron:")]],
    ["files: a\nschedule:\n  cron: 61 * * * *", [expect.stringContaining("is no cron pattern")]],
    [
      "files: a\nschedule: { cron: 0 2 * * *, timezone: Mars }",
      [expect.stringContaining('"Mars" is no time zone')],
    ],
    [
      "files: a\nschedule: { cron: '* * * * *', jitter: 1m }",
      [expect.stringContaining("must be shorter than")],
    ],
    ["dataset-group: 4", [expect.stringContaining("syncs.a: names no source")]],
    ["files: a\nlimit: 5", [expect.stringContaining("syncs.a.limit: there is no such key")]],
    ["files: a\nwatermark: { lag: 1m }", [expect.stringContaining("syncs.a.watermark: is for queries")]],
    [
      "files: a\noverlap: cancel-running\ncatch-up: { run: each }",
      [expect.stringContaining("cannot be kept with overlap: cancel-running")],
    ],
    ["query-file: nowhere.sql\nfrom: ${A}", [expect.stringContaining("3:17: syncs.a.query-file: ENOENT")]],
    ["from: postgres://u:geheim@h/d\nquery: x", [expect.stringContaining("holds a secret, its password")]],
    ["from: https://h/x?api_key=geheim", [expect.stringContaining("holds a secret, its parameter api_key")]],
    ['from: https://h/x\nheader: "X-Api-Key: geheim"', [expect.stringContaining("X-Api-Key holds a secret")]],
  ])("is refused with its place: %s", (sync, wanted) => {
    const found = problems(sync);
    expect(found).toEqual(wanted);
    expect(found.join()).not.toContain("geheim");
  });

  it("is refused with its name and line: names, keys that come twice, what is no sync", () => {
    const found = parse("syncs:\n  Wrong Name: {}\n  ok: 5\n").problems;
    expect(found[0]).toContain(':2:3: "Wrong Name" is no name for a sync');
    expect(found[1]).toContain(":3:7: syncs.ok: must hold a source");
    expect(parse("syncs:\n  a: { files: x }\n  a: { files: y }\n").problems[0]).toContain(":3:");
    expect(parse("syncs: [a]\n").problems[0]).toContain("must be names");
  });
});

describe("references", () => {
  it("are resolved wherever texts stand, and what is missing is named once", () => {
    const value = { a: ["${X}-${Y}", 5], b: { c: "${X}", d: "$X ${ Z}" } };
    expect(resolveAll(value, { X: "1", Y: "2" })).toEqual({
      value: { a: ["1-2", 5], b: { c: "1", d: "$X ${ Z}" } },
      missing: [],
    });
    expect(resolveAll(value, { Y: "" }).missing).toEqual(["X"]);
  });

  it("tell a secret that stands in the text from one that does not", () => {
    expect(literalSecretIn("postgres://u:${PW}@h/d")).toBeUndefined();
    expect(literalSecretIn("postgres://u@h/d?sslmode=require")).toBeUndefined();
    expect(literalSecretIn("https://h/x?token=${T}")).toBeUndefined();
    expect(isLiteralSecret("Authorization", "Bearer ${T}")).toBe(false);
    expect(isLiteralSecret("Authorization", "Bearer abc")).toBe(true);
    expect(isLiteralSecret("Accept", "application/json")).toBe(false);
  });
});
