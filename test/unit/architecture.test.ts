/** Holds the house's plan against its code: who may import whom, who may touch the process, nothing done at import. */
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { moduleFacts, type ModuleFacts } from "../support/module-facts.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");

interface Zone {
  /** Its files: a folder, or one file. The first zone that fits is a file's own. */
  place: string;
  /** Zones whose files it may import, beside its own. */
  zones: readonly string[];
  /** Packages it may import, beside those of Node. */
  packages: readonly string[];
  /** Packages of which it may import types. */
  typesOf?: readonly string[];
}

const PARTS = [
  "src/app/",
  "src/sources/",
  "src/sources/remote/",
  "src/promptlayer/",
  "src/notify/",
  "src/queue/",
  "src/report/",
  "src/sandbox/",
];

/** The table of docs/contributing.md. */
const ZONES: readonly Zone[] = [
  { place: "src/core/", zones: [], packages: [] },
  { place: "config/", zones: ["src/core/"], packages: ["zod", "ms", "yaml", "cron-parser"] },
  { place: "jobs/", zones: ["src/core/"], packages: ["p-retry", "zod"] },
  { place: "src/app/", zones: ["src/core/"], packages: ["zod", "cron-parser"] },
  // Whoever asks servers is kept apart from what reads their answers.
  {
    place: "src/sources/remote/",
    zones: ["src/core/", "src/sources/"],
    packages: ["pg", "undici"],
  },
  {
    place: "src/sources/",
    zones: ["src/core/", "src/sources/remote/"],
    packages: ["csv-parse", "hyparquet", "re2js", "tinyglobby", "zod"],
  },
  { place: "src/promptlayer/", zones: ["src/core/"], packages: ["undici", "zod"] },
  { place: "src/notify/", zones: ["src/core/"], packages: ["undici"] },
  { place: "src/queue/", zones: ["src/core/"], packages: ["bullmq", "zod"], typesOf: ["ioredis"] },
  // BullMQ's tables lie beside ours, and are set up with them.
  {
    place: "src/store/sql/queue-schema.ts",
    zones: ["src/store/"],
    packages: ["bullmq"],
  },
  { place: "src/store/redis/", zones: ["src/core/", "src/store/micro-batch.ts"], packages: ["ioredis"] },
  {
    place: "src/store/",
    zones: ["src/core/", "src/store/sql/queue-schema.ts"],
    packages: ["@electric-sql/pglite", "pg"],
  },
  { place: "src/report/", zones: ["src/core/"], packages: [] },
  { place: "src/sandbox/", zones: ["src/core/"], packages: ["zod"] },
  {
    place: "src/wire",
    zones: ["src/core/", "config/", "jobs/", "src/store/", "src/store/redis/", ...PARTS],
    packages: ["ioredis", "zod"],
    typesOf: ["bullmq", "pg"],
  },
  { place: "src/library", zones: ["src/core/", "config/", "src/wire", "src/report/"], packages: [] },
  {
    place: "src/cli/",
    zones: ["src/core/", "config/", "src/wire", "src/report/"],
    packages: ["yargs", "pino", "pino-pretty", "picocolors", "log-update", "cli-table3"],
  },
];

/** The environment is read in `config/`; here it is picked up from the process and handed over. */
const HANDS_ENVIRONMENT_OVER = "src/cli/main.ts";

/** Programs, not modules: they do something when they are started, and nobody imports them. */
const PROGRAMS = new Set(["src/store/pglite/build-template.ts", "src/sources/parquet-thread.ts"]);

type Modules = ReadonlyMap<string, ModuleFacts>;

function zoneOf(file: string): Zone | undefined {
  return ZONES.find(({ place }) => {
    if (place.endsWith("/") || place.endsWith(".ts")) return file.startsWith(place);
    return file === `${place}.ts` || file.startsWith(`${place}/`);
  });
}

function targetOf(file: string, specifier: string): string | undefined {
  return specifier.startsWith(".") ? path.posix.join(path.posix.dirname(file), specifier) : undefined;
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Every import that the table does not allow, as `file: why`. */
function importFaults(modules: Modules): string[] {
  return [...modules].flatMap(([file, { imports }]) => {
    const zone = zoneOf(file);
    if (zone === undefined) return [`${file}: is in no zone of the table`];
    return imports.flatMap(({ specifier, typeOnly }) => {
      if (specifier.startsWith("node:")) return [];
      const target = targetOf(file, specifier);
      if (target === undefined) {
        const allowed = [...zone.packages, ...(typeOnly ? (zone.typesOf ?? []) : [])];
        return allowed.includes(packageOf(specifier)) ? [] : [`${file}: imports ${specifier}`];
      }
      if (!target.endsWith(".ts")) return [`${file}: imports ${specifier}, whose name does not end in .ts`];
      const place = zoneOf(target)?.place;
      if (PROGRAMS.has(target)) return [`${file}: imports the program ${target}`];
      if (place === undefined) return [`${file}: imports ${target}, outside of the table`];
      const allowed =
        place === zone.place || zone.zones.includes(place) || zone.zones.some((one) => one === target);
      return allowed ? [] : [`${file}: imports ${target}`];
    });
  });
}

/** Cycles among imports that are there when the program runs, each named once. */
function cycles(modules: Modules): string[] {
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file);
    if (at !== -1) {
      const loop = trail.slice(at);
      const first = loop.indexOf([...loop].sort()[0] ?? "");
      found.add([...loop.slice(first), ...loop.slice(0, first)].join(" -> "));
      return;
    }
    if (done.has(file)) return;
    for (const { specifier, typeOnly } of modules.get(file)?.imports ?? []) {
      const target = targetOf(file, specifier);
      if (!typeOnly && target !== undefined) visit(target, [...trail, file]);
    }
    done.add(file);
  };
  for (const file of modules.keys()) visit(file, []);
  return [...found];
}

function processFaults(modules: Modules): string[] {
  const readsEnvironment = (file: string) => file.startsWith("config/") || file === HANDS_ENVIRONMENT_OVER;
  const faults: string[] = [];
  for (const [file, { environmentReads, exits }] of modules) {
    if (environmentReads > 0 && !readsEnvironment(file)) faults.push(`${file}: reads process.env`);
    if (exits > 0 && !file.startsWith("src/cli/")) faults.push(`${file}: calls process.exit`);
  }
  return faults;
}

function importEffects(modules: Modules): string[] {
  return [...modules].flatMap(([file, { effects }]) =>
    PROGRAMS.has(file) ? [] : effects.map((effect) => `${file}: ${effect}`),
  );
}

function modulesOfTheHouse(): Modules {
  const files = globSync(["src/**/*.ts", "jobs/**/*.ts", "config/**/*.ts"], { cwd: ROOT });
  return new Map(
    files.sort().map((file) => [file, moduleFacts(readFileSync(path.join(ROOT, file), "utf8"))]),
  );
}

const modulesOf = (texts: Record<string, string>): Modules =>
  new Map(Object.entries(texts).map(([file, text]) => [file, moduleFacts(text)]));

describe("the code of the house", () => {
  const house = modulesOfTheHouse();

  it("is found", () => {
    expect(house.size).toBeGreaterThan(100);
    for (const { place } of ZONES)
      expect([...house.keys()].some((file) => zoneOf(file)?.place === place)).toBe(true);
  });

  it("imports only what the table allows", () => {
    expect(importFaults(house)).toEqual([]);
  });

  it("has no circular imports", () => {
    expect(cycles(house)).toEqual([]);
  });

  it("reads the environment in config alone, and exits in the command line alone", () => {
    expect(processFaults(house)).toEqual([]);
  });

  it("does nothing at import", () => {
    expect(importEffects(house)).toEqual([]);
  });

  it("depends on the packages it uses at run time, and no other", () => {
    const manifest = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    const used = new Set(
      [...house.values()]
        .flatMap(({ imports }) => imports.map(({ specifier }) => specifier))
        .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:"))
        .map(packageOf),
    );
    expect([...used].sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });
});

describe("a rule that is broken", () => {
  it.each([
    ["the core imports a library", "src/core/row.ts", 'import { z } from "zod";'],
    ["the core imports a use case", "src/core/row.ts", 'import { a } from "../app/drafts.ts";'],
    ["a part imports another part", "src/report/a.ts", 'import { a } from "../sources/open.ts";'],
    [
      "a type of another part is imported",
      "src/queue/a.ts",
      'import type { A } from "../store/sql/store.ts";',
    ],
    [
      "a part is imported only when needed",
      "src/app/a.ts",
      'export const f = () => import("../queue/a.ts");',
    ],
    ["a part is passed on", "src/app/a.ts", 'export * from "../queue/a.ts";'],
    ["a type is imported in place", "src/app/a.ts", 'export type A = import("bullmq").Job;'],
    ["a job imports a use case", "jobs/a.ts", 'import { a } from "../src/app/drafts.ts";'],
    ["the command line reaches past the wire", "src/cli/a.ts", 'import { a } from "../queue/a.ts";'],
    ["the library prints", "src/library/a.ts", 'import { a } from "../cli/session.ts";'],
    ["the wire imports the command line", "src/wire/a.ts", 'import { a } from "../cli/main.ts";'],
    ["the wire uses BullMQ itself", "src/wire.ts", 'import { Queue } from "bullmq";'],
    ["the queue makes connections", "src/queue/a.ts", 'import { Redis } from "ioredis";'],
    ["a format asks a server", "src/sources/formats/a.ts", 'import { request } from "undici";'],
    ["HTTP is sent elsewhere", "src/sandbox/a.ts", 'import { Pool } from "undici";'],
    ["a file lies outside of the table", "src/other.ts", "export const a = 1;"],
  ])("is noticed: %s", (_, file, text) => {
    expect(importFaults(modulesOf({ [file]: text }))).toHaveLength(1);
  });

  it("is noticed: imports in a circle", () => {
    const circle = {
      "src/core/a.ts": 'import { b } from "./b.ts"; export const a = () => b;',
      "src/core/b.ts": 'export { c as b } from "./c.ts";',
      "src/core/c.ts": 'import { a } from "./a.ts"; export const c = () => a;',
    };
    expect(cycles(modulesOf(circle))).toEqual(["src/core/a.ts -> src/core/b.ts -> src/core/c.ts"]);
    const types = {
      ...circle,
      "src/core/c.ts": 'import type { a } from "./a.ts"; export type C = typeof a;',
    };
    expect(cycles(modulesOf(types))).toEqual([]);
  });

  it.each([
    ["the environment is read", "src/app/a.ts", 'export const f = () => process.env["A"];'],
    [
      "the environment is imported",
      "src/app/a.ts",
      'import { env } from "node:process"; export const f = () => env;',
    ],
    ["the process is ended", "src/wire.ts", "export const f = () => process.exit(1);"],
  ])("is noticed: %s", (_, file, text) => {
    expect(processFaults(modulesOf({ [file]: text }))).toHaveLength(1);
  });

  it.each([
    ["an await", "export const a = await f();"],
    ["a connection", 'import { Redis } from "ioredis"; export const client = new Redis();'],
    ["a handler", 'process.on("exit", () => undefined);'],
    ["a file is read", 'import { readFileSync } from "node:fs"; export const text = readFileSync("a");'],
    ["a file is read in a table", 'import fs from "node:fs"; export const T = { a: [fs.statSync("a")] };'],
    ["a timer", "const timer = setInterval(() => undefined, 1);"],
    ["a loop", "for (const a of [1]) a.toFixed();"],
    ["a class that does it", "export class A { static at = process.hrtime(); }"],
  ])("is noticed: at import, %s", (_, text) => {
    expect(importEffects(modulesOf({ "src/core/a.ts": text }))).toHaveLength(1);
  });

  it("is not seen where there is none", () => {
    const text = `
      import { readFileSync } from "node:fs";
      import { type Redis } from "ioredis";
      export const TABLE = new Map([["a", /[/"]/]]);
      export const read = (name: string) => readFileSync(name);
      export class A { started = process.hrtime(); stop() { return setTimeout(() => undefined, 1); } }
      export default (a: Redis) => a;`;
    const modules = modulesOf({ "src/queue/a.ts": text });
    expect([...importFaults(modules), ...processFaults(modules), ...importEffects(modules)]).toEqual([]);
  });
});
