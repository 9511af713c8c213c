/**
 * Postgres as the store. `import`: a file of rows to a local API without latency, by one process, unlimited, against
 * BullMQ's Postgres backend by itself with jobs that do nothing; both take turns, each on an empty database of one
 * server. Rows per second are counted from the arrival of the first POST to the last row's end, reading and enqueueing
 * meanwhile; the plain worker's jobs are all enqueued before. `group`: rows claimed and settled by eight stores with
 * eight rows in hand each, all of one dataset group or each of another one: does a group hold its senders up?
 *
 * Needs PostgreSQL (`initdb` and `postgres`), which it starts: fsync and synchronous_commit on.
 */
import { fileURLToPath } from "node:url";
import { groupKey } from "../src/core/row.ts";
import { type OpenedPostgres, openPostgres } from "../src/store/postgres/open.ts";
import { findPostgres, type PostgresServer } from "../test/support/postgres-server.ts";
import { ADDED, DRAFT, queuedRow, setStage } from "../test/support/store-fixtures.ts";
import { flags, machine, median, round } from "./support/figures.ts";
import { importRows, rowsPerSecond } from "./support/import-run.ts";
import { startLocalApi } from "./support/local-api.ts";
import { writeRowsFile } from "./support/rows-file.ts";
import { benchmark, say, type Scene, succeeded } from "./support/scene.ts";

const PLAIN = fileURLToPath(new URL("support/plain-postgres.ts", import.meta.url));
const settings = flags({ scenes: "import,group", rows: "10000", concurrency: "64", rounds: "3" });
const rows = Number(settings.rows);
const rounds = Number(settings.rounds);
const STORES = 8;
const IN_HAND = 8;

let databases = 0;
const newDatabase = (server: PostgresServer) => server.createDatabase(`bench_${(databases += 1)}`);

async function importRate(scene: Scene, server: PostgresServer, file: string): Promise<number> {
  const api = await startLocalApi(scene);
  const storeUrl = await newDatabase(server);
  const { concurrency } = settings;
  const { endedAt } = await importRows(scene, { file, rows, storeUrl, apiUrl: api.url, concurrency });
  const arrivals = await api.arrivals();
  await api.stop();
  return rowsPerSecond(rows, arrivals, endedAt);
}

async function plainRate(scene: Scene, server: PostgresServer): Promise<number> {
  const { stdout } = await succeeded(
    scene.node([PLAIN, await newDatabase(server), settings.rows, settings.concurrency]),
  );
  const { enqueuedAt, completedAt } = JSON.parse(stdout) as { enqueuedAt: number; completedAt: number };
  return (rows * 1000) / (completedAt - enqueuedAt);
}

/** Rows claimed and settled a second, of one run, over as many groups. */
async function groupRate(server: PostgresServer, groupCount: number): Promise<number> {
  const url = await newDatabase(server);
  const opened: OpenedPostgres[] = [];
  for (let index = 0; index < STORES; index += 1) {
    opened.push(await openPostgres({ url, onFault: (error) => say(String(error)) }));
  }
  const lanes = STORES * IN_HAND;
  const perLane = Math.ceil(rows / lanes);
  const { store } = opened[0]!;
  const stage = await setStage(store, { rows: [] });
  const groups = Array.from({ length: groupCount }, (_, index) => groupKey(stage.origin, 42 + index));
  for (const group of groups) {
    await store.setGroup(group, { phase: "open", draftDatasetId: DRAFT, baseline: 0 });
  }
  const all = Array.from({ length: perLane * lanes }, (_, index) =>
    queuedRow(stage.origin, index + 1, { group: 42 + (index % groupCount) }),
  );
  for (let from = 0; from < all.length; from += 1_000) {
    await store.putRows(stage.run.runId, all.slice(from, from + 1_000));
  }
  const work = async (lane: number) => {
    const own = opened[lane % STORES]!.store;
    for (let index = lane; index < all.length; index += lanes) {
      const { row, key } = all[index]!;
      const claim = stage.claimOf(row, { key, group: groups[index % groupCount]! });
      const answer = await own.claim(claim);
      if (answer.kind !== "claimed") throw new Error(`a claim was answered ${answer.kind}`);
      await own.settle(stage.settleOf(claim, ADDED));
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: lanes }, (_, lane) => work(lane)));
  const seconds = (performance.now() - startedAt) / 1000;
  const counts = await Promise.all(groups.map(async (group) => (await store.getGroup(group)).added));
  const added = counts.reduce((sum, count) => sum + count, 0);
  if (added !== all.length) throw new Error(`${added} of ${all.length} rows were added`);
  for (const one of opened) await one.close();
  return all.length / seconds;
}

/** Two contestants in turns; the middle of each, and of their ratios. */
async function inTurns(
  name: string,
  ours: [string, () => Promise<number>],
  theirs: [string, () => Promise<number>],
): Promise<object> {
  const readings: { [contestant: string]: number }[] = [];
  for (let turn = 0; turn < rounds; turn += 1) {
    const reading: { [contestant: string]: number } = {};
    for (const [contestant, measure] of turn % 2 === 0 ? [ours, theirs] : [theirs, ours]) {
      reading[contestant] = round(await measure(), 0);
    }
    say(`${name} ${turn + 1}: ${JSON.stringify(reading)}`);
    readings.push(reading);
  }
  const of = (contestant: string) => readings.map((reading) => reading[contestant] ?? Number.NaN);
  const [one, other] = [of(ours[0]), of(theirs[0])];
  return {
    scene: name,
    rowsPerSecond: { [ours[0]]: median(one), [theirs[0]]: median(other) },
    ratio: round(median(one.map((rate, turn) => rate / (other[turn] ?? Number.NaN)))),
    readings,
  };
}

await benchmark(async (scene) => {
  const source = await findPostgres("bench/postgres", { restartable: true });
  if (source === undefined) throw new Error("there is no PostgreSQL to start");
  const server = await source.start({ fsync: "on", max_connections: "120", shared_buffers: "128MB" });
  try {
    const file = scene.file("rows.csv");
    await writeRowsFile(file, rows);
    const results = [];
    if (settings.scenes.includes("import")) {
      const ours = () => importRate(scene, server, file);
      results.push(
        await inTurns("import", ["traceload", ours], ["bullmqNoop", () => plainRate(scene, server)]),
      );
    }
    if (settings.scenes.includes("group")) {
      const [one, many] = [1, STORES * IN_HAND].map((groups) => () => groupRate(server, groups));
      results.push(await inTurns("group", ["oneGroup", one!], ["manyGroups", many!]));
    }
    return { scenario: "postgres", settings, machine: machine(), results };
  } finally {
    await server.stop();
  }
});
