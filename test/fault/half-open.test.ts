/** Connections to the API go half open: nothing passes any more, and neither side is told. */
import { expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { CONCURRENCY, openStage, SEED } from "./stage.ts";
import { seededRandom } from "../../src/sandbox/random.ts";

const redis = await findRedis("half-open connections", { restartable: true, optional: true });

test("half-open connections cost a timeout: their rows are unknown, the others go over new ones", async () => {
  const rows = 120;
  const random = seededRandom(SEED);
  const stage = await openStage({
    name: "half-open",
    rows,
    redis,
    sandbox: ["--latency", "10ms..30ms"],
    importFlags: ["--timeout=1s"],
  });
  const freezeAt = new Set([20, 60].map((post) => post + Math.floor(random() * 20)));
  let posts = 0;
  let frozen = 0;
  const proxy = await startTcpProxy({
    targetPort: Number(new URL(stage.sandbox.url).port),
    onRequest: (chunk) => {
      // In the middle of the traffic: this request does not arrive, those before it do and are not answered.
      if (chunk.includes("add-trace") && freezeAt.has((posts += 1))) frozen += proxy.freeze();
    },
  });
  stage.scene.atEnd(() => proxy.close());

  const ended = await stage.startImport(`--base-url=http://127.0.0.1:${proxy.port}`).ended;
  const report = await stage.report(ended);
  const record = await stage.sandbox.record();
  expect(audit({ record, report, rowsRead: rows })).toEqual([]);
  const inDoubt = report.rows.filter(({ status }) => status === "unknown");
  expect(inDoubt.length).toBeGreaterThan(freezeAt.size);
  expect(inDoubt.length).toBeLessThanOrEqual(Math.min(frozen, CONCURRENCY * freezeAt.size));
  expect(new Set(inDoubt.map((row) => row.error_code))).toEqual(new Set(["timeout"]));
  expect(report.summary.counts).toMatchObject({ added: rows - inDoubt.length });
  // Both kinds of doubt were met: rows that are there, and rows that never came.
  const there = record.length - (rows - inDoubt.length);
  expect(there).toBeGreaterThan(0);
  expect(there).toBeLessThan(inDoubt.length);
  expect(ended.code).toBe(6);
}, 60_000);
