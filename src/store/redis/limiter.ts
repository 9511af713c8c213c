/** The limiter on Redis: reservations travel in batches. */
import type { Limiter, PaceRecord, SlotGrant } from "../../core/store.ts";
import { microBatch } from "../micro-batch.ts";
import { packCalls, type PackedCall } from "./packing.ts";
import { replyBytes, replyList, replyNumber } from "./replies.ts";
import type { Reply, ScriptRunner } from "./script.ts";
import { noteAnswersScript, setPaceScript } from "./scripts/pace.ts";
import { pauseScript, slotsScript } from "./scripts/slots.ts";

const MAX_BATCH = 128;
const SLOT_BYTES = 16;

type SlotRequest = Parameters<Limiter["reserveSlots"]>[0];

export interface RedisLimiter extends Limiter {
  close(reason: Error): void;
}

export function createLimiter(runner: ScriptRunner): RedisLimiter {
  const reservations = microBatch<PackedCall, SlotGrant>({
    maxItems: MAX_BATCH,
    gather: "turn",
    send: async (calls) => {
      const reply = replyList(await runner.run(slotsScript, ...packCalls(calls)));
      const recovering = replyNumber(reply.at(-1)) === 1;
      return calls.map((_, index) => {
        const granted = grant(replyNumber(reply[index * 2]), replyNumber(reply[index * 2 + 1]));
        return recovering ? { ...granted, recovering } : granted;
      });
    },
  });

  return {
    reserveSlots: async (request) => await reservations(packReservation(request)),
    pauseLimiter: async (limiter, ms) => {
      await runner.run(pauseScript, limiter, ms);
    },
    noteAnswers: async ({ limiter, answered, refused }) =>
      paceRecord(await runner.run(noteAnswersScript, limiter, answered, refused)),
    setPace: async ({ limiter, version, ceilingPerSecond, memory }) => {
      const ceiling = ceilingPerSecond ?? "";
      return (
        replyNumber(await runner.run(setPaceScript, limiter, version, ceiling, JSON.stringify(memory))) === 1
      );
    },
    close: (reason) => reservations.close(reason),
  };
}

function packReservation(request: SlotRequest): PackedCall {
  const bytes = Buffer.allocUnsafe(SLOT_BYTES);
  bytes.writeDoubleLE(request.ratePerSecond ?? 0, 0);
  bytes.writeUInt32LE(request.count, 8);
  return { bytes, placesAt: 12, texts: [request.limiter, request.sender] };
}

/** Rate 0: no limit. */
function grant(startMicros: number, rate: number): SlotGrant {
  const startInMs = startMicros / 1000;
  if (rate === 0) return { startInMs, intervalMs: 0, ratePerSecond: undefined };
  return { startInMs, intervalMs: 1000 / rate, ratePerSecond: rate };
}

function paceRecord(reply: Reply): PaceRecord {
  const [now, version, answered, refused, ceiling, memory] = replyList(reply);
  return {
    now: replyNumber(now),
    version: replyNumber(version),
    answered: replyNumber(answered),
    refused: replyNumber(refused),
    ceilingPerSecond: ceiling === null ? undefined : replyNumber(ceiling),
    memory:
      memory === null ? undefined : (JSON.parse(replyBytes(memory).toString()) as Record<string, unknown>),
  };
}
