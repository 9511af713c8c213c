/** The limiter: slots asked for at the same time are reserved by one statement. */
import type { Limiter, SlotGrant } from "../../core/store.ts";
import { microBatch } from "../micro-batch.ts";
import type { Statements } from "./connection.ts";
import { numberOrUndefined } from "./values.ts";

type SlotRequest = Parameters<Limiter["reserveSlots"]>[0];

const BATCH = 64;

export function sqlLimiter(statements: Statements, schema: string): Limiter {
  const reserveSlots = microBatch<SlotRequest, SlotGrant>({
    maxItems: BATCH,
    async send(requests) {
      const rows = await statements.run(`select * from ${schema}.reserve_slots($1, $2, $3, $4)`, [
        requests.map(({ limiter }) => limiter),
        requests.map(({ sender }) => sender),
        requests.map(({ ratePerSecond }) => ratePerSecond ?? null),
        requests.map(({ count }) => count),
      ]);
      return rows.map((row) => ({
        startInMs: Number(row["start_in_ms"]),
        intervalMs: Number(row["interval_ms"]),
        ratePerSecond: numberOrUndefined(row["rate"]),
      }));
    },
  });
  return {
    reserveSlots,
    async pauseLimiter(limiter, ms) {
      await statements.run(`select ${schema}.pause_limiter($1, $2)`, [limiter, ms]);
    },
  };
}
