/**
 * Memory of a long import on Redis against one a tenth as long: resident memory of the whole process tree (Redis is
 * not part of it), rows waiting in the queue, and what a settled row takes in Redis. Then the embedded store's peak,
 * its creation included.
 */
import { setTimeout as pause } from "node:timers/promises";
import { flags, machine, round } from "./support/figures.ts";
import { startLocalApi } from "./support/local-api.ts";
import { type MemorySamples, sampleMemory } from "./support/process-tree.ts";
import { type BenchRedis, startRedis } from "./support/redis-server.ts";
import { DATASET_GROUP_ID, writeRowsFile } from "./support/rows-file.ts";
import { benchmark, say, type Scene, succeeded } from "./support/scene.ts";

const settings = flags({
  rows: "2000000",
  small: "200000",
  embedded: "20000",
  concurrency: "64",
  fsync: "everysec",
  rate: "unlimited",
});
const SAMPLE_MS = 250;

function importArguments(file: string, store: string, apiUrl: string, runId: string): string[] {
  return [
    "import",
    file,
    `--dataset-group=${DATASET_GROUP_ID}`,
    `--store=${store}`,
    `--base-url=${apiUrl}`,
    `--rate=${settings.rate}`,
    `--concurrency=${settings.concurrency}`,
    "--progress=none",
    `--run-id=${runId}`,
  ];
}

async function watchWaiting(redis: BenchRedis, runId: string, signal: AbortSignal): Promise<number> {
  const queue = `{traceload}:run-${runId}`;
  let most = 0;
  while (!signal.aborted) {
    const [waiting, delayed] = await Promise.all([
      redis.client.llen(`${queue}:wait`),
      redis.client.zcard(`${queue}:delayed`),
    ]);
    most = Math.max(most, waiting + delayed);
    await pause(SAMPLE_MS / 5);
  }
  return most;
}

async function onRedis(scene: Scene, redis: BenchRedis, rows: number) {
  const file = scene.file(`rows-${rows}.csv`);
  await writeRowsFile(file, rows);
  await redis.clear();
  const api = await startLocalApi(scene);
  const emptyBytes = await redis.usedMemory();
  const runId = `bench-${rows}`;
  const run = scene.traceload(importArguments(file, redis.url, api.url, runId));
  const memory = sampleMemory(run.pid, SAMPLE_MS);
  const over = new AbortController();
  const waiting = watchWaiting(redis, runId, over.signal);
  const { wallMs, usage } = await succeeded(run).finally(() => over.abort());
  const { peakMiB, steadyMiB, samples }: MemorySamples = memory.stop();
  // What was unlinked is given back in the background.
  await pause(2_000);
  const bytes = (await redis.usedMemory()) - emptyBytes;
  await api.stop();
  const result = {
    rows,
    peakMiB: round(peakMiB, 1),
    steadyMiB: round(steadyMiB, 1),
    samples,
    mostWaitingJobs: await waiting,
    redisBytesPerRow: round(bytes / rows, 1),
    rowsPerSecond: round((rows * 1000) / wallMs, 0),
    cpuMicrosPerRow: round((usage.cpuMs * 1000) / rows, 0),
  };
  say(JSON.stringify(result));
  return result;
}

async function embedded(scene: Scene, rows: number) {
  const file = scene.file("rows-embedded.csv");
  await writeRowsFile(file, rows);
  const api = await startLocalApi(scene);
  const run = scene.traceload(
    importArguments(file, `pglite:${scene.file("store")}`, api.url, "bench-embedded"),
  );
  const memory = sampleMemory(run.pid, SAMPLE_MS / 5);
  const { wallMs } = await succeeded(run);
  const { peakMiB, steadyMiB, samples } = memory.stop();
  await api.stop();
  return {
    rows,
    peakMiB: round(peakMiB, 1),
    steadyMiB: round(steadyMiB, 1),
    samples,
    rowsPerSecond: round((rows * 1000) / wallMs, 0),
  };
}

await benchmark(async (scene) => {
  const inside = await embedded(scene, Number(settings.embedded));
  say(JSON.stringify(inside));
  const redis = await startRedis(scene, settings.fsync === "always" ? "always" : "everysec");
  const small = await onRedis(scene, redis, Number(settings.small));
  const large = await onRedis(scene, redis, Number(settings.rows));
  return {
    scenario: "memory",
    settings,
    machine: machine(),
    redis: { version: redis.version, small, large },
    embedded: inside,
    ratios: {
      peakLargeToSmall: round(large.peakMiB / small.peakMiB),
      steadyLargeToSmall: round(large.steadyMiB / small.steadyMiB),
    },
  };
});
