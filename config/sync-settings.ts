/** The settings of an import that a sync may have, and which of them keep their references to the environment. */
import { ONCE_SETTINGS, RUN_TIMES } from "./setting-lists.ts";
import { flagName, SETTINGS, type SettingName } from "./settings.ts";

/** Of one command alone, or a sync's own matter: when it runs, which window it reads, whether it goes on. */
const NOT_SAVED = new Set<string>([
  ...ONCE_SETTINGS,
  "sandbox",
  "since",
  "until",
  "allowEmpty",
  // What is beyond it would be passed over, and the watermark would pass it, too.
  "limit",
  // The process's own.
  "concurrency",
]);

/** Hidden ones that a sync may have all the same. */
const TIMES = new Set<string>(RUN_TIMES);

export const SYNC_SETTINGS: readonly SettingName[] = (Object.keys(SETTINGS) as SettingName[]).filter(
  (name) =>
    TIMES.has(name) ||
    ((SETTINGS[name].group === "input" || SETTINGS[name].group === "sending") && !NOT_SAVED.has(name)),
);

/** Where they differ from an import's: a fresh trace may not be visible yet. */
export const SYNC_DEFAULTS: Partial<Record<SettingName, string>> = { grace: "10m" };

/** They say where rows are, and what opens the door: resolved by who reads. All else means the same on every host. */
export const KEEP_REFERENCES = new Set(["files", "from", "query", "body", "header", "notify"]);

export function syncSettingName(flag: string): SettingName | undefined {
  return SYNC_SETTINGS.find((name) => flagName(name) === flag);
}
