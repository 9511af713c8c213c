/** Flags of the commands that are proposed after a run: what they need to reach the same store and API. */
import type { LoadedSettings } from "../../config/load.ts";
import { flagName, SETTINGS, type SettingName } from "../../config/settings.ts";

export interface Given {
  loaded: LoadedSettings;
  /** As they were typed, or given by a program. */
  flags: Partial<Record<SettingName, string>>;
}

/** Flags that later commands need to find the same store; a URL with a password is left to the environment. */
export function globalArguments({ loaded }: Given): string[] {
  const { store } = loaded.settings;
  if (loaded.origins.store !== "flag" || hasPassword(store)) return [];
  return ["--store", store];
}

const CARRIED = [
  "datasetGroup",
  "rate",
  "sandbox",
  "sandboxRecord",
  "baseUrl",
  "reportDir",
  "concurrency",
] as const;

/** What a later command on a run needs to mean the same API and store. */
export function addressFlags({ loaded, flags }: Given, origin: string): string[] {
  const named = loaded.origins.baseUrl;
  const elsewhere = origin !== new URL(SETTINGS.baseUrl.default ?? "").origin;
  const address = origin === "sandbox" ? ["--sandbox"] : ["--base-url", flags.baseUrl ?? origin];
  const needed = elsewhere && (origin === "sandbox" || named === "flag" || named === "default");
  return [...(needed ? address : []), ...globalArguments({ loaded, flags })];
}

/** What a later command on a run needs to send its rows where they went before, and to write its report there. */
export function runFlags(given: Given, origin: string): string[] {
  const typed = (["sandboxRecord", "reportDir"] as const).flatMap((name) => {
    const value = given.flags[name];
    return value === undefined ? [] : [`--${flagName(name)}`, value];
  });
  return [...typed, ...addressFlags(given, origin)];
}

/** What the import of the failed rows needs to go where this one went. */
export function importFlags({ loaded, flags }: Given): string[] {
  const carried = CARRIED.flatMap((name) => {
    const value = flags[name];
    if (value === undefined || hasPassword(value)) return [];
    const flag = `--${flagName(name)}`;
    return SETTINGS[name].flagOnly ? (value === "true" ? [flag] : []) : [flag, value];
  });
  return [...carried, ...globalArguments({ loaded, flags })];
}

/** Drivers of databases take one as a parameter, too. */
export function hasPassword(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { password, searchParams } = new URL(url);
  return password !== "" || searchParams.has("password");
}

/** A store's address as it may be shown. */
export function withoutPassword(url: string): string {
  if (!hasPassword(url)) return url;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
