/**
 * Does the pace find what a server allows? `--rate auto` against a limit that the command does not know: rows applied
 * in each second, and requests refused. And a limit that is known, while a few requests are refused at random.
 */
import { flags, machine, round } from "./support/figures.ts";
import { startLocalApi } from "./support/local-api.ts";
import { startRedis } from "./support/redis-server.ts";
import { DATASET_GROUP_ID, writeRowsFile } from "./support/rows-file.ts";
import { benchmark, say, type Scene, succeeded } from "./support/scene.ts";

const settings = flags({
  scenes: "auto,auto-silent,random",
  store: "redis",
  seconds: "150",
  limit: "50",
  rate: "300",
  random: "0.8%",
});
const seconds = Number(settings.seconds);
/** By then the rate must be found. */
const FOUND_AFTER_S = 60;

interface Case {
  sandbox: string[];
  rate: string;
  rows: number;
  /** Seconds after the first request from which is judged. */
  fromSecond: number;
  leastPerSecond: number;
}

const limit = Number(settings.limit);
const rate = Number(settings.rate);
const found: Omit<Case, "sandbox"> = {
  rate: "auto",
  rows: limit * seconds,
  fromSecond: FOUND_AFTER_S,
  leastPerSecond: limit * 0.9,
};
const CASES: Readonly<Record<string, Case>> = {
  auto: { ...found, sandbox: [`--rate-limit=${limit}/s`] },
  "auto-silent": { ...found, sandbox: [`--rate-limit=${limit}/s`, "--rate-limit-answer=none"] },
  random: {
    sandbox: [`--faults=${settings.random}`, "--fault-kinds=429"],
    rate: `${rate}/s`,
    rows: rate * 60,
    fromSecond: 0,
    leastPerSecond: (rate * 5) / 6,
  },
};

async function measure(scene: Scene, name: string, store: string) {
  const tried = CASES[name];
  if (tried === undefined) throw new Error(`scenes are ${Object.keys(CASES).join(", ")}, not ${name}`);
  const api = await startLocalApi(scene, [...tried.sandbox, "--latency=20ms..40ms"]);
  const file = scene.file(`rows-${name}.csv`);
  await writeRowsFile(file, tried.rows);
  await succeeded(
    scene.traceload([
      "import",
      file,
      `--dataset-group=${DATASET_GROUP_ID}`,
      `--store=${store}`,
      `--base-url=${api.url}`,
      `--rate=${tried.rate}`,
      "--progress=none",
    ]),
  );
  const arrivals = await api.arrivals();
  const applied = await api.applied();
  await api.stop();

  const start = arrivals[0] ?? Number.NaN;
  // The last rows of a run come out of their own pauses, one by one.
  const end = applied[Math.floor(applied.length * 0.99)] ?? Number.NaN;
  const from = start + tried.fromSecond * 1_000;
  const within = (times: readonly number[]) => times.filter((at) => at >= from && at < end).length;
  const sent = within(arrivals);
  const rows = within(applied);
  const perSecond = (rows * 1_000) / (end - from);
  const refusedShare = (sent - rows) / sent;
  const result = {
    scene: name,
    rows: applied.length,
    rate: tried.rate,
    firstSecondAtLeast: firstTenSecondsOf(applied, start, tried.leastPerSecond),
    judgedFromSecond: tried.fromSecond,
    achievedPerSecond: round(perSecond),
    refusedShare: round(refusedShare, 4),
    refusedInAll: arrivals.length - applied.length,
    wallSeconds: round(((applied.at(-1) ?? 0) - start) / 1_000, 1),
    holds: perSecond >= tried.leastPerSecond && refusedShare < 0.02,
  };
  say(JSON.stringify(result));
  return result;
}

/** The second after which ten seconds on end brought that many rows a second; null: there were none. */
function firstTenSecondsOf(applied: readonly number[], start: number, perSecond: number): number | null {
  const wanted = Math.ceil(perSecond * 10);
  const index = applied.findIndex((at, first) => (applied[first + wanted - 1] ?? Infinity) - at <= 10_000);
  return index === -1 ? null : round(((applied[index] ?? 0) - start) / 1_000, 1);
}

await benchmark(async (scene) => {
  const results = [];
  for (const name of settings.scenes.split(",")) {
    if (settings.store === "redis") {
      const redis = await startRedis(scene, "everysec");
      await redis.clear();
      results.push(await measure(scene, name, redis.url));
    } else results.push(await measure(scene, name, `pglite:${scene.file(`store-${name}`)}`));
  }
  return { scenario: "pace", settings, machine: machine(), results };
});
