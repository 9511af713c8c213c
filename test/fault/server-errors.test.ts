/** Every 5xx that servers and gateways answer with, each once before the row is applied and once after. */
import { describe, expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findRedis, type RedisSource } from "../support/redis-server.ts";
import { openStage } from "./stage.ts";

const redis = await findRedis("server errors", { restartable: true });

/** The bare 503 among them: gateways answer so after they have passed the request on. */
const STATUSES = [500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 522, 524, 529, 599];
const UNCLEAR = STATUSES.flatMap((status) => [`${status}`, `${status}-after-apply`]);
/** Says when to come back, and so that the row was not taken. */
const CLEAR = ["503-retry-after:1", "503-retry-after:0"];
const ROWS = 100;

describe("every 5xx leaves its row unknown, 503 with Retry-After puts it off", () => {
  test("on the embedded store", () => failEach({ name: "server-errors-embedded", redis: undefined }), 60_000);

  test.skipIf(redis === undefined)(
    "on Redis, with a worker",
    () => failEach({ name: "server-errors-redis", redis }),
    60_000,
  );
});

async function failEach(where: { name: string; redis: RedisSource | undefined }): Promise<void> {
  const faults = [...UNCLEAR, ...CLEAR];
  const stage = await openStage({
    ...where,
    rows: ROWS,
    sandbox: faults.flatMap((fault, index) => ["--fault", `${fault}@${5 + index * 3}`]),
    importFlags: ["--max-attempts=1"],
  });
  if (where.redis !== undefined) await stage.untilServing(stage.startWorker());
  const ended = await stage.startImport().ended;
  const report = await stage.report(ended);
  const record = await stage.sandbox.record();
  expect(audit({ record, report, rowsRead: ROWS })).toEqual([]);
  expect(report.summary.counts).toMatchObject({ added: ROWS - UNCLEAR.length, unknown: UNCLEAR.length });
  expect(record.length).toBe(ROWS - UNCLEAR.length / 2);
  // Only those that were put off came twice.
  expect((await stage.sandbox.arrivals()).length).toBe(ROWS + CLEAR.length);
  const inDoubt = report.rows.filter(({ status }) => status === "unknown");
  expect(new Set(inDoubt.map((row) => row.error_code))).toEqual(new Set(["server_error"]));
  const told = inDoubt.map((row) => Number(row.http_status)).sort((a, b) => a - b);
  expect(told).toEqual(STATUSES.flatMap((status) => [status, status]));
  expect(ended.code).toBe(6);
}
