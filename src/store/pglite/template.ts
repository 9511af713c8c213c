/**
 * The template of a data directory: initialised, both schemas migrated, packed into one file. A package is built with
 * it; running from the sources, a child process builds it once into the system's directory for temporary files.
 */
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { codeOf } from "../sql/connection.ts";
import { migrate, migrationsFingerprint } from "../sql/migrations.ts";
import { startDatabase } from "./database.ts";
import { type DirectoryLock, lockDirectory } from "./lock.ts";
import { packDirectory, readStamp } from "./pack.ts";
import { EmbeddedPool } from "./pool.ts";
import { migrateQueues } from "../sql/queue-schema.ts";

const run = promisify(execFile);

/** How often a process looks whether another one has finished building. */
const TURN_MS = 200;

export const TEMPLATE_FILE = "pglite-template.zst";

/**
 * What a template must have been made with to fit this program. Patch versions of PGlite keep PostgreSQL's version
 * and so the files; BullMQ's schema is brought up to date whenever the store is opened.
 */
export function templateStamp(): string {
  const require = createRequire(import.meta.url);
  // The package does not export its package.json; it stands beside the folder of its entry.
  const manifest = join(dirname(require.resolve("@electric-sql/pglite")), "..", "package.json");
  const { version } = require(manifest) as { version: string };
  return `pglite ${version.split(".").slice(0, 2).join(".")}, schema ${migrationsFingerprint()}`;
}

/** Makes a new database and packs it into `file`. Needs over 1 GiB of memory: call it in a process of its own. */
export async function buildTemplate(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const scratch = await mkdtemp(join(tmpdir(), "traceload-template-"));
  const directory = join(scratch, "data");
  try {
    const db = await startDatabase(directory);
    const pool = new EmbeddedPool(db, "template");
    await migrateQueues(pool);
    await migrate(pool);
    // template0 and template1 serve to create databases, which nobody does here; they are two thirds of the size.
    await pool.query("update pg_database set datistemplate = false");
    await pool.query("drop database template0");
    await pool.query("drop database template1");
    await pool.query("checkpoint");
    await pool.end();
    await db.close();
    await packDirectory(directory, file, templateStamp());
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A template that fits this program: the package's own, or one built by a child and kept for the next time. */
export async function findTemplate(signal?: AbortSignal): Promise<string> {
  const stamp = templateStamp();
  const name = stamp.replaceAll(/[^a-z0-9.]+/g, "-");
  const kept = join(tmpdir(), `traceload-${process.getuid?.() ?? ""}`, name, TEMPLATE_FILE);
  for (const file of [besideCompiled(""), besideCompiled("dist/"), kept]) {
    if ((await readStamp(file)) === stamp) return file;
  }
  const lock = await lockWhenFree(dirname(kept), signal);
  try {
    if ((await readStamp(kept)) !== stamp) {
      const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
      const builder = fileURLToPath(new URL(`build-template.${extension}`, import.meta.url));
      await run(process.execPath, [builder, kept], signal === undefined ? {} : { signal });
    }
  } finally {
    await lock.release();
  }
  return kept;
}

async function lockWhenFree(directory: string, signal: AbortSignal | undefined): Promise<DirectoryLock> {
  for (;;) {
    try {
      return await lockDirectory(directory);
    } catch (error) {
      if (codeOf(error) !== "store_locked") throw error;
    }
    await sleep(TURN_MS, undefined, signal === undefined ? {} : { signal });
  }
}

/** Compiled, this file stands three folders deep in `dist`; as source, three deep in the folder that holds it. */
function besideCompiled(folder: string): string {
  return fileURLToPath(new URL(`../../../${folder}${TEMPLATE_FILE}`, import.meta.url));
}
