/** From options to the texts that settings are parsed from: a value means the same wherever it is written. */
import {
  PROCESS_SETTINGS,
  SANDBOX_SETTINGS,
  SENDING_SETTINGS,
  SOURCE_SETTINGS,
} from "../../config/setting-lists.ts";
import { SETTINGS, type SettingName } from "../../config/settings.ts";
import { timeOrAge, UNITS } from "../../config/units.ts";
import { TraceloadError } from "../core/errors.ts";
import type * as options from "./options.ts";

/** Settings that are options of that function. */
type SettingsOf<Options> = readonly (SettingName & keyof Options)[];

export const CLIENT_SETTINGS = [
  ...SENDING_SETTINGS,
  ...PROCESS_SETTINGS,
  ...SANDBOX_SETTINGS,
  "baseUrl",
  "store",
  "reportDir",
  "retention",
] as const satisfies SettingsOf<options.TraceloadOptions>;

export const IMPORT_SETTINGS = [
  ...SOURCE_SETTINGS,
  ...SENDING_SETTINGS,
  "reportDir",
  "runId",
  "force",
  "fresh",
  "acceptChangedSource",
] as const satisfies SettingsOf<options.ImportOptions>;

export const RERUN_SETTINGS = [
  ...SENDING_SETTINGS,
  "reportDir",
  "runId",
  "limit",
] as const satisfies SettingsOf<options.RerunOptions>;

export const RESUME_SETTINGS = [
  ...SENDING_SETTINGS,
  "reportDir",
  "acceptChangedSource",
] as const satisfies SettingsOf<options.ResumeOptions>;

export const VERIFY_SETTINGS = ["reportDir"] as const satisfies SettingsOf<options.VerifyOptions>;

export const PUBLISH_SETTINGS = [
  "publishWait",
  "reportDir",
] as const satisfies SettingsOf<options.PublishOptions>;

export type SettingTexts = Partial<Record<SettingName, string>>;

/** `allowed`: the names that the function takes. Throws `wrong_usage` for another one, and for what is no value. */
export function settingTexts(given: object, allowed: readonly SettingName[]): SettingTexts {
  const texts: SettingTexts = {};
  for (const [key, value] of Object.entries(given) as [string, unknown][]) {
    if (value === undefined) continue;
    const name = allowed.find((one) => one === key);
    if (name === undefined)
      throw new TraceloadError("wrong_usage", `there is no option ${JSON.stringify(key)}`);
    texts[name] = textOf(name, value);
  }
  return texts;
}

function textOf(name: SettingName, value: unknown): string {
  const { flagOnly, many, schema } = SETTINGS[name];
  if (typeof value === "string") return value;
  if (typeof value === "boolean" && flagOnly) return String(value);
  if (typeof value === "number" && Number.isFinite(value) && !flagOnly)
    return `${value}${UNITS.get(schema) ?? ""}`;
  if (value instanceof Date && schema === timeOrAge && !Number.isNaN(value.getTime()))
    return value.toISOString();
  if (Array.isArray(value) && many && value.every((line) => typeof line === "string"))
    return value.join("\n");
  throw new TraceloadError("wrong_usage", `${name}: ${typeof value} is none of the types that it takes`);
}
