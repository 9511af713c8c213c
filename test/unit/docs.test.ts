/** Holds the docs against the code: flags, settings, codes, columns, faults, and the commands that they show. */
import { existsSync, globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { environmentName, flagName, SETTINGS, type SettingName } from "../../config/settings.ts";
import { commandName, type Command } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/command-table.ts";
import { GLOBAL_SETTINGS } from "../../src/cli/flags.ts";
import { classify } from "../../src/core/classify.ts";
import { ERROR_CODES } from "../../src/core/errors.ts";
import type { UnknownReason } from "../../src/core/outcome.ts";
import { ROW_STATUSES } from "../../src/core/status.ts";
import { checkSyncFile } from "../../config/sync-file.ts";
import { fileJsonSchema } from "../../config/file-schema.ts";
import { syncFields } from "../../config/sync-schema.ts";
import { REPORT_COLUMNS } from "../../src/report/columns.ts";
import { EXIT_CODES } from "../../src/report/exit-code.ts";
import { FAULT_KINDS } from "../../src/sandbox/fault.ts";
import { namesIdentity } from "../../src/sources/columns.ts";
import { FORMATS } from "../../src/sources/formats/registry.ts";
import { INVALID_ROW_CODES } from "../../src/sources/row-problems.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const NAMES = Object.keys(SETTINGS) as SettingName[];

const read = (file: string): string => readFileSync(path.join(ROOT, file), "utf8");

const PAGES = ["README.md", "CHANGELOG.md", ...globSync("docs/**/*.md", { cwd: ROOT })].sort();
const commandLine = read("docs/reference/command-line.md");
const errors = read("docs/reference/errors.md");
const settingsPage = read("docs/reference/settings.md");

const ENTRIES = COMMANDS.flatMap((one) => ("group" in one ? one.commands : [one]));

async function allCommands(): Promise<Map<string, Command>> {
  const commands = new Map<string, Command>();
  for (const entry of ENTRIES) commands.set(commandName(entry), await entry.load());
  return commands;
}

const BY_NAME = await allCommands();

/** Below the heading, as far as the next one of its rank or above. */
function section(page: string, heading: string): string {
  const lines = page.split("\n");
  const start = lines.indexOf(heading);
  if (start === -1) throw new Error(`there is no heading ${JSON.stringify(heading)}`);
  const rank = heading.indexOf(" ");
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => new RegExp(`^#{1,${rank}} `).test(line));
  return rest.slice(0, end === -1 ? undefined : end).join("\n");
}

/** The tables' rows as cells, heads left out. */
function tableRows(text: string): string[][] {
  const rows = text
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .replaceAll(String.raw`\|`, "/")
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const isRule = (row: string[] | undefined) => row?.every((cell) => /^-+$/.test(cell)) === true;
  return rows.filter((row, index) => !isRule(row) && !isRule(rows[index + 1]));
}

/** What stands in backticks. */
function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, inner]) => inner ?? "");
}

function firstCells(text: string): string[] {
  return tableRows(text).flatMap(([first]) => quoted(first ?? ""));
}

function typedFlags(settings: readonly SettingName[]): string[] {
  return settings.flatMap((name) => {
    const { alias, hidden } = SETTINGS[name];
    if (hidden) return [];
    return [...(alias === undefined ? [] : [`-${alias}`]), `--${flagName(name)}`];
  });
}

describe("the command line's page", () => {
  it("has a section for each command, and no other", () => {
    const sections = [...commandLine.matchAll(/^## traceload (.+)$/gm)].map(([, name]) => name ?? "");
    expect(sections.sort()).toEqual([...BY_NAME.keys()].sort());
  });

  it("shows each command's usage and what it is called with", () => {
    for (const { usage } of ENTRIES) expect(commandLine).toContain(`\ntraceload ${usage} `);
  });

  it("lists the flags that every command takes", () => {
    const listed = firstCells(section(commandLine, "## Flags of every command"));
    expect(listed.sort()).toEqual(
      [...typedFlags(GLOBAL_SETTINGS), "--config", "-h", "--help", "--version"].sort(),
    );
  });

  it.each([...BY_NAME.keys()])("lists the flags of %s, and no other", (name) => {
    const { settings, ownFlags = {} } = BY_NAME.get(name) ?? { settings: [] };
    const own = Object.keys(ownFlags).map((flag) => `--${flag}`);
    const listed = firstCells(section(commandLine, `## traceload ${name}`));
    expect(listed.sort()).toEqual([...typedFlags(settings), ...own].sort());
  });

  it("gives each setting's default", () => {
    for (const [flag = "", fallback = ""] of tableRows(commandLine)) {
      const name = NAMES.find((candidate) => quoted(flag).includes(`--${flagName(candidate)}`));
      const setting = name === undefined ? undefined : SETTINGS[name];
      if (setting === undefined || setting.flagOnly || setting.default === undefined) continue;
      expect({ flag, fallback }).toEqual({ flag, fallback: `\`${setting.default}\`` });
    }
  });

  it("lists the exit codes, and no other", () => {
    const listed = tableRows(section(commandLine, "## Exit codes")).map(([code]) => Number(code));
    expect(listed).toEqual(Object.values(EXIT_CODES).sort((a, b) => a - b));
    for (const code of Object.values(ERROR_CODES)) expect(listed).toContain(code);
  });
});

describe("the page of settings", () => {
  it("lists every setting with its variable and default, hidden ones apart", () => {
    const listed = (heading: string) =>
      tableRows(section(settingsPage, heading))
        .filter(([flag = ""]) => flag.startsWith("`--"))
        .map(([flag = "", variable = "", fallback = ""]) =>
          [quoted(flag)[0], quoted(variable)[0], fallback].join(" "),
        );
    const wanted = (hidden: boolean) =>
      NAMES.filter((name) => SETTINGS[name].hidden === hidden).map((name) => {
        const fallback = SETTINGS[name].default;
        const shown = name === "sandboxRecord" ? "beside the store" : fallback && `\`${fallback}\``;
        return [`--${flagName(name)}`, environmentName(name), shown ?? ""].join(" ");
      });
    expect(listed("## All settings").sort()).toEqual(wanted(false).sort());
    expect(listed("## Times and tuning").sort()).toEqual(wanted(true).sort());
  });
});

describe("the page of errors", () => {
  it("has one heading for each fault, with its exit code, and no other", () => {
    const faults = section(errors, "## Faults");
    const headings = [...faults.matchAll(/^### `(\w+)`$/gm)].map(([, code]) => code ?? "");
    expect(headings.sort()).toEqual(Object.keys(ERROR_CODES).sort());
    for (const [code, exitCode] of Object.entries(ERROR_CODES)) {
      expect(section(errors, `### \`${code}\``).trim()).toMatch(new RegExp(`^Exit code ${exitCode}\\. `));
    }
  });

  it("lists the codes of invalid rows, and no other", () => {
    expect(firstCells(section(errors, "### Invalid rows")).filter(isCode).sort()).toEqual(
      Object.keys(INVALID_ROW_CODES).sort(),
    );
  });

  it("lists the codes of rejected rows, and no other", () => {
    const bodies = ['{"success":false,"message":"no"}', "<html>", undefined];
    const codes = new Set<string>();
    for (let status = 100; status < 600; status += 1) {
      for (const body of bodies) {
        const answer = { phase: "answered", status, retryAfter: undefined, body } as const;
        const outcome = classify(answer, { sentSpan: false, nowMs: 0 });
        if (outcome.kind === "rejected") codes.add(outcome.code.replace(/\d+$/, "<status>"));
      }
    }
    expect(firstCells(section(errors, "### Rejected rows")).sort()).toEqual([...codes].sort());
  });

  it("lists the codes of unknown rows, and no other", () => {
    const reasons: Record<UnknownReason, true> = {
      timeout: true,
      connection_lost: true,
      server_error: true,
      unreadable_answer: true,
      worker_lost: true,
    };
    expect(firstCells(section(errors, "### Unknown rows")).sort()).toEqual(
      [...Object.keys(reasons), "held"].sort(),
    );
  });

  it("names every code that the code of jobs, use cases and stores gives to a row or a run", () => {
    const listed = new Set([...firstCells(errors), ...Object.keys(ERROR_CODES)]);
    const texts = globSync(["jobs/*.ts", "src/app/*.ts", "src/core/classify.ts"], { cwd: ROOT }).map(read);
    const given = texts.flatMap((text) =>
      [...text.matchAll(/\bcode: "(\w+)"|= "([a-z]+_[a-z_]+)";/g)].map(([, a, b]) => a ?? b ?? ""),
    );
    expect(given).toContain("rate_limited");
    expect(given).toContain("mode_mismatch");
    expect(given.filter((code) => !listed.has(code))).toEqual([]);
    for (const store of ["redis", "sql"]) {
      const scripts = globSync(`src/store/${store}/**/*.ts`, { cwd: ROOT }).map(read).join("\n");
      for (const code of ["held", "worker_lost", "landed_late"]) expect(scripts).toContain(code);
    }
    expect(listed).toContain("landed_late");
  });
});

describe("the page of syncs", () => {
  const page = read("docs/reference/syncs.md");
  const schema = z.toJSONSchema(syncFields, { io: "input" }).properties ?? {};

  it("lists every key, and no other", () => {
    const keys = section(page, "## Keys").split("\n### ")[0] ?? "";
    const listed = [...firstCells(keys), ...quoted(/^The others are .*$/m.exec(keys)?.[0] ?? "")];
    expect(listed.filter((key) => key !== "traceload import").sort()).toEqual(Object.keys(schema).sort());
  });

  it.each(["schedule", "catch-up", "watermark", "carry", "notify"])("lists what stands below %s", (key) => {
    const found = schema[key];
    const inner = typeof found === "object" && typeof found.items === "object" ? found.items : found;
    const properties = typeof inner === "object" && "properties" in inner ? inner.properties : undefined;
    expect(firstCells(section(page, `### \`${key}\``)).sort()).toEqual(Object.keys(properties ?? {}).sort());
  });

  it("has its schema and its example beside it, as the code has them", () => {
    expect(JSON.parse(read("config/traceload.schema.json"))).toEqual(fileJsonSchema());
    const configFile = path.join(ROOT, "examples/traceload.yaml");
    const { syncs, problems } = checkSyncFile({ configFile, environment: {} });
    expect({ problems, names: syncs.map(({ name }) => name) }).toEqual({
      problems: [],
      names: ["nightly-exports", "bad-answers"],
    });
  });
});

describe("the other pages", () => {
  it("list the columns and statuses of the report in their order", () => {
    const report = read("docs/reference/report.md");
    expect(firstCells(section(report, "## Columns"))).toEqual([...REPORT_COLUMNS]);
    expect(firstCells(section(report, "## Statuses"))).toEqual([...ROW_STATUSES]);
  });

  it("list the faults of the sandbox, and no other", () => {
    const kinds = (text: string) => [...text.matchAll(/[a-z0-9<][\w<>:-]*[a-z>]/g)].map(([kind]) => kind);
    const known = FAULT_KINDS.flatMap((line) => kinds(line.replace(/, e\.g\..*| \(.*/, "")));
    const listed = firstCells(section(read("docs/reference/sandbox.md"), "## Faults"));
    expect(listed.filter((kind) => !/^\d+$/.test(kind)).sort()).toEqual(known.sort());
  });

  it("have a heading and a line of the table for each format", () => {
    const names = FORMATS.map(({ name }) => name).sort();
    const headings = [...read("docs/reference/formats.md").matchAll(/^## `([\w-]+)`$/gm)];
    expect(headings.map(([, name]) => name ?? "").sort()).toEqual(names);
    const listed = firstCells(section(read("docs/reference/sources.md"), "## Formats"));
    expect(listed.filter((name) => name !== "auto").sort()).toEqual(names);
  });

  it("name only columns that are known", () => {
    const rows = tableRows(section(read("docs/reference/sources.md"), "## Columns"));
    const names = rows.flatMap(([, second]) => quoted(second ?? ""));
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !namesIdentity(name))).toEqual([]);
  });

  it("show only commands and flags that there are", () => {
    const shown = PAGES.flatMap(shownCommands);
    expect(shown.length).toBeGreaterThan(15);
    expect(shown.flatMap(commandFaults)).toEqual([]);
  });

  it("link to files and headings that there are", () => {
    expect(PAGES.flatMap(brokenLinks)).toEqual([]);
  });

  it("keep the README to a page or two, its two commands on the first screen", () => {
    const lines = read("README.md").split("\n");
    expect(lines.length).toBeLessThanOrEqual(120);
    const screen = lines.slice(0, 24).join("\n");
    expect(screen).toMatch(/^npm ci && npx traceload import examples\/traces\.csv -g 42 --sandbox\b/m);
    expect(screen).toMatch(/^npm test\b/m);
  });
});

describe("a command that is not there", () => {
  it.each([
    "traceload improt a.csv",
    "traceload ledger gte a -g 42",
    "traceload import --rat 5",
    "traceload worker --rate 5/s",
    "traceload -x",
  ])("is noticed: %s", (line) => {
    expect(commandFaults({ page: "a.md", line })).toHaveLength(1);
  });

  it("is not seen where there is none", () => {
    const line = "PROMPTLAYER_API_KEY=a npx traceload import -g 42 'a b.csv' --store=redis://a --no-color";
    expect(commandFaults({ page: "a.md", line })).toEqual([]);
  });
});

interface ShownCommand {
  page: string;
  line: string;
}

/** Lines of code that type `traceload`, and commands in backticks. */
function shownCommands(page: string): ShownCommand[] {
  const text = read(page);
  const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].flatMap(([, language = "", code = ""]) =>
    language === "" || language === "sh" ? code.split("\n") : [],
  );
  const inline = quoted(text.replaceAll(/^```[\s\S]*?^```/gm, "")).filter((code) => !code.includes("…"));
  return [...blocks, ...inline]
    .map((line) => line.replace(/\s{2,}(?:#.*|[a-z].*)$/, "").replace(/\s+&.*$/, ""))
    .flatMap((line) => /(?:^|[ ;&])((?:npx )?traceload [^\s].*)$/.exec(line)?.[1] ?? [])
    .filter((line) => !line.includes("<command>"))
    .map((line) => ({ page, line }));
}

function commandFaults({ page, line }: ShownCommand): string[] {
  const [first = "", ...words] = line.replace(/^.*?\btraceload /, "").split(" ");
  const command = BY_NAME.get(`${first} ${words[0]}`) ?? BY_NAME.get(first);
  if (command === undefined) return [`${page}: ${line}`];
  const flags = new Set([
    ...[...GLOBAL_SETTINGS, ...command.settings].flatMap((name) => {
      const { alias } = SETTINGS[name];
      return alias === undefined ? [`--${flagName(name)}`] : [`--${flagName(name)}`, `-${alias}`];
    }),
    ...Object.keys(command.ownFlags ?? {}).map((flag) => `--${flag}`),
    "--config",
    "--help",
    "-h",
    "--version",
    "--no-color",
    "-",
  ]);
  const unknown = words.filter((word) => word.startsWith("-") && !flags.has(word.replace(/=.*$/, "")));
  return unknown.map((word) => `${page}: ${line}: ${word}`);
}

function brokenLinks(page: string): string[] {
  return [...read(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target ?? "")
    .filter((target) => !/^https?:/.test(target))
    .filter((target) => {
      const [file = "", anchor] = target.split("#");
      const found = file === "" ? page : path.posix.join(path.posix.dirname(page), file);
      if (!existsSync(path.join(ROOT, found))) return true;
      if (anchor === undefined) return false;
      return !read(found)
        .split("\n")
        .some((line) => /^#+ /.test(line) && anchorOf(line) === anchor);
    })
    .map((target) => `${page}: ${target}`);
}

function anchorOf(heading: string): string {
  return heading
    .replace(/^#+ /, "")
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");
}

function isCode(text: string): boolean {
  return /^[a-z]+(?:_[a-z]+)+$/.test(text);
}
