/**
 * What it costs that rows are known before they are queued: the producer (source, validation, keys, ledger look-up,
 * rows stored, jobs added) against `addBulk` alone, on the same file and Redis, in one process, taking turns.
 */
import { Queue } from "bullmq";
import { produce } from "../src/app/producer.ts";
import { systemClock } from "../src/core/clock.ts";
import { openQueues } from "../src/queue/bullmq-queues.ts";
import { openSources } from "../src/sources/open.ts";
import { openStoreConnection } from "../src/wire/store-connection.ts";
import { DEFAULT_OPTIONS } from "../test/support/source-reading.ts";
import { flags, machine, median, round } from "./support/figures.ts";
import { plainJobs } from "./support/plain-jobs.ts";
import { type BenchRedis, type Fsync, startRedis } from "./support/redis-server.ts";
import { DATASET_GROUP_ID, writeRowsFile } from "./support/rows-file.ts";
import { benchmark, say } from "./support/scene.ts";

const settings = flags({ rows: "100000", rounds: "5", fsync: "everysec,always" });
const rows = Number(settings.rows);

interface Reading {
  rowsPerSecond: number;
  cpuMicrosPerRow: number;
  redisCpuMicrosPerRow: number;
}

async function producer(redis: BenchRedis, file: string): Promise<void> {
  const address = { kind: "redis", url: redis.url } as const;
  const connection = await openStoreConnection(address, () => undefined, { recoveryMs: 30_000 });
  const queues = openQueues({ connection: connection.queue, onFault: () => undefined, nowMs: Date.now });
  const { store } = connection;
  const owner = await store.openLease(
    { host: "bench", bootId: "", pid: process.pid, processStart: "" },
    60_000,
  );
  const origin = "http://bench";
  const [runId, fingerprint] = ["bench", "0"];
  await store.createRun({ runId, fingerprint, origin, sources: [file], options: {}, owner });
  const queue = queues.runQueue(runId);
  const sources = await openSources(
    [file],
    { ...DEFAULT_OPTIONS, datasetGroupId: DATASET_GROUP_ID },
    { stdin: process.stdin },
  );
  await produce(
    {
      store,
      queue,
      clock: systemClock,
      runId,
      origin,
      sources,
      highWaterRows: Infinity,
      onFault: failLoudly,
    },
    new AbortController().signal,
  );
  await queues.close();
  await connection.close();
}

/** As BullMQ's documentation adds jobs in bulk. */
async function addBulk(redis: BenchRedis, file: string): Promise<void> {
  const { hostname: host, port } = new URL(redis.url);
  const queue = new Queue("run-bench", { connection: { host, port: Number(port) }, prefix: "{traceload}" });
  for await (const batch of plainJobs(file)) await queue.addBulk(batch);
  await queue.close();
}

function failLoudly(error: unknown): void {
  throw error;
}

async function measure(enqueue: typeof producer, redis: BenchRedis, file: string): Promise<Reading> {
  await redis.clear();
  const redisBefore = await redis.cpuMs();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await enqueue(redis, file);
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  const queued = await rowsQueued(redis);
  if (queued !== rows) throw new Error(`${queued} of ${rows} rows were queued`);
  return {
    rowsPerSecond: round((rows * 1000) / wallMs, 0),
    cpuMicrosPerRow: round((user + system) / rows, 1),
    redisCpuMicrosPerRow: round((((await redis.cpuMs()) - redisBefore) * 1000) / rows, 1),
  };
}

/** A job of ours holds a list of rows, a plain one is a row. */
async function rowsQueued({ client }: BenchRedis): Promise<number> {
  const prefix = "{traceload}:run-bench";
  let queued = 0;
  for (const id of await client.lrange(`${prefix}:wait`, 0, -1)) {
    const data: unknown = JSON.parse((await client.hget(`${prefix}:${id}`, "data")) ?? "null");
    queued += Array.isArray(data) ? data.length : 1;
  }
  return queued;
}

function medians(readings: readonly Reading[]): Reading {
  return {
    rowsPerSecond: median(readings.map((one) => one.rowsPerSecond)),
    cpuMicrosPerRow: median(readings.map((one) => one.cpuMicrosPerRow)),
    redisCpuMicrosPerRow: median(readings.map((one) => one.redisCpuMicrosPerRow)),
  };
}

await benchmark(async (scene) => {
  const file = scene.file("rows.csv");
  await writeRowsFile(file, rows);
  const results = [];
  for (const fsync of settings.fsync.split(",")) {
    const redis = await startRedis(scene, fsync as Fsync);
    const readings = { traceload: [] as Reading[], addBulk: [] as Reading[] };
    // The first turn of each warms the process up and does not count.
    for (let turn = 0; turn <= Number(settings.rounds); turn += 1) {
      const pair = [
        [readings.traceload, producer],
        [readings.addBulk, addBulk],
      ] as const;
      for (const [taken, enqueue] of turn % 2 === 0 ? pair : pair.toReversed()) {
        const reading = await measure(enqueue, redis, file);
        say(`${fsync} ${turn} ${enqueue.name}: ${JSON.stringify(reading)}`);
        if (turn > 0) taken.push(reading);
      }
    }
    await redis.stop();
    const [ours, theirs] = [medians(readings.traceload), medians(readings.addBulk)];
    results.push({
      fsync,
      redis: redis.version,
      traceload: ours,
      addBulk: theirs,
      ratios: {
        rowsPerSecond: round(ours.rowsPerSecond / theirs.rowsPerSecond),
        cpuPerRow: round(ours.cpuMicrosPerRow / theirs.cpuMicrosPerRow),
        redisCpuPerRow: round(ours.redisCpuMicrosPerRow / theirs.redisCpuMicrosPerRow),
      },
      readings,
    });
  }
  return { scenario: "enqueue", settings, machine: machine(), results };
});
