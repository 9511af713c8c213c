/** The store's server dies in the middle of a run and comes back: `kill -9`, with what it acknowledged on disk. */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findPostgres } from "../support/postgres-server.ts";
import { findRedis } from "../support/redis-server.ts";
import { openStage, type StageOptions } from "./stage.ts";

const redis = await findRedis("a killed Redis", { restartable: true });
const postgres = await findPostgres("a killed Postgres", { restartable: true });
const AWAY_MS = 700;

interface Killed {
  store: string;
  found: boolean;
  on: Pick<StageOptions, "redis" | "postgres">;
}

const STORES: Killed[] = [
  { store: "Redis", found: redis !== undefined, on: { redis } },
  { store: "Postgres", found: postgres !== undefined, on: { postgres } },
];

describe.each(STORES)("$store killed and restarted in the middle of a run", ({ store, found, on }) => {
  test.skipIf(!found)(
    "delays the run: every row is added once, and none is in doubt",
    async () => {
      const rows = 300;
      const name = `${store.toLowerCase()}-killed`;
      const stage = await openStage({ name, rows, ...on, sandbox: ["--latency", "40ms..80ms"] });
      const workers = [stage.startWorker(), stage.startWorker()];
      for (const worker of workers) await stage.untilServing(worker);
      const importing = stage.startImport();
      for (const applied of [60, 160]) {
        await stage.untilApplied(applied, importing);
        await stage.server?.kill();
        await pause(AWAY_MS);
        await stage.server?.restart();
      }
      const ended = await importing.ended;

      const report = await stage.report(ended);
      expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
      expect(report.summary).toMatchObject({ state: "finished", counts: { added: rows, unknown: 0 } });
      expect(ended.code).toBe(0);
      expect(workers.map((worker) => worker.running())).toEqual([true, true]);
    },
    120_000,
  );
});
