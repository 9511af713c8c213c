/**
 * What end-to-end is measured against: a queue and a worker as BullMQ's documentation writes them, with `fetch`.
 * Enqueues the file's rows, one job a row, then works them, and prints its times. No ledger, no results, no limit.
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { Queue, Worker, type Job } from "bullmq";
import { DATASET_GROUP_ID } from "./rows-file.ts";

const [file = "", redisUrl = "", apiUrl = "", concurrency = ""] = process.argv.slice(2);
const { hostname: host, port } = new URL(redisUrl);
const connection = { host, port: Number(port) };
const BATCH_ROWS = 1_000;

const queue = new Queue("plain", { connection });
let rows = 0;
let batch: { name: string; data: object }[] = [];
const startedAt = Date.now();
for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
  const [traceId, spanId] = line.split(",");
  if (traceId === "trace_id" || traceId === "") continue;
  batch.push({
    name: "row",
    data: { dataset_group_id: DATASET_GROUP_ID, trace_id: traceId, span_id: spanId },
  });
  rows += 1;
  if (batch.length < BATCH_ROWS) continue;
  await queue.addBulk(batch);
  batch = [];
}
if (batch.length > 0) await queue.addBulk(batch);
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
await new Promise<void>((resolve, reject) => {
  let left = rows;
  worker.on("completed", () => {
    left -= 1;
    if (left === 0) resolve();
  });
  worker.on("failed", (_job, error) => reject(error));
});
const completedAt = Date.now();
await worker.close();
await queue.close();
process.stdout.write(JSON.stringify({ rows, startedAt, enqueuedAt, completedAt }));
