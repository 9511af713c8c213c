/** The limiter: slots asked for at the same time are reserved by one statement; and the pace that is kept beside it. */
import type { Limiter, SlotGrant } from "../../core/store.ts";
import { microBatch } from "../micro-batch.ts";
import type { Statements } from "./connection.ts";
import { numberOrUndefined, objectOrUndefined, storableJson } from "./values.ts";

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
    async noteAnswers({ limiter, answered, refused }) {
      const [row] = await statements.run(`select * from ${schema}.note_answers($1, $2, $3)`, [
        limiter,
        answered,
        refused,
      ]);
      return {
        now: Number(row?.["now"]),
        version: Number(row?.["version"]),
        answered: Number(row?.["answered"]),
        refused: Number(row?.["refused"]),
        ceilingPerSecond: numberOrUndefined(row?.["ceiling"]),
        memory: objectOrUndefined(row?.["memory"]),
      };
    },
    async setPace({ limiter, version, ceilingPerSecond, memory }) {
      const rows = await statements.run(`select ${schema}.set_pace($1, $2, $3, $4) as applied`, [
        limiter,
        version,
        ceilingPerSecond ?? null,
        storableJson(memory),
      ]);
      return rows[0]?.["applied"] === true;
    },
    async pauseLimiter(limiter, ms) {
      await statements.run(`select ${schema}.pause_limiter($1, $2)`, [limiter, ms]);
    },
  };
}
