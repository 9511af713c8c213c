/** The limiter on Redis: reservations travel in batches. */
import type { Limiter, SlotGrant } from "../../core/store.ts";
import { createBatcher } from "./batcher.ts";
import { replyList, replyNumber, TextList } from "./records.ts";
import type { ScriptRunner } from "./script.ts";
import { pauseScript, slotsScript } from "./scripts/slots.ts";

const MAX_BATCH = 128;
const SLOT_BYTES = 16;

type SlotRequest = Parameters<Limiter["reserveSlots"]>[0];

export interface RedisLimiter extends Limiter {
  close(reason: Error): void;
}

export function createLimiter(runner: ScriptRunner): RedisLimiter {
  const reservations = createBatcher<SlotRequest, SlotGrant>({
    maxItems: MAX_BATCH,
    send: async (requests) => {
      const texts = new TextList(1);
      const packed = Buffer.allocUnsafe(requests.length * SLOT_BYTES);
      requests.forEach((request, index) => {
        const at = index * SLOT_BYTES;
        packed.writeDoubleLE(request.ratePerSecond ?? 0, at);
        packed.writeUInt32LE(request.count, at + 8);
        packed.writeUInt16LE(texts.place(request.limiter), at + 12);
        packed.writeUInt16LE(texts.place(request.sender), at + 14);
      });
      const reply = replyList(await runner.run(slotsScript, packed, ...texts.args));
      return requests.map((_, index) =>
        grant(replyNumber(reply[index * 2]), replyNumber(reply[index * 2 + 1])),
      );
    },
  });

  return {
    reserveSlots: (request) => reservations.add(request),
    pauseLimiter: async (limiter, ms) => {
      await runner.run(pauseScript, limiter, ms);
    },
    close: (reason) => reservations.close(reason),
  };
}

/** Rate 0: no limit. */
function grant(startMicros: number, rate: number): SlotGrant {
  const startInMs = startMicros / 1000;
  if (rate === 0) return { startInMs, intervalMs: 0, ratePerSecond: undefined };
  return { startInMs, intervalMs: 1000 / rate, ratePerSecond: rate };
}
