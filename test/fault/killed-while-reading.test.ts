/** The importing process is killed while it still reads its file: some rows are sent, some wait, some are unread. */
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/sandbox/random.ts";
import { audit } from "../support/audit.ts";
import { findRedis, type RedisSource } from "../support/redis-server.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { CONCURRENCY, openStage, SEED } from "./stage.ts";

const redis = await findRedis("an import killed while it reads", { restartable: true });
const random = seededRandom(SEED);

/** Read one after the other, the next when little of the last one waits. */
const FILES = 4;
const ROWS_IN_FILE = 50;
const ROWS = FILES * ROWS_IN_FILE;

describe("an import killed while it reads, and typed again", () => {
  test(
    "on the embedded store: reads the rest, adds what is missing, sends nothing twice",
    () => killReading({ name: "killed-reading-embedded", redis: undefined }),
    120_000,
  );

  test.skipIf(redis === undefined)(
    "on Redis, beside a worker: reads the rest, adds what is missing, sends nothing twice",
    () => killReading({ name: "killed-reading-redis", redis }),
    120_000,
  );
});

async function killReading(where: { name: string; redis: RedisSource | undefined }): Promise<void> {
  const stage = await openStage({
    ...where,
    rows: ROWS_IN_FILE,
    sandbox: ["--latency", "20ms..40ms"],
    importFlags: ["--high-water=10"],
  });
  const further = await Promise.all(
    Array.from({ length: FILES - 1 }, (_, index) =>
      stage.scene.write(`rows-${index + 2}.csv`, csvOf(rowIds(ROWS_IN_FILE, index + 2))),
    ),
  );
  if (where.redis !== undefined) await stage.untilServing(stage.startWorker());
  const importing = stage.startImport(...further);
  await stage.untilApplied(10 + Math.floor(random() * 60), importing);
  await importing.kill("SIGKILL");
  const left = await stage.scene.run(["status", "--json", `--store=${stage.storeUrl}`]);
  expect(JSON.parse(left.stdout)).toMatchObject([{ sourceComplete: false, ownerAlive: false }]);

  const report = await stage.report(await stage.startImport(...further).ended);
  expect(audit({ record: await stage.sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
  const { counts, state } = report.summary;
  expect({ state, lost: ROWS - counts.added - counts.duplicate - counts.unknown }).toEqual({
    state: "finished",
    lost: 0,
  });
  expect(counts.unknown).toBeLessThanOrEqual(CONCURRENCY);
}
