/** The sending protocol's part of the ledger on Redis: claims and settlements travel in batches, each judged by itself. */
import type { ClaimAnswer, ClaimRequest, Ledger, SettleRequest, Settlement } from "../../core/store.ts";
import { microBatch } from "../micro-batch.ts";
import { CLAIM_ANSWERS, CLAIM_RECORD, SETTLE_KINDS, SETTLE_RECORD } from "./layout.ts";
import { leaseNumber, packCalls, packKeys } from "./packing.ts";
import { durationNumber, MAX_ATTEMPTS, modeNumber, readEntry, resultText } from "./records.ts";
import { replyBytes, replyList, replyNumber } from "./replies.ts";
import type { ScriptRunner } from "./script.ts";
import { claimScript } from "./scripts/claim.ts";
import { lookupScript } from "./scripts/lookup.ts";
import { settleScript } from "./scripts/settle.ts";
import { sweepScript } from "./scripts/sweep.ts";
import type { ClaimCall, SettleCall, Told } from "./told.ts";

const MAX_BATCH = 128;
/** Digits of the key that name its bucket. */
const BUCKET_DIGITS = 4;

const RETRY_IN_MS = { draft: 200, sending: 500 };

export interface RedisLedger extends Pick<Ledger, "lookup" | "claim" | "settle" | "sweep"> {
  close(reason: Error): void;
}

/** `told` hears of every claim that was granted and every settlement; `onRecovery`, that the store waits to be told. */
export function createLedger(runner: ScriptRunner, told: Told, onRecovery: () => void): RedisLedger {
  const settlements = microBatch<SettleCall, undefined>({
    maxItems: MAX_BATCH,
    gather: "turn",
    send: async (calls) => {
      const args = packCalls(calls);
      await runner.run(settleScript, ...args);
      told.settled(calls, args);
      return calls.map(() => undefined);
    },
  });
  const claims = microBatch<ClaimCall, ClaimAnswer>({
    maxItems: MAX_BATCH,
    gather: "turn",
    send: async (calls) => {
      // A claim must not overtake the settlements made before it: a process that dies between the two would leave
      // more rows unknown than it had requests in flight.
      settlements.flush();
      const reply = replyList(await runner.run(claimScript, ...packCalls(calls))).map(replyNumber);
      const answers = reply.slice(0, calls.length);
      const isClaimed = answers.map((answer) => answer === CLAIM_ANSWERS.claimed);
      told.claimed(calls, isClaimed, reply[calls.length] ?? 0);
      if (answers.some((answer) => answer < 0)) onRecovery();
      return answers.map(claimAnswer);
    },
  });

  return {
    claim: async (request) => await claims(packClaim(request)),
    settle: async (request) => {
      await settlements(packSettlement(request));
    },
    lookup: async (keys) => {
      const found = replyList(await runner.run(lookupScript, packKeys(keys)));
      return keys.flatMap((key, index) => {
        const bytes = found[index];
        return Buffer.isBuffer(bytes) ? [readEntry(key, bytes)] : [];
      });
    },
    sweep: async () => {
      let changed = 0;
      let from = "0";
      do {
        const reply = replyList(await runner.run(sweepScript, from));
        changed += replyNumber(reply[0]);
        from = replyBytes(reply[1]).toString();
      } while (from !== "0");
      return changed;
    },
    close: (reason) => {
      claims.close(reason);
      settlements.close(reason);
    },
  };
}

function packClaim(request: ClaimRequest): ClaimCall {
  const { token, holdMs } = request;
  const bytes = Buffer.allocUnsafe(CLAIM_RECORD);
  bytes.write(request.key, 0, 16, "hex");
  bytes.write(request.token, 16, 8, "hex");
  bytes.writeUInt32LE(request.row, 24);
  bytes.writeUInt32LE(Math.ceil(request.holdMs), 28);
  bytes.writeUInt32LE(leaseNumber(request.owner), 32);
  bytes.write(request.key, 42, BUCKET_DIGITS, "latin1");
  const texts = [request.runId, request.group, request.limiter];
  return { bytes, placesAt: 36, texts, token, holdMs };
}

function packSettlement(request: SettleRequest): SettleCall {
  const { settlement, facts } = request;
  const added = settlement.kind === "added" ? settlement : undefined;
  const bytes = Buffer.allocUnsafe(SETTLE_RECORD);
  bytes.write(request.key, 0, 16, "hex");
  bytes.write(request.token, 16, 8, "hex");
  bytes.writeUInt32LE(request.row, 24);
  bytes.writeUInt8(SETTLE_KINDS.indexOf(settlement.kind) + 1, 28);
  bytes.writeUInt8(added === undefined ? 0 : modeNumber(added.mode), 29);
  bytes.writeUInt16LE(Math.min(facts.attempts, MAX_ATTEMPTS), 30);
  bytes.writeUInt16LE(facts.httpStatus ?? 0, 32);
  bytes.writeUIntLE(durationNumber(facts.durationMs), 34, 3);
  bytes.writeUIntLE(added?.draftDatasetId ?? 0, 37, 6);
  bytes.write(request.key, 49, BUCKET_DIGITS, "latin1");
  const texts = [request.runId, request.group, settlementText(settlement)];
  return { bytes, placesAt: 43, texts, token: request.token, isUnknown: settlement.kind === "unknown" };
}

function settlementText(settlement: Settlement): string {
  switch (settlement.kind) {
    case "added":
      return resultText(settlement.warning?.code, settlement.warning?.message);
    case "rejected":
    case "failed":
      return resultText(settlement.code, settlement.message);
    case "unknown":
      return resultText(settlement.reason, settlement.message);
    case "released":
      return "";
    default:
      return settlement satisfies never;
  }
}

function claimAnswer(number: number): ClaimAnswer {
  if (number < 0) return { kind: "wait", reason: "recovery", retryInMs: -number };
  if (number >= CLAIM_ANSWERS.paused) {
    return { kind: "wait", reason: "paused", retryInMs: number - CLAIM_ANSWERS.paused };
  }
  switch (number) {
    case CLAIM_ANSWERS.claimed:
      return { kind: "claimed" };
    case CLAIM_ANSWERS.stopped:
      return { kind: "stopped" };
    case CLAIM_ANSWERS.waitDraft:
      return { kind: "wait", reason: "draft", retryInMs: RETRY_IN_MS.draft };
    case CLAIM_ANSWERS.waitSending:
      return { kind: "wait", reason: "sending", retryInMs: RETRY_IN_MS.sending };
    case CLAIM_ANSWERS.done:
      return { kind: "done" };
    case CLAIM_ANSWERS.addedOwn:
      return { kind: "already-added", own: true };
    case CLAIM_ANSWERS.addedBefore:
      return { kind: "already-added", own: false };
    case CLAIM_ANSWERS.unknown:
      return { kind: "unknown" };
    default:
      throw new RangeError(`the claim script answered ${number}`);
  }
}
