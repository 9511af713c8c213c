/**
 * Everything dies, again and again, at random moments with rows in flight; the same command is typed after each.
 * Small by default; TRACELOAD_FAULT_FULL=1 makes it ten kills in an import of 5,000 rows, TRACELOAD_FAULT_SEED moves
 * the moments.
 */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/sandbox/random.ts";
import { audit } from "../support/audit.ts";
import { findPostgres, type PostgresSource } from "../support/postgres-server.ts";
import { findRedis, type RedisSource } from "../support/redis-server.ts";
import type { Traceload } from "../support/traceload.ts";
import { CONCURRENCY, openStage } from "./stage.ts";

const redis = await findRedis("everything killed", { restartable: true });
const postgres = await findPostgres("everything killed", { restartable: true, optional: true });

const FULL = process.env["TRACELOAD_FAULT_FULL"] === "1";
const SEED = Number(process.env["TRACELOAD_FAULT_SEED"] ?? 1);
const KILLS = FULL ? 10 : 2;
const ROWS = FULL ? 5_000 : 240;
/** Between two kills, so many rows are sent at least. */
const ROWS_BETWEEN = Math.floor(ROWS / (KILLS + 1) / 2);
const TIMEOUT_MS = FULL ? 600_000 : 90_000;

describe(`everything killed ${KILLS} times in an import of ${ROWS} rows, the same command typed after each`, () => {
  test(
    "on the embedded store: each row is added once, or called unknown",
    async () => {
      await killAgainAndAgain({ name: "all-killed-embedded", workers: 0 });
    },
    TIMEOUT_MS,
  );

  test.skipIf(redis === undefined)(
    "on Redis, with a worker, and Redis itself killed too: each row is added once, or called unknown",
    async () => {
      await killAgainAndAgain({ name: "all-killed-redis", redis, workers: 1 });
    },
    TIMEOUT_MS,
  );

  // What the others show in small, on a server too, store-killed shows for this one.
  test.skipIf(postgres === undefined || !FULL)(
    "on Postgres, with a worker, and Postgres itself killed too: each row is added once, or called unknown",
    async () => {
      await killAgainAndAgain({ name: "all-killed-postgres", postgres, workers: 1 });
    },
    TIMEOUT_MS,
  );
});

interface Where {
  name: string;
  redis?: RedisSource | undefined;
  postgres?: PostgresSource | undefined;
  workers: number;
}

async function killAgainAndAgain({ name, redis, postgres, workers }: Where): Promise<void> {
  const random = seededRandom(SEED);
  const stage = await openStage({ name, redis, postgres, rows: ROWS, sandbox: ["--latency", "10ms..40ms"] });
  const startAll = async (): Promise<Traceload[]> => {
    const helping = Array.from({ length: workers }, () => stage.startWorker());
    for (const worker of helping) await stage.untilServing(worker);
    return [stage.startImport(), ...helping];
  };
  let applied = 0;
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const all = await startAll();
    await stage.untilApplied(applied + Math.ceil(ROWS_BETWEEN * random()) + 1, all[0]!);
    await pause(random() * 200);
    await Promise.all(all.map((one) => one.kill("SIGKILL")));
    if (kill % 2 === 0) await stage.server?.restart();
    applied = (await stage.sandbox.record()).length;
  }
  expect(applied).toBeLessThan(ROWS);

  const [importing] = await startAll();
  const report = await stage.report(await importing!.ended);
  expect(audit({ record: await stage.sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
  const { counts, state } = report.summary;
  expect({ state, lost: ROWS - counts.added - counts.duplicate - counts.unknown }).toEqual({
    state: "finished",
    lost: 0,
  });
  expect(counts.unknown).toBeLessThanOrEqual(KILLS * CONCURRENCY * (1 + workers));
}
