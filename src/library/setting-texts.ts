/** From options to the texts that settings are parsed from: a value means the same wherever it is written. */
import { SETTINGS, type SettingName } from "../../config/settings.ts";
import { TraceloadError } from "../core/errors.ts";

/** Numbers of these are milliseconds. */
const DURATIONS: ReadonlySet<string> = new Set<SettingName>([
  "timeout",
  "horizon",
  "grace",
  "publishWait",
  "sendWindow",
  "leaseTtl",
  "lockTime",
  "stalledCheck",
  "sweepInterval",
  "retryBase",
  "retryCap",
  "retention",
]);

export type SettingTexts = Partial<Record<SettingName, string>>;

/** `allowed`: the names that the function takes. Throws `wrong_usage` for another one, and for what is no value. */
export function settingTexts(options: object, allowed: readonly SettingName[]): SettingTexts {
  const texts: SettingTexts = {};
  for (const [key, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    const name = allowed.find((one) => one === key);
    if (name === undefined)
      throw new TraceloadError("wrong_usage", `there is no option ${JSON.stringify(key)}`);
    texts[name] = textOf(name, value);
  }
  return texts;
}

function textOf(name: SettingName, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean" && SETTINGS[name].flagOnly) return String(value);
  if (typeof value === "number" && Number.isFinite(value) && !SETTINGS[name].flagOnly) {
    if (DURATIONS.has(name)) return `${value}ms`;
    return name === "rate" ? `${value}/s` : String(value);
  }
  throw new TraceloadError("wrong_usage", `${name}: ${typeof value} is none of the types that it takes`);
}

const SENDING = [
  "rate",
  "timeout",
  "horizon",
  "maxAttempts",
  "maxErrors",
  "grace",
  "onUnknown",
  "onDraftChange",
  "publish",
  "publishWait",
  "retryBase",
  "retryCap",
  "reportDir",
] as const satisfies SettingName[];

export const CLIENT_SETTINGS = [
  ...SENDING,
  "baseUrl",
  "store",
  "sandbox",
  "sandboxRecord",
  "concurrency",
  "sendWindow",
  "leaseTtl",
  "lockTime",
  "stalledCheck",
  "sweepInterval",
  "retention",
] as const satisfies SettingName[];

export const IMPORT_SETTINGS = [
  ...SENDING,
  "datasetGroup",
  "format",
  "traceColumn",
  "spanColumn",
  "groupColumn",
  "unit",
  "rootOnly",
  "padIds",
  "skip",
  "limit",
  "allowEmpty",
  "runId",
  "force",
  "fresh",
  "acceptChangedSource",
] as const satisfies SettingName[];

export const RERUN_SETTINGS = [...SENDING, "runId", "limit"] as const satisfies SettingName[];

export const VERIFY_SETTINGS = ["reportDir"] as const satisfies SettingName[];
