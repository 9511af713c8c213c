/**
 * A file of rows through Redis to a local API without latency, by one process: `traceload import`, unlimited, against a
 * plain BullMQ worker with `fetch`. Both take turns on one Redis, and on a fresh API each time.
 *
 * Rows per second are counted from the arrival of the first POST to the last row's end: the plain worker's has
 * enqueued everything before, traceload's reads, looks up and enqueues meanwhile. CPU is that of the whole process,
 * from its start to its end, reading and report included; Redis's stands apart.
 */
import { fileURLToPath } from "node:url";
import { flags, machine, median, round } from "./support/figures.ts";
import { type Imported, importRows, rowsPerSecond } from "./support/import-run.ts";
import { startLocalApi } from "./support/local-api.ts";
import { type BenchRedis, type Fsync, startRedis } from "./support/redis-server.ts";
import { writeRowsFile } from "./support/rows-file.ts";
import { benchmark, say, type Scene, succeeded } from "./support/scene.ts";

const PLAIN_WORKER = fileURLToPath(new URL("support/plain-worker.ts", import.meta.url));
const settings = flags({
  rows: "50000",
  concurrency: "64",
  rounds: "5",
  fsync: "everysec,always",
  only: "both",
});
const rows = Number(settings.rows);

interface Reading {
  rowsPerSecond: number;
  wallMs: number;
  cpuMicrosPerRow: number;
  redisCpuMicrosPerRow: number;
  apiCpuMicrosPerRow: number;
  peakRssMiB: number;
}

type Contestant = (scene: Scene, redis: BenchRedis, apiUrl: string, file: string) => Promise<Imported>;

const traceload: Contestant = (scene, redis, apiUrl, file) =>
  importRows(scene, { file, rows, storeUrl: redis.url, apiUrl, concurrency: settings.concurrency });

const plain: Contestant = async (scene, redis, apiUrl, file) => {
  const { stdout, wallMs, usage } = await succeeded(
    scene.node([PLAIN_WORKER, file, redis.url, apiUrl, settings.concurrency]),
  );
  return { endedAt: (JSON.parse(stdout) as { completedAt: number }).completedAt, wallMs, usage };
};

async function measure(
  contestant: Contestant,
  scene: Scene,
  redis: BenchRedis,
  file: string,
): Promise<Reading> {
  await redis.clear();
  const api = await startLocalApi(scene);
  const redisBefore = await redis.cpuMs();
  const { endedAt, wallMs, usage } = await contestant(scene, redis, api.url, file);
  const redisCpuMs = (await redis.cpuMs()) - redisBefore;
  const arrivals = await api.arrivals();
  const apiUsage = await api.stop();
  return {
    rowsPerSecond: round(rowsPerSecond(rows, arrivals, endedAt), 0),
    wallMs: round(wallMs, 0),
    cpuMicrosPerRow: round((usage.cpuMs * 1000) / rows, 0),
    redisCpuMicrosPerRow: round((redisCpuMs * 1000) / rows, 0),
    apiCpuMicrosPerRow: round(((apiUsage?.cpuMs ?? 0) * 1000) / rows, 0),
    peakRssMiB: round(usage.peakRssMiB, 0),
  };
}

function medians(readings: readonly Reading[]): Reading {
  const names = Object.keys(readings[0] ?? {}) as (keyof Reading)[];
  return Object.fromEntries(
    names.map((name) => [name, median(readings.map((one) => one[name]))]),
  ) as unknown as Reading;
}

async function compare(scene: Scene, fsync: Fsync, file: string): Promise<object> {
  const redis = await startRedis(scene, fsync);
  const readings = { traceload: [] as Reading[], plain: [] as Reading[] };
  for (let turn = 0; turn < Number(settings.rounds); turn += 1) {
    const pair = [
      ["traceload", traceload],
      ["plain", plain],
    ] as const;
    for (const [name, contestant] of turn % 2 === 0 ? pair : pair.toReversed()) {
      if (settings.only !== "both" && settings.only !== name) continue;
      const reading = await measure(contestant, scene, redis, file);
      readings[name].push(reading);
      say(`${fsync} ${turn + 1} ${name}: ${JSON.stringify(reading)}`);
    }
  }
  await redis.stop();
  const ours = medians(readings.traceload);
  const theirs = medians(readings.plain);
  return {
    fsync,
    redis: redis.version,
    traceload: ours,
    plain: theirs,
    ratios: {
      rowsPerSecond: round(ours.rowsPerSecond / theirs.rowsPerSecond),
      cpuPerRow: round(ours.cpuMicrosPerRow / theirs.cpuMicrosPerRow),
      cpuPerRowWithRedis: round(
        (ours.cpuMicrosPerRow + ours.redisCpuMicrosPerRow) /
          (theirs.cpuMicrosPerRow + theirs.redisCpuMicrosPerRow),
      ),
      wallTime: round(ours.wallMs / theirs.wallMs),
    },
    readings,
  };
}

await benchmark(async (scene) => {
  const file = scene.file("rows.csv");
  await writeRowsFile(file, rows);
  const results = [];
  for (const fsync of settings.fsync.split(",")) results.push(await compare(scene, fsync as Fsync, file));
  return { scenario: "end-to-end", settings, machine: machine(), results };
});
