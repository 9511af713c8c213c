/** The importing process dies in the middle: `kill -9`, and the same command is typed again. */
import { describe, expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findRedis, type RedisSource } from "../support/redis-server.ts";
import { CONCURRENCY, openStage } from "./stage.ts";

const redis = await findRedis("a killed import", { restartable: true });

describe("an import killed with rows in flight, and typed again", () => {
  test(
    "on the embedded store: adds what is missing, sends nothing twice",
    () => killAndRepeat({ name: "import-killed-embedded", redis: undefined }),
    60_000,
  );

  test.skipIf(redis === undefined)(
    "on Redis: adds what is missing, sends nothing twice",
    () => killAndRepeat({ name: "import-killed-redis", redis }),
    60_000,
  );

  test.skipIf(redis === undefined)(
    "on Redis, while a worker goes on with the run: adds what is missing, sends nothing twice",
    () => killAndRepeat({ name: "import-killed-worker", redis, worker: true }),
    60_000,
  );
});

async function killAndRepeat(where: {
  name: string;
  redis: RedisSource | undefined;
  worker?: boolean;
}): Promise<void> {
  const rows = 150;
  const stage = await openStage({ ...where, rows, sandbox: ["--latency", "40ms..80ms"] });
  if (where.worker === true) await stage.untilServing(stage.startWorker());
  const first = stage.startImport();
  await stage.untilApplied(50, first);
  await first.kill("SIGKILL");
  expect((await stage.sandbox.record()).length).toBeLessThan(rows);

  const ended = await stage.startImport().ended;
  const report = await stage.report(ended);
  expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
  const { counts, state } = report.summary;
  expect({ state, lost: rows - counts.added - counts.duplicate - counts.unknown }).toEqual({
    state: "finished",
    lost: 0,
  });
  // It is the same run, carried on.
  expect(ended.stderr).toContain("carrying on run ");
  expect(counts.duplicate).toBe(0);
  expect(counts.unknown).toBeGreaterThan(0);
  expect(counts.unknown).toBeLessThanOrEqual(CONCURRENCY);
  expect(ended.code).toBe(6);
}
