/** What is remembered of a sync between two ticks, and what stands in its history: how it is written, and read again. */
import { z } from "zod";
import { TraceloadError } from "../../core/errors.ts";
import { NOTICE_KINDS, NOTICE_STATES } from "../../core/notices.ts";
import { STORED_STATUSES } from "../../core/status.ts";
import type { StoredSync, StoredTick } from "../../core/syncs.ts";

/** Why a tick runs: it was due, it was made up for, or somebody said so. */
export const TICK_KINDS = ["scheduled", "catch-up", "manual"] as const;

const openTick = z.object({
  id: z.string(),
  due: z.number(),
  kind: z.enum(TICK_KINDS),
  /** Chosen before the run is made: whoever takes the tick over finds it. Absent: the tick waits. */
  runId: z.string().optional(),
  startedAt: z.number().optional(),
  /** The times that the run's queries are told. */
  since: z.number().optional(),
  until: z.number().optional(),
  /** A person named the window: the watermark stays where it is, and nothing is carried. */
  isBackfill: z.boolean().optional(),
  /** Rows carried into the run. */
  carriedIn: z.number().optional(),
  /** The tick that its run gives way to. */
  cancelledBy: z.string().optional(),
});
export type OpenTick = z.infer<typeof openTick>;

const tickError = z.object({ code: z.string(), message: z.string() });
const window = z.object({ since: z.number().optional(), until: z.number().optional() });

const carriedName = z.object({
  datasetGroupId: z.string(),
  traceId: z.string(),
  spanId: z.string(),
  code: z.string(),
  attempts: z.number(),
});

/** What became of a tick. */
export const tickRecord = z.object({
  due: z.number(),
  kind: z.enum(TICK_KINDS),
  became: z.enum(["waiting", "running", "ran", "skipped", "missed"]),
  /** Of skipped and missed ones, and of runs that gave way to the next tick, a sentence. */
  why: z.string().optional(),
  runId: z.string().optional(),
  /** How its run ended. Without one: `empty`, there was nothing to read; `failed`, it could not be read. */
  result: z.enum(["finished", "empty", "stopped", "cancelled", "interrupted", "failed"]).optional(),
  error: tickError.optional(),
  counts: z.record(z.enum(STORED_STATUSES), z.number()).optional(),
  window: window.optional(),
  /** Where the watermark stood before and after. */
  watermark: z.object({ before: z.number().optional(), after: z.number().optional() }).optional(),
  /** Rows carried into the run, out of it, and those that are carried no longer. */
  carriedIn: z.number().optional(),
  carriedOut: z.number().optional(),
  givenUp: z.number().optional(),
  /** The first of those that are carried out of it. */
  carried: z.array(carriedName).optional(),
  /** What webhooks were told of it; with a reason: could not be told. */
  notices: z.array(z.object({ kind: z.enum(NOTICE_KINDS), undelivered: z.string().optional() })).optional(),
  startedAt: z.number().optional(),
  endedAt: z.number().optional(),
});
export type TickRecord = z.infer<typeof tickRecord>;

export const HEALTH_STATES = ["new", "ok", "failing"] as const;

/**
 * `failing` since a run did not finish, or left rows behind for good; `ok` since one did neither. That there was nothing
 * to read makes it `ok` again where that nothing could be read was all that was wrong (`isOverWhenRead`).
 */
const health = z.object({
  state: z.enum(HEALTH_STATES),
  since: z.number(),
  isOverWhenRead: z.boolean().optional(),
});
export type SyncHealth = z.infer<typeof health>;

/** core/notices.ts says what it means. */
const noticeStanding = z.object({
  state: z.enum(NOTICE_STATES),
  isOverWhenRead: z.boolean().optional(),
  undelivered: z
    .object({ kind: z.enum(NOTICE_KINDS).optional(), at: z.number(), reason: z.string() })
    .optional(),
});

const syncState = z.object({
  /** The schedule that `cursor` belongs to. */
  scheduleKey: z.string().optional(),
  /** Ticks of the schedule up to this time have a record. */
  cursor: z.number(),
  paused: z.boolean().default(false),
  /** Ticks that run, or wait for it, oldest first: at most the first one runs. */
  open: z.array(openTick).default([]),
  /** Rows before this time are settled or carried; absent: none were read. */
  watermark: z.number().optional(),
  health: health.default({ state: "new", since: 0 }),
  /** What each of its webhooks knows, by a hash of its address. */
  told: z.record(z.string(), noticeStanding).optional(),
  /** The last tick that ran. */
  last: tickRecord.extend({ id: z.string() }).optional(),
  /** Ticks that ran, and after which there is still something to be done. */
  afterwards: z
    .array(z.object({ id: z.string(), record: tickRecord, before: health, after: health }))
    .default([]),
});
export type SyncState = z.infer<typeof syncState>;

/** A row that goes into the next run, too. */
const carriedRow = z.object({
  kind: z.literal("row"),
  datasetGroupId: z.string(),
  traceId: z.string(),
  spanId: z.string(),
  code: z.string(),
  /** Runs that it failed in: not to be found yet is no failure. */
  attempts: z.number(),
  /** It is in no run that begins before. */
  notBefore: z.number(),
  /** When the first of them began. */
  since: z.number(),
  runId: z.string(),
  row: z.number(),
});
export type CarriedRow = z.infer<typeof carriedRow>;

const fileMark = z.object({
  name: z.string(),
  sizeBytes: z.number(),
  modifiedMs: z.number(),
  /** SHA-256 of the whole content, hex. */
  hash: z.string(),
});
export type FileMark = z.infer<typeof fileMark>;

const carriedItem = z.discriminatedUnion("kind", [
  carriedRow,
  /** A file whose rows are settled or carried; `reading`: the open tick's run reads it. */
  fileMark.extend({ kind: z.literal("file"), reading: z.boolean().optional() }),
]);

/** What is only needed while the sync runs. */
export interface Carried {
  rows: CarriedRow[];
  files: FileMark[];
  /** Files that the open tick's run reads. */
  reading: FileMark[];
}

/** Throws `store_schema` when another version wrote it. */
export function readState(sync: StoredSync): SyncState {
  const parsed = syncState.safeParse(sync.state ?? { cursor: sync.appliedAt });
  if (parsed.success) return parsed.data;
  throw ofAnotherVersion(sync.name);
}

export function readTickRecord(name: string, { record }: StoredTick): TickRecord {
  const parsed = tickRecord.safeParse(record);
  if (parsed.success) return parsed.data;
  throw ofAnotherVersion(name);
}

export function readCarried(name: string, stored: readonly unknown[]): Carried {
  const parsed = z.array(carriedItem).safeParse(stored);
  if (!parsed.success) throw ofAnotherVersion(name);
  const carried: Carried = { rows: [], files: [], reading: [] };
  for (const item of parsed.data) {
    if (item.kind === "row") carried.rows.push(item);
    else {
      const { name: file, sizeBytes, modifiedMs, hash } = item;
      (item.reading === true ? carried.reading : carried.files).push({
        name: file,
        sizeBytes,
        modifiedMs,
        hash,
      });
    }
  }
  return carried;
}

export function writeCarried({ rows, files, reading }: Carried): z.infer<typeof carriedItem>[] {
  return [
    ...rows,
    ...files.map((file) => ({ ...file, kind: "file" as const })),
    ...reading.map((file) => ({ ...file, kind: "file" as const, reading: true })),
  ];
}

function ofAnotherVersion(name: string): TraceloadError {
  return new TraceloadError("store_schema", `sync ${name} was run by another version of traceload`, {
    next: "use that version, or remove and apply the sync again: what was added is not sent twice",
  });
}
