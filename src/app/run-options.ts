/** What a run remembers of the settings it was started with: every process that works on it goes by these. */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { SourceFacts } from "../core/source.ts";
import { TraceloadError } from "../core/errors.ts";
import { PUBLISH_WHEN } from "./publish/policy.ts";
import { readingOptions, rerunSelection } from "./reading-options.ts";

/** What becomes of rows whose outcome is not known, when all others have theirs. */
export const ON_UNKNOWN = ["verify", "hold", "retry"] as const;
export type OnUnknown = (typeof ON_UNKNOWN)[number];

/** What becomes of a run whose rows begin to land in another draft. */
export const ON_DRAFT_CHANGE = ["continue", "pause", "stop"] as const;
export type OnDraftChange = (typeof ON_DRAFT_CHANGE)[number];

export const runOptions = z.object({
  /** Absent: no limit. */
  ratePerSecond: z.number().positive().optional(),
  /** Whether the rate is to be found: no limit is known. */
  rateSearch: z.boolean().default(false),
  timeoutMs: z.number().positive(),
  horizonMs: z.number().nonnegative(),
  sendWindowMs: z.number().positive(),
  maxAttempts: z.number().int().min(1),
  retryBaseMs: z.number().nonnegative(),
  retryCapMs: z.number().nonnegative(),
  graceMs: z.number().nonnegative(),
  maxErrors: z.object({ rows: z.number().optional(), percent: z.number().optional() }).optional(),
  onUnknown: z.enum(ON_UNKNOWN).default("verify"),
  onDraftChange: z.enum(ON_DRAFT_CHANGE).default("continue"),
  /** When the drafts are published that rows were added to. */
  publish: z.enum(PUBLISH_WHEN).default("never"),
  publishWaitMs: z.number().nonnegative().default(120_000),
  /** Rows that earlier runs added are sent again. In a rerun: rows of a run that was told so, and may be there before. */
  force: z.boolean().default(false),
  /** Names the shared limiter: the API's origin and a fingerprint of the key. */
  limiter: z.string(),
  sourceFacts: z.array(z.record(z.string(), z.unknown())).default([]),
  /** Where the rows came from, to be read again: absent in runs of rows of another run, and of earlier versions. */
  reading: readingOptions.optional(),
  /** The sync that the run is of. */
  sync: z.string().optional(),
  /** Which rows of its parent the run takes. */
  rerun: rerunSelection.optional(),
});
export type RunOptions = z.infer<typeof runOptions>;

/** Throws `store_schema` when the run was written by a version whose options this one does not understand. */
export function parseRunOptions(runId: string, options: Record<string, unknown>): RunOptions {
  const parsed = runOptions.safeParse(options);
  if (parsed.success) return parsed.data;
  throw new TraceloadError("store_schema", `run ${runId} was started by another version of traceload`, {
    next: "use the version that started it, or import the file again",
  });
}

/** Names the limiter that all senders with one key at one origin share. */
export function limiterName(origin: string, keyFingerprint: string): string {
  return `${origin}#${keyFingerprint}`;
}

export interface FingerprintInput {
  origin: string;
  sources: readonly SourceFacts[];
  /** How records become rows: columns, unit, group, skip, limit, format. */
  mapping: Record<string, unknown>;
}

/** Equal for imports that would send the same rows; rate, output and the report's place do not count. */
export function runFingerprint({ origin, sources, mapping }: FingerprintInput): string {
  const named = sources.map(({ name, sizeBytes, headHash }) => ({ name, sizeBytes, headHash }));
  return createHash("sha256").update(JSON.stringify({ origin, named, mapping })).digest("hex");
}

/** `20261122-160512-4f7a`: sorts by time, readable, unlikely to meet another of the same second. */
export function newRunId(wallMs: number, random: () => number): string {
  const stamp = new Date(wallMs).toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return `${stamp}-${Math.floor(random() * 0x10000)
    .toString(16)
    .padStart(4, "0")}`;
}
