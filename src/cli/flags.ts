/** From the table of settings to yargs options, and from parsed flags back to raw setting texts. */
import type { Options } from "yargs";
import { flagName, SETTINGS, type SettingName } from "../../config/settings.ts";

const NAMES = Object.keys(SETTINGS) as SettingName[];

/** Flags that every command takes. */
export const GLOBAL_SETTINGS = [
  "store",
  "baseUrl",
  "json",
  "progress",
  "logLevel",
  "quiet",
  "color",
] as const satisfies SettingName[];

const GROUP_TITLES = {
  input: "Input:",
  sending: "Sending:",
  output: "Output:",
  store: "Where:",
  times: "Times:",
  serving: "Serving:",
} as const;

/**
 * yargs options for these settings, in the order of their table. Every value is read as a string; parsing and defaults
 * are the settings' own.
 */
export function flagOptions(names: readonly SettingName[]): Record<string, Options> {
  return Object.fromEntries(
    NAMES.filter((name) => names.includes(name)).map((name) => {
      const { flagOnly, alias, help, hidden, group, default: fallback } = SETTINGS[name];
      const shown = fallback === undefined || flagOnly ? help : `${help} [${fallback}]`;
      const options: Options = {
        type: flagOnly ? "boolean" : "string",
        describe: shown,
        hidden,
        group: GROUP_TITLES[group],
        ...(flagOnly ? {} : { requiresArg: true }),
        ...(alias === undefined ? {} : { alias }),
      };
      return [flagName(name), options];
    }),
  );
}

/** Flags that stand alone although they may have a value get the one that they stand for. */
export function withBareValues(args: readonly string[]): string[] {
  return args.map((arg, index) => {
    const name = NAMES.find((one) => `--${flagName(one)}` === arg);
    const bare = name === undefined ? undefined : SETTINGS[name].bare;
    const next = args[index + 1] ?? "";
    const hasValue = name !== undefined && SETTINGS[name].schema.safeParse(next).success;
    return bare === undefined || hasValue ? arg : `${arg}=${bare}`;
  });
}

/** Only flags that were typed. A flag typed twice: the last one holds, unless it may be given several times. */
export function typedFlags(argv: Readonly<Record<string, unknown>>): Partial<Record<SettingName, string>> {
  const typed: Partial<Record<SettingName, string>> = {};
  for (const name of NAMES) {
    const value = argv[flagName(name)];
    const all: unknown = Array.isArray(value) && SETTINGS[name].many ? value.join("\n") : value;
    const last: unknown = Array.isArray(all) ? all.at(-1) : all;
    if (typeof last === "string" || typeof last === "boolean") typed[name] = String(last);
  }
  return typed;
}
