/** Starting PGlite: one session on a data directory, small in memory. */
import { setFlagsFromString } from "node:v8";
import { PGlite } from "@electric-sql/pglite";
import { QUEUE_SCHEMA } from "../sql/queue-schema.ts";

const START_PARAMS = [
  ...PGlite.defaultStartParams,
  "-c",
  "shared_buffers=8MB",
  "-c",
  `search_path=${QUEUE_SCHEMA}`,
  "-c",
  "max_wal_size=64MB",
  "-c",
  "jit=off",
  // Nothing gathers statistics here, and plans are made while tables are still empty: always by the index.
  "-c",
  "enable_seqscan=off",
];

/**
 * V8's optimizing compiler takes 600 MiB and seconds of a processor for PostgreSQL's largest function alone. Without it
 * statements are about as fast, since most of their time does not go into computing. Each flag without the other
 * leaves it on.
 */
const COMPILER_FLAGS = ["--no-wasm-tier-up", "--no-wasm-dynamic-tiering"];

/** Initialises the directory first when it is empty, which takes seconds and over 1 GiB of memory. */
export async function startDatabase(dataDirectory: string): Promise<PGlite> {
  for (const flag of COMPILER_FLAGS) setFlagsFromString(flag);
  const complaints: string[] = [];
  try {
    return await PGlite.create(dataDirectory, {
      initDbStartParams: ["--wal-segsize=4", "--no-data-checksums"],
      startParams: START_PARAMS,
      onStderr(line) {
        if (/\b(?:FATAL|PANIC):/.test(line)) complaints.push(line.replace(/^.*\b(?=FATAL|PANIC)/, ""));
        return false;
      },
    });
  } catch (error) {
    // PGlite's own error says only that it did not start.
    throw complaints.length === 0 ? error : new Error(complaints.join("; "), { cause: error });
  }
}
