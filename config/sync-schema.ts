/** A sync as it is written in the configuration file, and what it means. */
import { z } from "zod";
import { readWebhookUrl } from "../src/core/notices.ts";
import {
  CATCH_UP_POLICIES,
  OVERLAP_POLICIES,
  type SyncPolicy,
  type SyncSchedule,
} from "../src/core/syncs.ts";
import { cronProblem, isTimezone, shortestGapMs } from "./cron.ts";
import { hasReference, isLiteralSecret, literalSecretIn } from "./references.ts";
import { flagName, SETTINGS, type SettingName, type Settings } from "./settings.ts";
import { SYNC_DEFAULTS, SYNC_SETTINGS } from "./sync-settings.ts";
import { ageMs, durationMs } from "./units.ts";

export const SYNC_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

export const NOTICE_EVENTS = ["failure", "recovery", "unknown", "always"] as const;

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const lines = z
  .union([z.string(), z.number(), z.array(z.string())])
  .transform((given) => (Array.isArray(given) ? given.join("\n") : String(given)));

/** A list that may be written as its only item. */
const texts = z
  .union([z.string(), z.array(z.string()).min(1)])
  .transform((given) => (typeof given === "string" ? [given] : given));

const schedule = z
  .strictObject({
    cron: z
      .string()
      .superRefine((cron, context) => {
        const problem = cronProblem(cron);
        if (problem !== undefined) context.addIssue(`${JSON.stringify(cron)} ${problem}`);
      })
      .describe("minute, hour, day of the month, month, weekday; six fields: seconds first"),
    timezone: z
      .string()
      .superRefine((name, context) => {
        if (isTimezone(name)) return;
        context.addIssue(`${JSON.stringify(name)} is no time zone: write Europe/Berlin, or UTC`);
      })
      .default("UTC")
      .describe("an IANA name; the hours of `cron` are counted there"),
    jitter: durationMs.default(0).describe("each tick comes up to so much later, always the same"),
  })
  .superRefine(({ cron, jitter }, context) => {
    if (jitter === 0 || cronProblem(cron) !== undefined || jitter < shortestGapMs(cron)) return;
    const message = "must be shorter than the time between two ticks";
    context.addIssue({ code: "custom", path: ["jitter"], message });
  });

const time = z.string().transform((text, context) => {
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  context.addIssue(`${JSON.stringify(text)} is no time: write 2026-11-01T00:00:00Z`);
  return z.NEVER;
});

const MIN_WINDOW_MS = 10_000;
const DAY = "1d";

const policies = {
  schedule: schedule.optional().describe("when it runs; without it, only `traceload sync run` does"),
  overlap: z
    .enum(OVERLAP_POLICIES)
    .default("skip")
    .describe("a tick that comes due while a run goes on: skip it, let it wait, or cancel the run"),
  "catch-up": z
    .strictObject({
      run: z.enum(CATCH_UP_POLICIES).default("once").describe("one run for all missed ticks, or one each"),
      window: ageMs
        .refine((ms) => ms >= MIN_WINDOW_MS, "must be at least 10s")
        .default(parsed(ageMs, DAY))
        .describe("ticks missed for longer than this are not caught up"),
    })
    .prefault({})
    .describe("ticks that came due while no worker ran"),
  watermark: z
    .strictObject({
      start: time.optional().describe("where the first window begins: a time; default: long ago"),
      lag: durationMs.default(0).describe("a window ends so long before its tick, for rows that come late"),
      overlap: ageMs.default(0).describe("a window begins so long before the last one's end"),
    })
    .optional()
    .describe("of queries with :since and :until: which rows a run reads"),
  carry: z
    .strictObject({
      attempts: z.int().min(0).max(100).default(5).describe("runs that a row is carried into, at most"),
      "max-age": ageMs.default(parsed(ageMs, "7d")).describe("how long a row is carried, at most"),
    })
    .prefault({})
    .describe("rows that failed, stayed unknown, or were not found within `grace`"),
  notify: z
    .array(
      z.strictObject({
        url: z.string().describe("where the notice is posted; ${NAME}: from the environment"),
        secret: z.string().optional().describe("${NAME}: what the notice is signed with"),
        on: z.array(z.enum(NOTICE_EVENTS)).min(1).optional().describe("which changes are told"),
        threshold: z
          .union([z.string(), z.number()])
          .optional()
          .describe("so many bad rows are a failure, or this share: 100 or 5%"),
      }),
    )
    .optional()
    .describe("webhooks that are told of failure and recovery"),
};

const settingShape = Object.fromEntries(
  SYNC_SETTINGS.map((name) => {
    const { help } = SETTINGS[name];
    const raw = "many" in SETTINGS[name] && SETTINGS[name].many ? lines : scalar;
    return [flagName(name), raw.pipe(settingSchema(name)).optional().describe(help)];
  }),
) as Record<string, z.ZodType>;

/** What is typed of a setting is checked here, and parsed where it is used. */
function settingSchema(name: SettingName): z.ZodType<string, string> {
  return z.string().superRefine((text, context) => {
    const parsedText = SETTINGS[name].schema.safeParse(text);
    if (parsedText.success) return;
    const reason = parsedText.error.issues[0]?.message ?? "is not valid";
    context.addIssue(reason.startsWith('"') ? reason : `${JSON.stringify(text)} ${reason}`);
  });
}

export const syncFields = z.strictObject({
  files: texts.optional().describe("files and patterns, from the configuration file's directory"),
  ...policies,
  ...settingShape,
});
type Fields = z.infer<typeof syncFields>;

export interface ParsedSync {
  policy: SyncPolicy;
  files: string[];
  /** The import's settings that are given, by name, as they are written. */
  settings: Partial<Record<SettingName, string>>;
  notify: NonNullable<Fields["notify"]>;
}

/** The whole of a sync, checked against itself. */
export const syncSchema = syncFields.superRefine(checkTogether).transform((fields): ParsedSync => {
  const settings: Partial<Record<SettingName, string>> = { ...SYNC_DEFAULTS };
  for (const name of SYNC_SETTINGS) {
    const value: unknown = (fields as Record<string, unknown>)[flagName(name)];
    if (typeof value === "string") settings[name] = value;
  }
  return {
    policy: policyOf(fields, settings),
    files: fields.files ?? [],
    settings,
    notify: fields.notify ?? [],
  };
});

/** What its runs are made with: settings that are the process's own come from there. */
export function settingsOfSync(sync: Pick<ParsedSync, "settings">, own: Settings): Settings {
  const values: Record<string, unknown> = { ...own, allowEmpty: true };
  for (const name of SYNC_SETTINGS) {
    const text = sync.settings[name] ?? SETTINGS[name].default;
    values[name] = text === undefined ? undefined : SETTINGS[name].schema.parse(text);
  }
  return values as Settings;
}

function policyOf(fields: Fields, settings: Partial<Record<SettingName, string>>): SyncPolicy {
  const { schedule: given, watermark, carry } = fields;
  const group = settings.datasetGroup;
  const whenGiven: SyncSchedule | undefined = given && {
    cron: given.cron,
    timezone: given.timezone,
    jitterMs: given.jitter,
  };
  return {
    schedule: whenGiven,
    overlap: fields.overlap,
    catchUp: { run: fields["catch-up"].run, windowMs: fields["catch-up"].window },
    watermark: {
      startMs: watermark?.start,
      lagMs: watermark?.lag ?? 0,
      overlapMs: watermark?.overlap ?? 0,
    },
    carry: { attempts: carry.attempts, maxAgeMs: carry["max-age"] },
    graceMs: parsed(durationMs, settings.grace ?? "0s"),
    datasetGroupId: group === undefined ? undefined : Number(group),
  };
}

function checkTogether(fields: Fields, context: z.RefinementCtx): void {
  const complain = (path: (string | number)[], message: string) =>
    context.addIssue({ code: "custom", path, message });
  const from = textOf(fields, "from");
  if (fields.files === undefined && from === undefined) {
    const known = "from" in settingShape ? "files, or from" : "files";
    complain([], `names no source: write ${known}`);
  }
  if (fields.files !== undefined && from !== undefined)
    complain(["from"], "stands beside files: write one of them");
  if (fields.watermark !== undefined && fields.files !== undefined) {
    complain(["watermark"], "is for queries: files are known by their content");
  }
  if (fields.overlap === "cancel-running" && fields["catch-up"].run === "each") {
    complain(
      ["catch-up", "run"],
      "each cannot be kept with overlap: cancel-running, which leaves only the last",
    );
  }
  const inUrl = from === undefined ? undefined : literalSecretIn(from);
  if (inUrl !== undefined)
    complain(["from"], `holds a secret, ${inUrl}: write \${NAME}, and set NAME where it runs`);
  for (const line of (textOf(fields, "header") ?? "").split("\n")) {
    const at = line.indexOf(":");
    if (at > 0 && isLiteralSecret(line.slice(0, at), line.slice(at + 1))) {
      complain(["header"], `${line.slice(0, at)} holds a secret: write \${NAME}, and set NAME where it runs`);
    }
  }
  for (const [index, { url, secret }] of (fields.notify ?? []).entries()) {
    const part = literalSecretIn(url);
    if (part !== undefined) complain(["notify", index, "url"], `holds a secret, ${part}: write \${NAME}`);
    else if (!hasReference(url) && readWebhookUrl(url) === undefined) {
      complain(["notify", index, "url"], "is no address to post to: write https://…, or ${NAME}");
    }
    if (secret !== undefined && isLiteralSecret("secret", secret)) {
      complain(["notify", index, "secret"], "is a secret: write ${NAME}, and set NAME where it runs");
    }
  }
}

function textOf(fields: Fields, key: string): string | undefined {
  const value: unknown = (fields as Record<string, unknown>)[key];
  return typeof value === "string" ? value : undefined;
}

function parsed<T>(schema: z.ZodType<T, string>, text: string): T {
  return schema.parse(text);
}
