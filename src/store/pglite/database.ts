/** Starting PGlite: one session on a data directory, small in memory. */
import { PGlite } from "@electric-sql/pglite";

/** The schema that BullMQ's functions and tables live in, and look each other up in. */
export const QUEUE_SCHEMA = "bullmq";

const START_PARAMS = [
  ...PGlite.defaultStartParams,
  "-c",
  "shared_buffers=8MB",
  "-c",
  "wal_buffers=256kB",
  "-c",
  `search_path=${QUEUE_SCHEMA}`,
  "-c",
  "max_wal_size=64MB",
  "-c",
  "jit=off",
];

/** Initialises the directory first when it is empty, which takes seconds and over 1 GiB of memory. */
export function startDatabase(dataDirectory: string): Promise<PGlite> {
  return PGlite.create(dataDirectory, {
    initDbStartParams: ["--wal-segsize=4", "--no-data-checksums"],
    startParams: START_PARAMS,
  });
}
