/** Settings that go together: what the commands, and the library's functions, take of them. */
import type { SettingName } from "./settings.ts";

/** Which records are read, and what of them becomes a row. */
export const READING_SETTINGS = [
  "datasetGroup",
  "format",
  "traceColumn",
  "spanColumn",
  "groupColumn",
  "map",
  "where",
  "unit",
  "rootOnly",
  "padIds",
  "skip",
  "limit",
] as const satisfies SettingName[];

/** What a server among the sources is asked. */
export const QUESTION_SETTINGS = [
  "query",
  "queryFile",
  "body",
  "bodyFile",
  "contentType",
  "header",
  "since",
  "until",
  "pageCursor",
  "pageInto",
] as const satisfies SettingName[];

/** Where an import gets its records from. */
export const SOURCE_SETTINGS = [
  ...READING_SETTINGS,
  "from",
  ...QUESTION_SETTINGS,
  "maxSourceSize",
  "sourceTimeout",
  "allowEmpty",
] as const satisfies SettingName[];

/** Times that a run remembers. */
export const RUN_TIMES = [
  "sendWindow",
  "retryBase",
  "retryCap",
  "publishWait",
] as const satisfies SettingName[];

/** Times that a process keeps for all of its runs. */
const PROCESS_TIMES = [
  "leaseTtl",
  "lockTime",
  "stalledCheck",
  "sweepInterval",
] as const satisfies SettingName[];

/** How the rows of a run are sent: it remembers them. */
export const SENDING_SETTINGS = [
  "rate",
  "timeout",
  "horizon",
  "maxAttempts",
  "maxErrors",
  "grace",
  "onUnknown",
  "onDraftChange",
  "publish",
  ...RUN_TIMES,
] as const satisfies SettingName[];

/** What a process keeps for all of its runs. */
export const PROCESS_SETTINGS = ["concurrency", ...PROCESS_TIMES] as const satisfies SettingName[];

/** Of one import: what it does this time. */
export const ONCE_SETTINGS = [
  "dryRun",
  "remote",
  "runId",
  "force",
  "fresh",
  "acceptChangedSource",
  "detach",
] as const satisfies SettingName[];

/** Where requests go that are not meant for the real API. */
export const SANDBOX_SETTINGS = ["sandbox", "sandboxRecord"] as const satisfies SettingName[];
