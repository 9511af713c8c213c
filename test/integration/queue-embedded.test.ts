/** The queue keeps its promises on the embedded store's pool. */
import { createPostgresBackend, Queue, type PgPool } from "bullmq";
import { openQueues } from "../../src/queue/bullmq-queues.ts";
import { openEmbedded } from "../../src/store/pglite/open.ts";
import { scratchDirectory } from "../support/scratch-directory.ts";
import { queueContract } from "./queue-contract.ts";

queueContract("the embedded store", async () => {
  const scratch = scratchDirectory();
  const embedded = await openEmbedded({ directory: scratch.path("store") });
  const pool = embedded.pool as unknown as PgPool;
  return {
    open: (onFault = () => undefined, nowMs = Date.now) =>
      openQueues({
        connection: { kind: "postgres", producer: pool, consumer: pool, prefix: "" },
        onFault,
        nowMs,
      }),
    addForeign: async (name, job, data, jobId) => {
      const queue = new Queue(name, { connection: pool }, createPostgresBackend);
      await queue.add(job, data, { jobId });
      await queue.close();
    },
    close: async () => {
      await embedded.close();
      await scratch.remove();
    },
  };
});
