/** Opening the embedded store: lock, data directory, database, schemas; and closing it in reverse. */
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import { TraceloadError } from "../../core/errors.ts";
import type { Store } from "../../core/store.ts";
import { storeFault } from "../sql/connection.ts";
import { openSqlStore } from "../sql/store.ts";
import { startDatabase } from "./database.ts";
import { lockDirectory } from "./lock.ts";
import { unpackInto } from "./pack.ts";
import { EmbeddedPool } from "./pool.ts";
import { releaseActiveJobs } from "./active-jobs.ts";
import { migrateQueues } from "../sql/queue-schema.ts";
import { findTemplate } from "./template.ts";
import { upkeepOf } from "./upkeep.ts";

export interface EmbeddedOptions {
  /** Made if it is missing. Everything the store keeps is in it. */
  directory: string;
  signal?: AbortSignal;
}

export interface Embedded {
  /** In the shape of a `pg.Pool`; BullMQ's PostgreSQL backend runs on it, too. */
  pool: EmbeddedPool;
  store: Store;
  /** Ends the store, the database and the lock. What uses the pool must have been closed before. */
  close(): Promise<void>;
}

const UPKEEP_INTERVAL_MS = 15_000;
const UNFINISHED = "data.unfinished-";

/**
 * Opens the store for this process alone. What was acknowledged survives a killed process, not a power cut. Jobs that
 * a dead owner left active wait again. Throws `store_locked`, `store_damaged`, `store_full`, `store_schema`.
 */
export async function openEmbedded({ directory, signal }: EmbeddedOptions): Promise<Embedded> {
  const name = `pglite:${directory}`;
  const closers: (() => Promise<void>)[] = [];
  const closeAll = async () => {
    const faults: unknown[] = [];
    for (const close of closers.splice(0).toReversed()) await close().catch((fault) => faults.push(fault));
    if (faults.length > 0) throw storeFault(faults[0], name);
  };
  try {
    const lock = await lockDirectory(directory);
    closers.push(() => lock.release());
    const data = join(directory, "data");
    await prepareData(directory, data, signal);
    signal?.throwIfAborted();
    const db = await startOn(data, directory);
    const pool = new EmbeddedPool(db, name);
    closers.push(async () => {
      await pool.end();
      if (!pool.broken) await db.close();
    });
    await migrateQueues(pool);
    await releaseActiveJobs(pool);
    const store = await openSqlStore({ pool, facts: { kind: "embedded", name, warnings: [] } });
    closers.push(() => store.close());
    closers.push(keepUp(pool));
    let closing: Promise<void> | undefined;
    return { pool, store, close: () => (closing ??= closeAll()) };
  } catch (error) {
    await closeAll().catch(() => undefined);
    throw storeFault(error, name);
  }
}

/** Runs the upkeep from time to time; answers how to end it. */
function keepUp(pool: EmbeddedPool): () => Promise<void> {
  const upkeep = upkeepOf(pool);
  let running: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    // What is wrong with the database shows in the statements that matter.
    running = upkeep.run().catch(() => undefined);
  }, UPKEEP_INTERVAL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    return running;
  };
}

/** A directory that is there under its name is whole: it got the name when it was. */
async function prepareData(directory: string, data: string, signal: AbortSignal | undefined): Promise<void> {
  for (const leftover of await readdir(directory)) {
    if (leftover.startsWith(UNFINISHED))
      await rm(join(directory, leftover), { recursive: true, force: true });
  }
  const exists = await stat(data).then(
    () => true,
    () => false,
  );
  if (exists) return;
  const template = await findTemplate(signal);
  const unfinished = join(directory, `${UNFINISHED}${process.pid}`);
  await mkdir(unfinished, { mode: 0o700 });
  await unpackInto(template, unfinished);
  await rename(unfinished, data);
}

async function startOn(data: string, directory: string): Promise<PGlite> {
  const whole = await stat(join(data, "PG_VERSION")).then(
    () => true,
    () => false,
  );
  // Without this file PGlite would make a new database among the remains of the old one.
  if (!whole) throw damaged(directory, undefined);
  try {
    return await startDatabase(data);
  } catch (error) {
    const fault = storeFault(error, `pglite:${directory}`);
    throw fault instanceof TraceloadError ? fault : damaged(directory, error);
  }
}

function damaged(directory: string, cause: unknown): TraceloadError {
  const why = cause instanceof Error ? cause.message : "its data directory is not complete";
  return new TraceloadError("store_damaged", `the embedded store in ${directory} cannot be opened: ${why}`, {
    next: [
      `mv ${directory} ${directory}.damaged    keeps what is left of it; a new store is made at the next start`,
      "A new store does not know which rows were added before: compare with the reports of earlier runs first.",
    ].join("\n"),
    cause,
  });
}
