/**
 * What a second process can see of an embedded store that belongs to another: a file beside the data that the owner
 * writes every second. For looking only; nothing is ever decided by it.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import { PACE_PHASES, type PaceView } from "../core/pace.ts";
import { RUN_STATES, STORED_STATUSES } from "../core/status.ts";
import type { Run, Store } from "../core/store.ts";
import { readPace } from "./run-pace.ts";

const FILE = "status.json";
const EVERY_MS = 1_000;
const RUNS = 20;

const verdictSchema = z.object({
  datasetGroupId: z.number(),
  draftDatasetId: z.number().optional(),
  kind: z.enum(["verified", "other-writer", "inconclusive", "not-checked"]),
  reason: z.string().optional(),
  baseline: z.number().optional(),
  added: z.number(),
  unknown: z.number(),
  total: z.number().optional(),
  landed: z.number(),
  absent: z.number(),
  at: z.number(),
});
const runSchema = z.object({
  runId: z.string(),
  fingerprint: z.string(),
  origin: z.string(),
  sources: z.array(z.string()),
  options: z.record(z.string(), z.unknown()),
  seq: z.number(),
  state: z.enum(RUN_STATES),
  owner: z.string().optional(),
  ownerAlive: z.boolean(),
  sourceComplete: z.boolean(),
  halt: z.object({ code: z.string(), message: z.string() }).optional(),
  parent: z.string().optional(),
  haltedGroups: z.array(z.object({ datasetGroupId: z.number(), code: z.string(), message: z.string() })),
  verdicts: z.array(verdictSchema),
  warnings: z.array(z.string()),
  counts: z.record(z.enum(STORED_STATUSES), z.number()),
  createdAt: z.number(),
  finishedAt: z.number().optional(),
});
const paceSchema = z.object({
  phase: z.enum(PACE_PHASES).exclude(["free"]),
  ceilingPerSecond: z.number(),
  refusedShare: z.number(),
});
const snapshotSchema = z.object({
  writtenAt: z.number(),
  pid: z.number(),
  runs: z.array(runSchema),
  paces: z.record(z.string(), paceSchema),
});

export interface Snapshot {
  writtenAt: number;
  pid: number;
  /** Newest first. */
  runs: Run[];
  /** The pace of runs that are slowed down, by run. */
  paces: Record<string, PaceView>;
}

/** undefined: there is none, or it is of another version. */
export async function readSnapshot(directory: string): Promise<Snapshot | undefined> {
  try {
    const parsed = snapshotSchema.safeParse(JSON.parse(await readFile(path.join(directory, FILE), "utf8")));
    return parsed.success ? (parsed.data as Snapshot) : undefined;
  } catch {
    return undefined;
  }
}

/** Writes until closed, and once more then. A disk that refuses is reported and costs the snapshot only. */
export function writeSnapshots(options: {
  store: Pick<Store, "listRuns" | "noteAnswers">;
  directory: string;
  clock: Clock;
  onFault: (error: unknown) => void;
}): { close(): Promise<void> } {
  const { store, directory, clock, onFault } = options;
  const stop = new AbortController();
  const write = async () => {
    const runs = await store.listRuns({ limit: RUNS });
    const paces: Record<string, PaceView> = {};
    for (const run of runs) {
      const pace = await readPace(store, run);
      if (pace !== undefined) paces[run.runId] = pace;
    }
    const text = JSON.stringify({ writtenAt: clock.wallMs(), pid: process.pid, runs, paces });
    const partial = path.join(directory, `${FILE}.partial`);
    await writeFile(partial, text, { mode: 0o600 });
    await rename(partial, path.join(directory, FILE));
  };
  const loop = async () => {
    while (!stop.signal.aborted) {
      await write().catch(onFault);
      await clock.sleep(EVERY_MS, stop.signal).catch(() => undefined);
    }
  };
  const running = loop();
  return {
    close: async () => {
      stop.abort();
      await running;
      await write().catch(onFault);
    },
  };
}
