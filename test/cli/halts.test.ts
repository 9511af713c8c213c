/** The key is taken back in the middle of a run: it stops, and sends nothing that was not under way. */
import { describe, expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findRedis, type RedisSource } from "../support/redis-server.ts";
import { CONCURRENCY, openStage } from "../fault/stage.ts";

const redis = await findRedis("halts", { restartable: true });
const GOOD = 60;
const ROWS = 150;

describe("a 401 in the middle of a run", () => {
  test(
    "stops an import on the embedded store",
    () => haltAt("401", { redis: undefined, workers: 0 }),
    60_000,
  );
  test.skipIf(redis === undefined)(
    "stops an import on Redis and the workers that help",
    () => haltAt("401", { redis, workers: 2 }),
    60_000,
  );
});

test("so does a page that is not the API's, 404", () => haltAt("404-html", { redis, workers: 0 }), 60_000);

async function haltAt(
  fault: string,
  { redis, workers }: { redis: RedisSource | undefined; workers: number },
): Promise<void> {
  const stage = await openStage({
    name: `halt-${fault}`,
    rows: ROWS,
    redis,
    sandbox: ["--latency", "20ms..60ms", "--fault", `${fault}@${GOOD + 1}..1000000`],
  });
  for (let started = 0; started < workers; started += 1) await stage.untilServing(stage.startWorker());
  const ended = await stage.startImport().ended;
  expect(ended.code).toBe(3);
  const report = await stage.report(ended);
  expect(audit({ record: await stage.sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
  expect(report.summary).toMatchObject({
    state: "stopped",
    exitCode: 3,
    counts: { added: GOOD, unprocessed: ROWS - GOOD, unknown: 0, rejected: 0, failed: 0 },
  });
  expect(`${ended.stderr}${report.summary.next.join()}`).toContain("doctor");
  // Each request under way may meet the refusal once; who has met it sends no more.
  const refused = (await stage.sandbox.stats()).addTraceArrivals - GOOD;
  expect(refused).toBeLessThanOrEqual(CONCURRENCY * (1 + workers));
}
