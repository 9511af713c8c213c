/** What a run remembers of where its rows came from, so that they can be read again: files, or rows of another run. */
import { z } from "zod";
import type { SourceOptions } from "../core/source.ts";

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

const mapping = z.object({
  format: z.string(),
  traceColumn: z.string().optional(),
  spanColumn: z.string().optional(),
  groupColumn: z.string().optional(),
  unit: z.enum(["auto", "trace", "span"]),
  rootOnly: z.boolean().default(false),
  padIds: z.boolean().default(false),
  datasetGroupId: z.number().optional(),
  skip: z.number(),
  limit: z.number().optional(),
});

export const readingOptions = z.object({
  host: z.string(),
  /** In order: absolute paths; of standard input, where its copy is. */
  places: z.array(z.string()),
  mapping,
});
export type ReadingOptions = z.infer<typeof readingOptions>;

export function readingOf(host: string, places: string[], options: SourceOptions): ReadingOptions {
  // What is undefined has no place in what is stored as JSON.
  return { host, places, mapping: mapping.parse(options) };
}

export function sourceOptionsOf({ mapping: stored }: ReadingOptions): SourceOptions {
  const { traceColumn, spanColumn, groupColumn, datasetGroupId, limit } = stored;
  return { ...stored, traceColumn, spanColumn, groupColumn, datasetGroupId, limit };
}
