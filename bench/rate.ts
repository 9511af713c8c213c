/**
 * Is the limit one limit? An importer and two workers share a rate; the API notes when each POST arrived. Counted from
 * the second POST on, over 30 s: what was achieved of the rate, and the most in any sliding second.
 */
import { setTimeout as pause } from "node:timers/promises";
import { flags, machine, round } from "./support/figures.ts";
import { startLocalApi } from "./support/local-api.ts";
import { type BenchRedis, startRedis } from "./support/redis-server.ts";
import { DATASET_GROUP_ID, writeRowsFile } from "./support/rows-file.ts";
import { benchmark, say, type Scene, succeeded } from "./support/scene.ts";

const settings = flags({ rates: "20,200,1000", seconds: "30", workers: "2", fsync: "everysec" });
const seconds = Number(settings.seconds);

async function measure(scene: Scene, redis: BenchRedis, rate: number) {
  await redis.clear();
  const api = await startLocalApi(scene);
  const file = scene.file(`rows-${rate}.csv`);
  await writeRowsFile(file, rate * (seconds + 1) + 10);
  const target = [`--store=${redis.url}`, `--base-url=${api.url}`];
  const workers = Array.from({ length: Number(settings.workers) }, () =>
    scene.traceload(["worker", ...target]),
  );
  // They find the run by themselves; once they are up, that takes up to a second.
  for (let names = 0; names < workers.length; names = await redis.client.zcard("{traceload}:leases")) {
    await pause(50);
  }
  const { wallMs } = await succeeded(
    scene.traceload([
      "import",
      file,
      `--dataset-group=${DATASET_GROUP_ID}`,
      ...target,
      `--rate=${rate}/s`,
      "--progress=none",
    ]),
  );
  const arrivals = (await api.arrivals()).toSorted((a, b) => a - b).slice(1);
  for (const worker of workers) worker.kill("SIGTERM");
  await Promise.all(workers.map((worker) => worker.ended));
  await api.stop();

  const from = arrivals[0] ?? Number.NaN;
  const counted = arrivals.filter((at) => at > from && at <= from + seconds * 1000);
  const most = mostInASecond(arrivals);
  const mostAllowed = Math.max(1.05 * rate, rate + 2);
  const result = {
    ratePerSecond: rate,
    achievedPerSecond: round(counted.length / seconds),
    ratio: round(counted.length / seconds / rate, 4),
    mostInASlidingSecond: most,
    mostAllowed,
    longestGapMs: round(Math.max(...arrivals.slice(1).map((at, index) => at - (arrivals[index] ?? at))), 1),
    holds: counted.length / seconds / rate >= 0.98 && most <= mostAllowed,
    wallMs: round(wallMs, 0),
  };
  say(JSON.stringify(result));
  return result;
}

function mostInASecond(sorted: readonly number[]): number {
  let most = 0;
  let first = 0;
  for (const [index, at] of sorted.entries()) {
    while ((sorted[first] ?? at) <= at - 1000) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

await benchmark(async (scene) => {
  const redis = await startRedis(scene, settings.fsync === "always" ? "always" : "everysec");
  const results = [];
  for (const rate of settings.rates.split(",")) results.push(await measure(scene, redis, Number(rate)));
  return { scenario: "rate", settings, machine: machine(), redis: redis.version, results };
});
