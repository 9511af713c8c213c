/** Two processes import the same rows at the same time. */
import { describe, expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { openStage } from "./stage.ts";

const redis = await findRedis("two imports of the same rows");
const ROWS = 200;

describe.skipIf(redis === undefined)("two imports of the same rows at once, on Redis", () => {
  test("send each row once: what one adds is a duplicate for the other, and the lower rate holds for both", async () => {
    const stage = await openStage({
      name: "two-imports",
      rows: ROWS,
      redis,
      sandbox: ["--latency", "30ms..60ms"],
    });
    // Both open their store before the first row is sent: they meet over every row.
    const imports = [
      stage.startImport("--rate=50/s", "--run-id=one"),
      stage.startImport("--rate=80/s", "--run-id=two"),
    ];
    const ended = await Promise.all(imports.map((one) => one.ended));
    const record = await stage.sandbox.record();
    let added = 0;
    for (const end of ended) {
      expect(end.code).toBe(0);
      const report = await stage.report(end);
      expect(audit({ record, report, rowsRead: ROWS })).toEqual([]);
      const { counts } = report.summary;
      expect(counts.added + counts.duplicate).toBe(ROWS);
      added += counts.added;
    }
    expect(added).toBe(ROWS);
    // The server saw each row once: nothing was sent and then found to be there.
    const arrivals = await stage.sandbox.arrivals();
    expect(arrivals).toHaveLength(ROWS);
    const sorted = arrivals.toSorted((a, b) => a - b);
    const seconds = ((sorted.at(-1) ?? 0) - (sorted[0] ?? 0)) / 1_000;
    expect((ROWS - 1) / seconds).toBeLessThan(50 * 1.1);
  }, 90_000);
});
