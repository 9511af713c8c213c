/** Where settings come from: defaults < configuration file < environment < flags. Knows who said what. */
import { existsSync, readFileSync } from "node:fs";
import { parse, YAMLParseError } from "yaml";
import { TraceloadError } from "../src/core/errors.ts";
import { environmentName, flagName, SETTINGS, type SettingName, type Settings } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;
export type SettingOrigin = "default" | "file" | "environment" | "flag";

export interface LoadedSettings {
  settings: Settings;
  /** Where each value came from: some defaults give way to others (the sandbox's rate). */
  origins: Record<SettingName, SettingOrigin>;
}

/** Looked for in the working directory when `--config` and `TRACELOAD_CONFIG` name no other. */
export const CONFIG_FILES = ["traceload.yaml", "traceload.yml", "config/traceload.yaml"] as const;

/** What stands below this key are no settings: it is read by sync-file.ts. */
const SYNCS = "syncs";

const NAMES = Object.keys(SETTINGS) as SettingName[];

/**
 * Throws `config_invalid` (or `wrong_usage` for a flag), naming the place and the value.
 * `flags` holds raw texts by setting name; absent ones are undefined.
 */
export function loadSettings(input: {
  flags: Partial<Record<SettingName, string>>;
  environment: Environment;
  configFile: string | undefined;
  /** Called from a program: no file is read but the one that is named, and places are options instead of flags. */
  fromProgram?: boolean;
}): LoadedSettings {
  const { configFile, environment, fromProgram = false } = input;
  const isNamed = configFile !== undefined || Boolean(environment["TRACELOAD_CONFIG"]);
  const file = fromProgram && !isNamed ? undefined : readConfigFile(configFilePath(configFile, environment));
  const settings: Record<string, unknown> = {};
  const origins: Partial<Record<SettingName, SettingOrigin>> = {};
  for (const name of NAMES) {
    const found = firstGiven(name, input.flags, input.environment, file);
    origins[name] = found.origin;
    if (found.text === undefined) {
      settings[name] = undefined;
      continue;
    }
    const parsed = SETTINGS[name].schema.safeParse(found.text);
    if (!parsed.success) {
      const code = found.origin === "flag" ? "wrong_usage" : "config_invalid";
      const reason = parsed.error.issues[0]?.message ?? "is not valid";
      const said = reason.startsWith('"') ? reason : `${JSON.stringify(found.text)} ${reason}`;
      const place = fromProgram && found.origin === "flag" ? name : found.place;
      throw new TraceloadError(code, `${place}: ${said}`);
    }
    settings[name] = parsed.data;
  }
  return { settings: settings as Settings, origins: origins as Record<SettingName, SettingOrigin> };
}

interface Given {
  text: string | undefined;
  origin: SettingOrigin;
  place: string;
}

function firstGiven(
  name: SettingName,
  flags: Partial<Record<SettingName, string>>,
  environment: Environment,
  file: ConfigFile | undefined,
): Given {
  const flag = flags[name];
  if (flag !== undefined) return { text: flag, origin: "flag", place: `--${flagName(name)}` };
  for (const variable of [environmentName(name), ...(FOREIGN_NAMES[name] ?? [])]) {
    const value = environment[variable];
    if (value !== undefined && value !== "") return { text: value, origin: "environment", place: variable };
  }
  const inFile = file?.values.get(flagName(name));
  if (inFile !== undefined) {
    return { text: inFile, origin: "file", place: `${file?.path}: ${flagName(name)}` };
  }
  return { text: SETTINGS[name].default, origin: "default", place: "default" };
}

/** Names that other tools gave to the same thing. */
const FOREIGN_NAMES: Partial<Record<SettingName, string[]>> = {
  store: ["REDIS_URL"],
  baseUrl: ["PROMPTLAYER_BASE_URL"],
};

function isSingle(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

interface ConfigFile {
  path: string;
  values: Map<string, string>;
}

/** The file that settings and syncs are read from: as it is named, else the first that there is; undefined: none. */
export function configFilePath(named: string | undefined, environment: Environment): string | undefined {
  const given = named ?? (environment["TRACELOAD_CONFIG"] || undefined);
  return given ?? CONFIG_FILES.find((candidate) => existsSync(candidate));
}

function unreadable(path: string, error: unknown): TraceloadError {
  const message = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  const [{ line, col } = { line: 1, col: 1 }] = (error instanceof YAMLParseError && error.linePos) || [];
  const place = error instanceof YAMLParseError ? `:${line}:${col}` : "";
  const reason = message.replace(/ at line \d+, column \d+:?$/, "");
  // What stands there is most often a cron pattern.
  const isAlias = error instanceof YAMLParseError && /\balias\b/i.test(reason);
  const next = isAlias ? { next: 'put in quotes what begins with *: cron: "*/10 * * * *"' } : {};
  return new TraceloadError("config_invalid", `${path}${place}: ${reason}`, { ...next, cause: error });
}

function readConfigFile(path: string | undefined): ConfigFile | undefined {
  if (path === undefined) return undefined;
  let document: unknown;
  try {
    document = parse(readFileSync(path, "utf8"), { strict: true });
  } catch (error) {
    throw unreadable(path, error);
  }
  const values = new Map<string, string>();
  if (document === null || document === undefined) return { path, values };
  if (typeof document !== "object" || Array.isArray(document)) {
    throw new TraceloadError("config_invalid", `${path}: expected "name: value" lines`);
  }
  const known = new Set<string>(NAMES.map(flagName));
  for (const [key, value] of Object.entries(document)) {
    if (key === SYNCS && typeof value === "object") continue;
    if (!known.has(key)) {
      throw new TraceloadError("config_invalid", `${path}: unknown setting ${JSON.stringify(key)}`, {
        next: "traceload import --help   (settings are the flags without the dashes; saved imports stand below syncs:)",
      });
    }
    const isMany = NAMES.some((name) => SETTINGS[name].many && flagName(name) === key);
    const parts: unknown[] = isMany && Array.isArray(value) ? value : [value];
    if (!parts.every(isSingle)) {
      throw new TraceloadError("config_invalid", `${path}: ${key} must be a single value`);
    }
    values.set(key, parts.map(String).join("\n"));
  }
  return { path, values };
}
