/** A process that takes the jobs of a run and never ends them, to be killed by a test. */
import { Redis } from "ioredis";
import { openQueues } from "../../src/queue/bullmq-queues.ts";

const [url = "", prefix = "", runId = ""] = process.argv.slice(2);
const queues = openQueues({
  connection: {
    kind: "redis",
    producer: new Redis(url, { maxRetriesPerRequest: 1 }),
    consumer: new Redis(url, { maxRetriesPerRequest: null }),
    prefix,
  },
  onFault: () => undefined,
  nowMs: Date.now,
});
await queues.workOn(runId, () => new Promise(() => undefined), {
  concurrency: 4,
  lockMs: 500,
  stalledCheckMs: 200,
});
