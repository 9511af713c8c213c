/** Every setting: how it is written, what is refused and how that is said, and who has the last word. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadSettings, type Environment } from "../../config/load.ts";
import { environmentName, flagName, SETTINGS, type SettingName } from "../../config/settings.ts";
import { runOptions } from "../../src/app/run-options.ts";
import { TraceloadError } from "../../src/core/errors.ts";

const NAMES = Object.keys(SETTINGS) as SettingName[];
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "traceload-config-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Away from a settings file that may lie in the working directory. */
function load(
  flags: Partial<Record<SettingName, string>> = {},
  environment: Environment = {},
  yaml = "# nothing\n",
) {
  const path = join(directory, "traceload.yaml");
  writeFileSync(path, yaml);
  return loadSettings({ flags, environment, configFile: path });
}

function fault(act: () => unknown): TraceloadError {
  try {
    act();
  } catch (error) {
    if (error instanceof TraceloadError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** A good value other than the default, what it becomes, and values that are refused. */
const CASES: Record<SettingName, [good: string, parsed: unknown, bad: string[]]> = {
  datasetGroup: ["42", 42, ["0", "-1", "4.2", "abc", "", "99999999999999999999"]],
  format: ["csv", "csv", ["CSV", "xlsx"]],
  traceColumn: ["id", "id", []],
  spanColumn: ["span", "span", []],
  groupColumn: ["group", "group", []],
  map: [
    'trace_id=a.b[0]["c d"]\nspan_id=2',
    { trace: 'a.b[0]["c d"]', span: "2" },
    ["trace_id", "trace_id=", "id=x", "trace_id=a..b"],
  ],
  where: ["a.b = 1\n\nc!=", ["a.b = 1", "c!="], ["a", "=1", "a..b=1"]],
  unit: ["span", "span", ["spans"]],
  skip: ["3", 3, ["-1", "x"]],
  limit: ["5", 5, ["0", "x"]],
  from: ["https://h/traces.csv", "https://h/traces.csv", []],
  query: ["select 1", "select 1", []],
  queryFile: ["q.sql", "q.sql", []],
  body: ["{}", "{}", []],
  bodyFile: ["q.json", "q.json", []],
  contentType: ["text/csv", "text/csv", []],
  header: ["A: 1\nB: 2", ["A: 1", "B: 2"], []],
  since: [
    "24h",
    { kind: "age", text: "24h", ms: 86_400_000 },
    ["yesterday", "24", "2026-02-30", "2026-13-01"],
  ],
  until: [
    "2026-11-27T14:30:00.123456+02:00",
    { kind: "instant", text: "2026-11-27T14:30:00.123456+02:00", at: "2026-11-27T12:30:00.123456Z" },
    ["2026-11-27T25:00Z", "now()"],
  ],
  pageCursor: ["next_cursor", "next_cursor", []],
  pageInto: ["query:cursor", "query:cursor", []],
  maxSourceSize: ["1.5GiB", 1_610_612_736, ["0B", "4", "4GiBs", "lots"]],
  sourceTimeout: ["2m", 120_000, ["0s", "60"]],
  allowEmpty: ["true", true, ["maybe"]],
  rootOnly: ["true", true, ["maybe"]],
  padIds: ["true", true, ["maybe"]],
  dryRun: ["yes", true, ["maybe"]],
  remote: ["all", { rows: undefined }, ["none", "0", "-1", "1.5"]],
  rate: ["600/m", { perSecond: 10, search: false }, ["0/s", "10", "10/d", "-1/s", "0.5/h", "fast", "1e3/s"]],
  concurrency: ["8", 8, ["0", "many"]],
  timeout: ["1.5s", 1_500, ["60", "0s", "25d", "soon", "-1s"]],
  horizon: ["0s", 0, ["120", "30d"]],
  maxAttempts: ["1", 1, ["0"]],
  drainTimeout: ["20s", 20_000, ["0s", "20"]],
  healthPort: ["8080", 8080, ["-1", "65536", "http"]],
  healthHost: ["0.0.0.0", "0.0.0.0", []],
  maxErrors: ["5%", { rows: undefined, percent: 5 }, ["0%", "101%", "1.5", "-1", "some"]],
  grace: ["10m", 600_000, ["10"]],
  onUnknown: ["retry", "retry", ["ask"]],
  onDraftChange: ["stop", "stop", ["halt"]],
  runId: ["nightly_1", "nightly_1", ["", "a b", "ä", "x".repeat(65)]],
  force: ["yes", true, ["maybe"]],
  fresh: ["yes", true, ["maybe"]],
  acceptChangedSource: ["1", true, ["maybe"]],
  detach: ["1", true, ["maybe"]],
  sandbox: ["TRUE", true, ["maybe"]],
  reportDir: ["out", "out", []],
  json: ["true", true, ["maybe"]],
  progress: ["none", "none", ["loud"]],
  logLevel: ["trace", "trace", ["verbose"]],
  quiet: ["true", true, ["maybe"]],
  color: ["no", false, ["maybe"]],
  store: ["redis://h:1", "redis://h:1", []],
  baseUrl: ["https://h", "https://h", ["", "foo", "http://", "ftp://x", "api.promptlayer.com"]],
  sendWindow: ["1s", 1_000, ["0s"]],
  leaseTtl: ["1s", 1_000, ["0s"]],
  lockTime: ["1s", 1_000, ["0ms"]],
  stalledCheck: ["1s", 1_000, ["0s"]],
  sweepInterval: ["1s", 1_000, ["0s"]],
  retryBase: ["0s", 0, ["0"]],
  retryCap: ["1ms", 1, ["1"]],
  highWater: ["10", 10, ["0"]],
  publish: ["if-clean", "if-clean", ["yes", "sometimes"]],
  publishWait: ["5s", 5_000, ["5"]],
  syncs: ["off", "off", ["yes"]],
  syncReportDir: ["reports", "reports", []],
  retention: ["365d", 31_536_000_000, ["30"]],
  sandboxRecord: ["record.ndjson", "record.ndjson", []],
};

describe("every setting", () => {
  test("has its case here", () => {
    expect(Object.keys(CASES).toSorted()).toEqual([...NAMES].toSorted());
  });

  test.each(NAMES)("%s is read from its flag, its variable and the file", (name) => {
    const [good, parsed] = CASES[name];
    const byFlag = load({ [name]: good });
    expect([byFlag.settings[name], byFlag.origins[name]]).toEqual([parsed, "flag"]);
    const byVariable = load({}, { [environmentName(name)]: good });
    expect([byVariable.settings[name], byVariable.origins[name]]).toEqual([parsed, "environment"]);
    const byFile = load({}, {}, `${flagName(name)}: ${JSON.stringify(good)}\n`);
    expect([byFile.settings[name], byFile.origins[name]]).toEqual([parsed, "file"]);
  });

  const bad = NAMES.flatMap((name) => CASES[name][2].map((value) => [name, value] as const));
  test.each(bad)("%s refuses %j, and names the place and the value", (name, value) => {
    const byFlag = fault(() => load({ [name]: value }));
    expect(byFlag.code).toBe("wrong_usage");
    expect(byFlag.message).toMatch(`--${flagName(name)}: ${JSON.stringify(value)} `);
    const byFile = fault(() => load({}, {}, `${flagName(name)}: ${JSON.stringify(value)}\n`));
    expect(byFile.code).toBe("config_invalid");
    expect(byFile.message).toContain(`traceload.yaml: ${flagName(name)}: ${JSON.stringify(value)} `);
    // An empty variable is one that is not set.
    if (value === "") return;
    const byVariable = fault(() => load({}, { [environmentName(name)]: value }));
    expect(byVariable.code).toBe("config_invalid");
    expect(byVariable.message).toContain(`${environmentName(name)}: ${JSON.stringify(value)} `);
  });

  test("a base URL that is none is refused with an example, and without a password in it", () => {
    expect(fault(() => load({ baseUrl: "foo" })).message).toContain("https://api.promptlayer.com");
    const { message } = fault(() => load({ baseUrl: "https//someone:p@ss-word@host" }));
    expect(message).toContain('"…@host"');
    expect(message).not.toMatch(/someone|ss-word/);
  });

  test("has a default that is good, or none", () => {
    const { settings, origins } = load();
    expect(Object.values(origins).every((origin) => origin === "default")).toBe(true);
    expect(settings).toMatchObject({
      rate: { perSecond: 10 },
      timeout: 60_000,
      horizon: 120_000,
      store: "pglite:.traceload",
      baseUrl: "https://api.promptlayer.com",
      datasetGroup: undefined,
    });
  });

  test("that a run remembers is accepted again when the run is worked on", () => {
    const { settings } = load({ timeout: "1ms", sendWindow: "1ms", horizon: "0s", grace: "0.2ms" }, {});
    const kept = {
      timeoutMs: settings.timeout,
      horizonMs: settings.horizon,
      sendWindowMs: settings.sendWindow,
      maxAttempts: settings.maxAttempts,
      retryBaseMs: settings.retryBase,
      retryCapMs: settings.retryCap,
      graceMs: settings.grace,
      limiter: "x",
    };
    expect(runOptions.safeParse(kept).success).toBe(true);
  });

  test("durations are whole milliseconds: a store keeps no fractions", () => {
    expect(load({ timeout: "1.0006s" }).settings.timeout).toBe(1_001);
  });
});

describe("who has the last word", () => {
  const FILE = "rate: 1/s\ntimeout: 1s\nstore: pglite:file\n";

  test("a flag over a variable over the file over the default", () => {
    const environment = { TRACELOAD_RATE: "2/s", TRACELOAD_TIMEOUT: "2s" };
    const { settings, origins } = load({ rate: "3/s" }, environment, FILE);
    expect(settings).toMatchObject({ rate: { perSecond: 3 }, timeout: 2_000, store: "pglite:file" });
    expect(origins).toMatchObject({ rate: "flag", timeout: "environment", store: "file", unit: "default" });
  });

  test("TRACELOAD_STORE over REDIS_URL, TRACELOAD_BASE_URL over PROMPTLAYER_BASE_URL", () => {
    const foreign = { REDIS_URL: "redis://r", PROMPTLAYER_BASE_URL: "https://p" };
    expect(load({}, foreign).settings).toMatchObject({ store: "redis://r", baseUrl: "https://p" });
    const own = { ...foreign, TRACELOAD_STORE: "redis://t", TRACELOAD_BASE_URL: "https://t" };
    expect(load({}, own).settings).toMatchObject({ store: "redis://t", baseUrl: "https://t" });
  });

  test("an empty variable says nothing", () => {
    const environment = { TRACELOAD_RATE: "", REDIS_URL: "", TRACELOAD_CONFIG: "" };
    expect(load({}, environment, FILE).settings.rate).toEqual({ perSecond: 1, search: false });
    expect(() => loadSettings({ flags: {}, environment, configFile: undefined })).not.toThrow();
  });
});

describe("the settings file", () => {
  test("is named by TRACELOAD_CONFIG, and by --config before it", () => {
    const path = join(directory, "named.yaml");
    writeFileSync(path, "skip: 7\n");
    const environment = { TRACELOAD_CONFIG: path };
    expect(loadSettings({ flags: {}, environment, configFile: undefined }).settings.skip).toBe(7);
    const other = join(directory, "other.yaml");
    writeFileSync(other, "skip: 8\n");
    expect(loadSettings({ flags: {}, environment, configFile: other }).settings.skip).toBe(8);
  });

  test("takes numbers and truth values as YAML writes them", () => {
    const { settings } = load({}, {}, "skip: 7\nlimit: 1000\njson: true\nquiet: yes\nmax-errors: 3\n");
    expect(settings).toMatchObject({ skip: 7, limit: 1_000, json: true, quiet: true });
  });

  test.each([
    ["an unknown setting", "rates: 20/s\n", 'traceload.yaml: unknown setting "rates"'],
    ["the key, which has no place there", "api-key: pl_x\n", 'unknown setting "api-key"'],
    ["a list", "rate: [1/s]\n", "traceload.yaml: rate must be a single value"],
    ["no value", "rate:\n", "traceload.yaml: rate must be a single value"],
    ["a bare list", "- rate\n", 'traceload.yaml: expected "name: value" lines'],
    ["a setting given twice", "rate: 1/s\nrate: 2/s\n", "traceload.yaml:2"],
    ["no YAML", "rate: 1/s\n\tskip: 3\n", "traceload.yaml:2"],
  ])("with %s is refused, and the place named", (_, yaml, message) => {
    const refused = fault(() => load({}, {}, yaml));
    expect(refused.code).toBe("config_invalid");
    expect(refused.message).toContain(message);
  });

  test.each(["* 2 * * *", "*/5 * * * *"])(
    "with a cron pattern that begins with a star is told about quotes: %s",
    (cron) => {
      const refused = fault(() =>
        load({}, {}, `syncs:\n  a: { files: b }\n  c:\n    schedule:\n      cron: ${cron}\n`),
      );
      expect(refused.message).toMatch(/traceload\.yaml:5:\d+: [^:]+$/);
      expect(refused.next).toContain("put in quotes");
    },
  );

  test("that is named and not there is a fault; one that is not named may be missing", () => {
    const refused = fault(() =>
      loadSettings({ flags: {}, environment: {}, configFile: join(directory, "no.yaml") }),
    );
    expect(refused.code).toBe("config_invalid");
    expect(refused.message).toContain("no.yaml");
  });
});
