/** The ledger on Redis: claims and settlements travel in batches, each item judged and answered by itself. */
import type { RowKey } from "../../core/row.ts";
import type { ClaimAnswer, ClaimRequest, Ledger, SettleRequest, Settlement } from "../../core/store.ts";
import { type Batcher, createBatcher } from "./batcher.ts";
import { CLAIM_ANSWERS, SETTLE_KINDS } from "./layout.ts";
import {
  durationNumber,
  leaseNumber,
  MAX_ATTEMPTS,
  modeNumber,
  readEntry,
  replyBytes,
  replyList,
  replyNumber,
  resultText,
  TextList,
} from "./records.ts";
import type { ScriptRunner } from "./script.ts";
import { claimScript } from "./scripts/claim.ts";
import { lookupScript } from "./scripts/lookup.ts";
import { settleScript } from "./scripts/settle.ts";
import { sweepScript } from "./scripts/sweep.ts";

const MAX_BATCH = 128;
const CLAIM_BYTES = 46;
const SETTLE_BYTES = 53;

const RETRY_IN_MS = { draft: 200, sending: 500 };

export interface RedisLedger extends Ledger {
  close(reason: Error): void;
}

export function createLedger(runner: ScriptRunner): RedisLedger {
  const claims: Batcher<ClaimRequest, ClaimAnswer> = createBatcher({
    maxItems: MAX_BATCH,
    send: async (requests) => {
      const texts = new TextList(1);
      const packed = Buffer.allocUnsafe(requests.length * CLAIM_BYTES);
      requests.forEach((request, index) => {
        writeClaim(packed.subarray(index * CLAIM_BYTES, (index + 1) * CLAIM_BYTES), request, texts);
      });
      return replyList(await runner.run(claimScript, packed, ...texts.args)).map((answer) =>
        claimAnswer(replyNumber(answer)),
      );
    },
  });

  const settlements: Batcher<SettleRequest, undefined> = createBatcher({
    maxItems: MAX_BATCH,
    send: async (requests) => {
      const texts = new TextList(1);
      const packed = Buffer.allocUnsafe(requests.length * SETTLE_BYTES);
      requests.forEach((request, index) => {
        writeSettlement(packed.subarray(index * SETTLE_BYTES, (index + 1) * SETTLE_BYTES), request, texts);
      });
      await runner.run(settleScript, packed, ...texts.args);
      return requests.map(() => undefined);
    },
  });

  return {
    claim: (request) => claims.add(request),
    settle: (request) => settlements.add(request),
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

function packKeys(keys: readonly RowKey[]): Buffer {
  const packed = Buffer.allocUnsafe(keys.length * 16);
  keys.forEach((key, index) => packed.write(key, index * 16, 16, "hex"));
  return packed;
}

function writeClaim(into: Buffer, request: ClaimRequest, texts: TextList): void {
  into.write(request.key, 0, 16, "hex");
  into.write(request.token, 16, 8, "hex");
  into.writeUInt32LE(request.row, 24);
  into.writeUInt32LE(Math.ceil(request.holdMs), 28);
  into.writeUInt32LE(leaseNumber(request.owner), 32);
  into.writeUInt16LE(texts.place(request.runId), 36);
  into.writeUInt16LE(texts.place(request.group), 38);
  into.writeUInt16LE(texts.place(request.limiter), 40);
  into.write(request.key, 42, 4, "latin1");
}

function writeSettlement(into: Buffer, request: SettleRequest, texts: TextList): void {
  const { settlement, facts } = request;
  const added = settlement.kind === "added" ? settlement : undefined;
  into.write(request.key, 0, 16, "hex");
  into.write(request.token, 16, 8, "hex");
  into.writeUInt32LE(request.row, 24);
  into.writeUInt8(SETTLE_KINDS.indexOf(settlement.kind) + 1, 28);
  into.writeUInt8(added === undefined ? 0 : modeNumber(added.mode), 29);
  into.writeUInt16LE(Math.min(facts.attempts, MAX_ATTEMPTS), 30);
  into.writeUInt16LE(facts.httpStatus ?? 0, 32);
  into.writeUIntLE(durationNumber(facts.durationMs), 34, 3);
  into.writeUIntLE(added?.draftDatasetId ?? 0, 37, 6);
  into.writeUInt16LE(texts.place(request.runId), 43);
  into.writeUInt16LE(texts.place(request.group), 45);
  into.writeUInt16LE(texts.place(settlementText(settlement)), 47);
  into.write(request.key, 49, 4, "latin1");
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
