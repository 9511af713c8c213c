/** The ledger as senders see it: claims and settles made at once go as one statement, in the order of their keys. */
import type { RowKey } from "../../core/row.ts";
import type { ClaimAnswer, ClaimRequest, Ledger, LedgerEntry, SettleRequest } from "../../core/store.ts";
import { microBatch } from "../micro-batch.ts";
import { entryStateOf } from "./codes.ts";
import type { Statements } from "./connection.ts";
import { keyOf, leaseParam, numberOrUndefined, storeTextOrNull, tokenOf, tokenParam } from "./values.ts";

const BATCH = 64;

type Sending = Pick<Ledger, "lookup" | "claim" | "settle" | "sweep">;

export function sqlSending(statements: Statements, schema: string): Sending {
  const claim = microBatch<ClaimRequest, ClaimAnswer>({
    maxItems: BATCH,
    gather: "turn",
    async send(requests) {
      // A claim must not overtake the settlements made before it: a process that dies between the two would leave
      // more rows unknown than it had requests in flight.
      settle.flush();
      const order = inKeyOrder(requests);
      const sorted = order.map((index) => requests[index] as ClaimRequest);
      const rows = await statements.run(
        `select kind, retry_ms from ${schema}.claim_rows($1, $2, $3, $4, $5, $6, $7, $8)`,
        [
          sorted.map(({ key }) => key),
          sorted.map(({ group }) => group),
          sorted.map(({ runId }) => runId),
          sorted.map(({ row }) => row),
          sorted.map(({ token }) => tokenParam(token)),
          sorted.map(({ owner }) => leaseParam(owner)),
          sorted.map(({ holdMs }) => Math.round(holdMs)),
          sorted.map(({ limiter }) => limiter),
        ],
      );
      const answers: ClaimAnswer[] = [];
      for (const [place, index] of order.entries()) {
        answers[index] = claimAnswer(String(rows[place]?.["kind"]), Number(rows[place]?.["retry_ms"] ?? 0));
      }
      return answers;
    },
  });

  const settle = microBatch<SettleRequest, undefined>({
    maxItems: BATCH,
    gather: "turn",
    async send(requests) {
      const sorted = inKeyOrder(requests).map((index) => requests[index] as SettleRequest);
      const details = sorted.map(({ settlement }) => settlementDetails(settlement));
      await statements.run(
        `select ${schema}.settle_rows($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
        [
          sorted.map(({ key }) => key),
          sorted.map(({ group }) => group),
          sorted.map(({ runId }) => runId),
          sorted.map(({ row }) => row),
          sorted.map(({ token }) => tokenParam(token)),
          sorted.map(({ settlement }) => settlement.kind),
          details.map(({ draft }) => draft),
          details.map(({ mode }) => mode),
          details.map(({ code }) => storeTextOrNull(code)),
          details.map(({ message }) => storeTextOrNull(message)),
          sorted.map(({ facts }) => facts.attempts),
          sorted.map(({ settlement, facts }) =>
            settlement.kind === "released" ? null : (facts.httpStatus ?? null),
          ),
          sorted.map(({ settlement, facts }) =>
            settlement.kind === "released" ? null : Math.round(facts.durationMs),
          ),
        ],
      );
      return requests.map(() => undefined);
    },
  });

  return {
    async lookup(keys) {
      if (keys.length === 0) return [];
      const rows = await statements.run(
        `select key, state, token, run_seq, row, draft, until_ms from ${schema}.entry where key = any ($1::uuid[])`,
        [[...keys]],
      );
      return rows.map((row): LedgerEntry => {
        const state = entryStateOf(Number(row["state"]));
        return {
          key: keyOf(row["key"]) as RowKey,
          state,
          token: tokenOf(row["token"]),
          runSeq: Number(row["run_seq"]),
          row: Number(row["row"]),
          // Until it is added, the entry's draft is the one it was claimed for.
          draftDatasetId: state === "added" ? numberOrUndefined(row["draft"]) : undefined,
          until: numberOrUndefined(row["until_ms"]),
        };
      });
    },
    claim,
    settle,
    async sweep() {
      const rows = await statements.run(`select ${schema}.sweep() as swept`, []);
      return Number(rows[0]?.["swept"]);
    },
  };
}

/** Every process locks entries in the order of their keys, so that no two wait for each other. */
function inKeyOrder(requests: readonly { key: RowKey }[]): number[] {
  const keyAt = (index: number) => requests[index]?.key ?? "";
  return requests
    .map((_, index) => index)
    .sort((a, b) => (keyAt(a) < keyAt(b) ? -1 : keyAt(a) > keyAt(b) ? 1 : a - b));
}

function claimAnswer(kind: string, retryInMs: number): ClaimAnswer {
  switch (kind) {
    case "claimed":
    case "stopped":
    case "done":
    case "unknown":
      return { kind };
    case "own":
    case "other":
      return { kind: "already-added", own: kind === "own" };
    case "draft":
    case "sending":
    case "paused":
      return { kind: "wait", reason: kind, retryInMs };
    default:
      throw new Error(`claim_rows answered ${kind}`);
  }
}

interface SettlementDetails {
  draft: number | null;
  mode: string | null;
  code: string | undefined;
  message: string | undefined;
}

function settlementDetails(settlement: SettleRequest["settlement"]): SettlementDetails {
  const none = { draft: null, mode: null };
  switch (settlement.kind) {
    case "added": {
      const { draftDatasetId, mode, warning } = settlement;
      return { draft: draftDatasetId, mode: mode[0] ?? null, code: warning?.code, message: warning?.message };
    }
    case "rejected":
    case "failed":
      return { ...none, code: settlement.code, message: settlement.message };
    case "unknown":
      return { ...none, code: settlement.reason, message: settlement.message };
    case "released":
      return { ...none, code: undefined, message: undefined };
    default:
      return settlement satisfies never;
  }
}
