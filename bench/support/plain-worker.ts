/**
 * What end-to-end is measured against: a queue and a worker as BullMQ's documentation writes them, with `fetch`.
 * Enqueues the file's rows, one job a row, then works them, and prints its times. No ledger, no results, no limit.
 */
import { Queue, Worker, type Job } from "bullmq";
import { plainJobs, untilCompleted } from "./plain-jobs.ts";

const [file = "", redisUrl = "", apiUrl = "", concurrency = ""] = process.argv.slice(2);
const { hostname: host, port } = new URL(redisUrl);
const connection = { host, port: Number(port) };

const queue = new Queue("plain", { connection });
let rows = 0;
const startedAt = Date.now();
for await (const batch of plainJobs(file)) {
  rows += batch.length;
  await queue.addBulk(batch);
}
const enqueuedAt = Date.now();

const headers = { "content-type": "application/json", "x-api-key": "benchmark" };
const url = `${apiUrl}/api/public/v2/dataset-versions/add-trace`;
const worker = new Worker(
  "plain",
  async (job: Job) => {
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(job.data) });
    if (!response.ok) throw new Error(`the API answered ${response.status}`);
    return response.json();
  },
  { connection, concurrency: Number(concurrency) },
);
await untilCompleted(worker, rows);
const completedAt = Date.now();
await worker.close();
await queue.close();
process.stdout.write(JSON.stringify({ rows, startedAt, enqueuedAt, completedAt }));
