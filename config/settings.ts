/**
 * Every setting there is: its name, how it is written, its default and what it is for. The flag (`--dataset-group`),
 * the environment variable (`TRACELOAD_DATASET_GROUP`) and the key in the configuration file (`dataset-group`) all
 * come from the name; the API key is no setting (see credentials.ts).
 */
import { SOURCE_FORMATS } from "../src/core/source.ts";
import { z } from "zod";
import { baseUrl } from "./base-url.ts";
import { conditions, fieldMap, remoteSample } from "./reading.ts";
import {
  ageMs,
  byteSize,
  durationMs,
  errorLimit,
  positiveDurationMs,
  rateLimit,
  timeOrAge,
} from "./units.ts";

export type SettingGroup = "input" | "sending" | "output" | "store" | "times" | "serving";

export interface Setting<T> {
  schema: z.ZodType<T, string>;
  /** As a person would write it; undefined: not set unless given. */
  default: string | undefined;
  /** A flag that takes no value. */
  flagOnly: boolean;
  /** May be given several times: in the environment a line each, in the file a list. Its schema is given the lines. */
  many: boolean;
  /** What the flag stands for without a value. */
  bare?: string;
  alias?: string;
  group: SettingGroup;
  /** One line for `--help`. */
  help: string;
  /** Kept out of `--help`: for tests and tuning; documented in docs/reference/settings.md. */
  hidden: boolean;
}

const text = z.string();
const wholeNumber = (least: number) =>
  z
    .string()
    .regex(/^\d+$/, "is not a whole number")
    .transform(Number)
    .refine((n) => n >= least, `must be at least ${least}`)
    .refine((n) => Number.isSafeInteger(n), "is too large");
const portNumber = wholeNumber(0).refine((n) => n <= 65_535, "must be at most 65535");
const oneOf = <const V extends readonly [string, ...string[]]>(...values: V) =>
  z
    .string()
    .refine((value): value is V[number] => values.includes(value), `must be one of ${values.join(", ")}`);
const yesOrNo = z
  .string()
  .refine(
    (value) => ["true", "false", "1", "0", "yes", "no"].includes(value.toLowerCase()),
    "must be true or false",
  )
  .transform((value) => ["true", "1", "yes"].includes(value.toLowerCase()));

const lines = z.string().transform((value) =>
  value
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== ""),
);

interface Extra {
  default?: string;
  many?: boolean;
  bare?: string;
  alias?: string;
  hidden?: boolean;
}
const setting = <T>(
  group: SettingGroup,
  schema: z.ZodType<T, string>,
  help: string,
  extra: Extra = {},
): Setting<T> => ({
  schema,
  default: extra.default,
  flagOnly: false,
  many: extra.many ?? false,
  group,
  help,
  hidden: extra.hidden ?? false,
  ...(extra.alias === undefined ? {} : { alias: extra.alias }),
  ...(extra.bare === undefined ? {} : { bare: extra.bare }),
});
const toggle = (group: SettingGroup, help: string, extra: Extra = {}): Setting<boolean> => ({
  ...setting(group, yesOrNo, help, { default: "false", ...extra }),
  flagOnly: true,
});

export const SETTINGS = {
  datasetGroup: setting(
    "input",
    wholeNumber(1),
    "dataset group for rows that name none (the number in its URL)",
    { alias: "g" },
  ),
  format: setting("input", oneOf(...SOURCE_FORMATS), "what the files are; auto: what they look like", {
    default: "auto",
  }),
  traceColumn: setting("input", text, "column of the trace ID: a header name, or a number from 1"),
  spanColumn: setting("input", text, "column of the span ID"),
  groupColumn: setting("input", text, "column of the dataset group"),
  map: setting(
    "input",
    fieldMap,
    "where an ID stands that no name tells: trace_id=attributes.tid, span_id=…, dataset_group_id=…; repeatable",
    { many: true },
  ),
  where: setting(
    "input",
    conditions,
    "take only records with FIELD=VALUE, or != < > <= >= ~ (a pattern); repeatable: all must hold",
    { many: true },
  ),
  unit: setting(
    "input",
    oneOf("auto", "trace", "span"),
    "what becomes a row: trace, span, or auto (lists: what a line names; exports of spans: each trace)",
    { default: "auto" },
  ),
  rootOnly: toggle(
    "input",
    "of exports of spans take only the roots: spans that no other one is the parent of",
  ),
  padIds: toggle("input", "give hex IDs their leading zeros back: to 16 digits, longer ones to 32"),
  skip: setting("input", wholeNumber(0), "records to leave out at the start of each file", { default: "0" }),
  limit: setting("input", wholeNumber(1), "most rows to read"),
  from: setting(
    "input",
    text,
    "an https:// address or a Postgres server to read from; ${NAME}: from the environment",
  ),
  query: setting("input", text, "SQL for the Postgres server; :since and :until are parameters"),
  queryFile: setting("input", text, "the same, from a file"),
  body: setting(
    "input",
    text,
    "what is posted to the https:// address: a query, with {{since}} and {{until}}",
  ),
  bodyFile: setting("input", text, "the same, from a file"),
  contentType: setting("input", text, "the content type of what is posted (JSON and text are told apart)"),
  header: setting("input", lines, "a header for the address, again for each: 'Name: ${NAME}'", {
    many: true,
  }),
  since: setting("input", timeOrAge, "what the query is told: a time, or an age such as 24h"),
  until: setting("input", timeOrAge, "likewise; default: when the import begins"),
  pageCursor: setting("input", text, "where an answer says how to go on: next_cursor, header:x-cursor"),
  pageInto: setting("input", text, "where that goes in the next request: query:NAME, body:PATH or url"),
  maxSourceSize: setting("input", byteSize, "most bytes of a source beyond files, received or unpacked", {
    default: "4GiB",
  }),
  sourceTimeout: setting(
    "input",
    positiveDurationMs,
    "how long a server may say nothing, and a statement take",
    {
      default: "5m",
    },
  ),
  allowEmpty: toggle("input", "nothing to read is no error"),
  dryRun: toggle("input", "read and check everything, send nothing"),
  remote: setting(
    "input",
    remoteSample,
    "with --dry-run: ask the API about a sample of the traces and spans (50), so many, or all",
    { bare: "sample" },
  ),

  rate: setting(
    "sending",
    rateLimit,
    "20/s, 600/m, auto or unlimited; one limit for the API key, over all processes",
    {
      default: "10/s",
    },
  ),
  concurrency: setting("sending", wholeNumber(1), "requests in flight per process, at most", {
    default: "32",
  }),
  timeout: setting("sending", positiveDurationMs, "how long one request may take", { default: "60s" }),
  horizon: setting("sending", durationMs, "how long after its timeout a request might still be applied", {
    default: "120s",
  }),
  maxAttempts: setting(
    "sending",
    wholeNumber(1),
    "attempts per row, as long as it was certainly not applied",
    { default: "8" },
  ),
  maxErrors: setting("sending", errorLimit, "stop after this many bad rows, or this share: 100 or 5%"),
  grace: setting("sending", durationMs, "how long a trace that is not found may take to appear", {
    default: "0s",
  }),
  onUnknown: setting(
    "sending",
    oneOf("verify", "hold", "retry"),
    "rows whose outcome is not known: verify (ask the server), hold, or retry (may add them twice)",
    { default: "verify" },
  ),
  onDraftChange: setting(
    "sending",
    oneOf("continue", "pause", "stop"),
    "when somebody publishes the draft meanwhile: continue, pause or stop",
    { default: "continue" },
  ),
  publish: setting(
    "sending",
    oneOf("never", "if-clean", "always"),
    "publish the draft when the run is finished: never, if-clean (every row is in it, verified) or always",
    { default: "never" },
  ),
  runId: setting(
    "sending",
    z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 of A-Z a-z 0-9 _ -"),
    "name of the run (default: from the time)",
  ),
  force: toggle(
    "sending",
    "send what earlier runs added once more: what is in the draft will be there twice (asks, or --yes)",
  ),
  fresh: toggle("sending", "start a new run, also where an earlier one of the same rows could be carried on"),
  acceptChangedSource: toggle(
    "sending",
    "carry a run on although its source has changed: rows go by their IDs",
  ),
  detach: toggle("sending", "enqueue only, and leave the sending to `traceload worker`"),
  sandbox: toggle("sending", "send to a sandbox started inside: no key, no network"),

  reportDir: setting("output", text, "where reports go, one directory a run", {
    default: "traceload-reports",
  }),
  json: toggle("output", "print one JSON object instead of a table"),
  progress: setting("output", oneOf("auto", "bar", "text", "json", "none"), "auto, bar, text, json or none", {
    default: "auto",
  }),
  logLevel: setting(
    "output",
    oneOf("trace", "debug", "info", "warn", "error", "silent"),
    "trace, debug, info, warn, error or silent",
    { default: "warn" },
  ),
  quiet: toggle("output", "no progress, no warnings", { alias: "q" }),
  color: { ...toggle("output", "colours, on a terminal; --no-color: none"), default: "true" },

  store: setting(
    "store",
    text,
    "redis://host:6379, rediss://…, postgres://host/database, or pglite:DIRECTORY for the embedded store",
    {
      default: "pglite:.traceload",
    },
  ),
  baseUrl: setting("store", baseUrl, "the API's address", { default: "https://api.promptlayer.com" }),

  sendWindow: setting("times", positiveDurationMs, "how long after its claim a request may still leave", {
    default: "5s",
    hidden: true,
  }),
  leaseTtl: setting("times", positiveDurationMs, "how long a silent process counts as alive", {
    default: "15s",
    hidden: true,
  }),
  lockTime: setting("times", positiveDurationMs, "how long a silent worker keeps its jobs", {
    default: "60s",
    hidden: true,
  }),
  stalledCheck: setting("times", positiveDurationMs, "how often jobs of lost workers are looked for", {
    default: "30s",
    hidden: true,
  }),
  sweepInterval: setting("times", positiveDurationMs, "how often lost requests are looked for", {
    default: "3s",
    hidden: true,
  }),
  retryBase: setting("times", durationMs, "pause before the second attempt; doubles", {
    default: "1s",
    hidden: true,
  }),
  retryCap: setting("times", durationMs, "longest pause between two attempts", {
    default: "30s",
    hidden: true,
  }),
  publishWait: setting("times", durationMs, "how long a draft may take to be published", {
    default: "120s",
    hidden: true,
  }),
  retention: setting("times", ageMs, "how long the results of a run are kept; the ledger is kept for ever", {
    default: "30d",
    hidden: true,
  }),
  drainTimeout: setting(
    "serving",
    positiveDurationMs,
    "how long a worker that is told to stop waits for its rows in flight",
    { default: "75s" },
  ),
  healthPort: setting(
    "serving",
    portNumber,
    "port of a worker's health endpoint: /live, /ready (0: a free one)",
  ),
  healthHost: setting("serving", z.string().min(1), "address that the health endpoint listens on", {
    default: "127.0.0.1",
  }),
  syncs: setting("serving", oneOf("on", "off"), "whether a worker runs the store's syncs: on or off", {
    default: "on",
  }),
  syncReportDir: setting(
    "serving",
    text,
    "where a worker leaves the reports of its syncs' runs; without it, nowhere",
  ),
  highWater: setting("serving", wholeNumber(1), "rows waiting in the queue, at most", {
    default: "10000",
    hidden: true,
  }),
  sandboxRecord: setting("serving", text, "where the sandbox inside keeps its record", {
    hidden: true,
  }),
} as const;

export type SettingName = keyof typeof SETTINGS;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
type Optional =
  | "datasetGroup"
  | "traceColumn"
  | "spanColumn"
  | "groupColumn"
  | "map"
  | "where"
  | "remote"
  | "limit"
  | "from"
  | "query"
  | "queryFile"
  | "body"
  | "bodyFile"
  | "contentType"
  | "header"
  | "since"
  | "until"
  | "pageCursor"
  | "pageInto"
  | "maxErrors"
  | "runId"
  | "healthPort"
  | "sandboxRecord";

/** All settings, parsed. Those without a default are undefined unless given. */
export type Settings = {
  [K in SettingName]: K extends Optional
    ? ValueOf<(typeof SETTINGS)[K]> | undefined
    : ValueOf<(typeof SETTINGS)[K]>;
};

/** `datasetGroup` -> `dataset-group`. */
export function flagName(name: SettingName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `datasetGroup` -> `TRACELOAD_DATASET_GROUP`. */
export function environmentName(name: SettingName): string {
  return `TRACELOAD_${flagName(name).replaceAll("-", "_").toUpperCase()}`;
}
