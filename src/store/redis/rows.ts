/** Rows and their results on Redis. */
import { TraceloadError } from "../../core/errors.ts";
import { STORED_STATUSES } from "../../core/status.ts";
import type { Rows, StoredRow } from "../../core/store.ts";
import { statusNumber } from "./layout.ts";
import { packRowKeys, TextList } from "./packing.ts";
import { readResult, resultText } from "./records.ts";
import { replyBytes, replyList, replyNumber } from "./replies.ts";
import { packIdentity, unpackIdentity } from "./row-identity.ts";
import type { ScriptRunner } from "./script.ts";
import { putRowsScript, readRowsScript } from "./scripts/rows.ts";
import { markUnprocessedScript, reconcileScript, requeueScript } from "./scripts/standing.ts";

const NEW_ROW_BYTES = 15;

/** Rows read in one call: Redis serves nobody else meanwhile. */
const PAGE_ROWS = 500;

export function createRows(runner: ScriptRunner): Rows {
  return {
    putRows: async (runId, rows) => {
      const texts = new TextList(3);
      const packed = Buffer.allocUnsafe(rows.length * NEW_ROW_BYTES);
      const identities = rows.map((row, index) => {
        const identity = packIdentity(row);
        const at = index * NEW_ROW_BYTES;
        packed.writeUInt32LE(row.row, at);
        packed.writeUInt8(statusNumber(row.status), at + 4);
        packed.writeUIntLE(row.draftDatasetId ?? 0, at + 5, 6);
        packed.writeUInt16LE(identity.length, at + 11);
        packed.writeUInt16LE(texts.place(resultText(row.errorCode, row.error)), at + 13);
        return identity;
      });
      const known = await runner.run(putRowsScript, runId, packed, Buffer.concat(identities), ...texts.args);
      if (known === 0) throw runNotFound(runId);
    },

    readRows: async (runId, page) => {
      const wanted = STORED_STATUSES.map((status) => ((page.statuses?.includes(status) ?? true) ? "1" : "0"));
      const rows: StoredRow[] = [];
      let from = Math.max(1, page.fromRow);
      while (from > 0 && rows.length < page.limit) {
        const limit = Math.min(PAGE_ROWS, page.limit - rows.length);
        const reply = replyList(await runner.run(readRowsScript, runId, from, limit, wanted.join("")));
        for (let n = 1; n < reply.length; n += 4) {
          rows.push({
            row: replyNumber(reply[n]),
            ...unpackIdentity(replyBytes(reply[n + 2])),
            ...readResult(replyBytes(reply[n + 1]), replyBytes(reply[n + 3])),
          });
        }
        from = replyNumber(reply[0]);
      }
      return rows;
    },

    markUnprocessed: async (runId, rows) =>
      replyNumber(await runner.run(markUnprocessedScript, runId, packRowKeys(rows))),

    requeue: async (runId, { fromRow, toRow }) =>
      replyNumber(await runner.run(requeueScript, runId, fromRow, toRow)),

    reconcile: async (runId, rows) =>
      replyNumber(await runner.run(reconcileScript, runId, packRowKeys(rows))),
  };
}

function runNotFound(runId: string): TraceloadError {
  return new TraceloadError("run_not_found", `the store has no run "${runId}"`, { next: "traceload status" });
}
