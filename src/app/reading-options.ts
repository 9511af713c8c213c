/** What a run remembers of where its rows came from, so that they can be read again: files, or rows of another run. */
import { z } from "zod";
import type { RemoteOptions, SourceOptions } from "../core/source.ts";

/** Rows of a run that a rerun may take. Added and duplicate ones are there; invalid ones can never be sent. */
export const RERUN_STATUSES = ["rejected", "failed", "unprocessed", "unknown"] as const;
export type RerunStatus = (typeof RERUN_STATUSES)[number];

export const rerunSelection = z.object({
  statuses: z.array(z.enum(RERUN_STATUSES)),
  /** Only rows with this error code. */
  code: z.string().optional(),
  /** Only rows whose error text holds this, in whatever case. */
  match: z.string().optional(),
  limit: z.number().int().optional(),
  /** Only rows that this report names. */
  report: z.string().optional(),
});
export type RerunSelection = z.infer<typeof rerunSelection>;

const timeBound = z.object({ typed: z.string(), at: z.string() });

/** What servers were asked, without secrets: those stand in it as `${NAME}`. */
const remote = z.object({
  query: z.string().optional(),
  body: z.string().optional(),
  contentType: z.string().optional(),
  headers: z.array(z.string()),
  since: timeBound.optional(),
  until: timeBound.optional(),
  paging: z.object({ cursor: z.string(), into: z.string() }).optional(),
  maxBytes: z.number(),
  timeoutMs: z.number(),
});

const mapping = z.object({
  format: z.string(),
  traceColumn: z.string().optional(),
  spanColumn: z.string().optional(),
  groupColumn: z.string().optional(),
  map: z
    .object({ trace: z.string().optional(), span: z.string().optional(), group: z.string().optional() })
    .optional(),
  where: z.array(z.string()).optional(),
  unit: z.enum(["auto", "trace", "span"]),
  rootOnly: z.boolean().default(false),
  padIds: z.boolean().default(false),
  datasetGroupId: z.number().optional(),
  skip: z.number(),
  limit: z.number().optional(),
  remote: remote.optional(),
});

export const readingOptions = z.object({
  host: z.string(),
  /** In order: absolute paths; of standard input, where its copy is; addresses as they were typed. */
  places: z.array(z.string()),
  /** Of addresses, by their place: where the copy of the answer is. */
  copies: z.record(z.string(), z.string()).default({}),
  mapping,
});
export type ReadingOptions = z.infer<typeof readingOptions>;

export function readingOf(
  host: string,
  places: string[],
  options: SourceOptions,
  copies: Record<string, string> = {},
): ReadingOptions {
  // What is undefined has no place in what is stored as JSON.
  return { host, places, copies, mapping: mapping.parse(options) };
}

/** What makes two readings the same: times as they were typed, and no limits. */
export function identityOf({ remote: asked, ...options }: SourceOptions): Record<string, unknown> {
  return asked === undefined ? options : { ...options, remote: identityOfAsking(asked) };
}

function identityOfAsking({
  query,
  body,
  contentType,
  headers,
  since,
  until,
  paging,
}: RemoteOptions): object {
  return { query, body, contentType, headers, paging, since: since?.typed, until: until?.typed };
}

export function sourceOptionsOf({ mapping: stored }: ReadingOptions): SourceOptions {
  const { traceColumn, spanColumn, groupColumn, datasetGroupId, limit, remote: asked, ...rest } = stored;
  const options = { ...rest, traceColumn, spanColumn, groupColumn, datasetGroupId, limit };
  return asked === undefined ? options : { ...options, remote: asked };
}
