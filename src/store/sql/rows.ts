/** Rows of runs and their results. */
import type { AddMode } from "../../core/outcome.ts";
import { TraceloadError } from "../../core/errors.ts";
import type { NewRow, Rows, StoredRow } from "../../core/store.ts";
import { microBatch } from "../micro-batch.ts";
import { STATUS_CODES, statusOf } from "./codes.ts";
import type { Statements } from "./connection.ts";
import { numberOrUndefined, readText, storeText, storeTextOrNull, textOrUndefined } from "./values.ts";

interface PutCall {
  runId: string;
  rows: readonly NewRow[];
}

const ROWS_IN_A_BATCH = 2_000;
/** A page is looked for in stretches of this many rows, so that no statement runs long when few rows fit. */
const STRETCH_ROWS = 20_000;

const COLUMNS = `row, source, line, status, attempts, http_status, mode, duration_ms, draft, finished_at,
  dataset_group_id, trace_id, span_id, error_code, error`;

export function sqlRows(statements: Statements, schema: string): Rows {
  const put = microBatch<PutCall, boolean>({
    maxItems: ROWS_IN_A_BATCH,
    weigh: ({ rows }) => rows.length,
    async send(calls) {
      const flat = calls.flatMap(({ rows }, index) => rows.map((row) => ({ call: index + 1, row })));
      const answer = await statements.run(
        `select ${schema}.put_rows($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) as known`,
        [
          calls.map(({ runId }) => runId),
          flat.map(({ call }) => call),
          flat.map(({ row }) => row.row),
          flat.map(({ row }) => row.source),
          flat.map(({ row }) => row.line),
          flat.map(({ row }) => STATUS_CODES[row.status]),
          flat.map(({ row }) => storeText(row.datasetGroupId)),
          flat.map(({ row }) => storeText(row.traceId)),
          flat.map(({ row }) => storeText(row.spanId)),
          flat.map(({ row }) => storeTextOrNull(row.errorCode)),
          flat.map(({ row }) => storeTextOrNull(row.error)),
          flat.map(({ row }) => row.draftDatasetId ?? null),
        ],
      );
      return answer[0]?.["known"] as boolean[];
    },
  });

  return {
    async putRows(runId, rows) {
      if (await put({ runId, rows })) return;
      throw new TraceloadError("run_not_found", `there is no run named ${runId}`, {
        next: "traceload status",
      });
    },

    async readRows(runId, { fromRow, limit, statuses }) {
      const codes = statuses?.map((status) => STATUS_CODES[status]) ?? null;
      const found: StoredRow[] = [];
      for (let from = fromRow; found.length < limit;) {
        const stretch = codes === null ? limit : STRETCH_ROWS;
        const rows = await statements.run(
          `with stretch as materialized (
            select row from ${schema}.result
            where run_seq = (select seq from ${schema}.run where run_id = $1) and row >= $2
            order by row limit $3
          ), range as (select min(row) as first, max(row) as last, count(*) as size from stretch)
          select range.last as stretch_last, range.size as stretch_size, r.*
          from range left join lateral (
            select ${COLUMNS} from ${schema}.result
            where run_seq = (select seq from ${schema}.run where run_id = $1)
              and row between range.first and range.last
              and ($4::smallint[] is null or status = any ($4))
            order by row limit $5
          ) r on true order by r.row`,
          [runId, from, stretch, codes, limit - found.length],
        );
        for (const row of rows) if (row["row"] !== null) found.push(storedRow(row));
        const size = Number(rows[0]?.["stretch_size"] ?? 0);
        if (size < stretch) break;
        from = Number(rows[0]?.["stretch_last"]) + 1;
      }
      return found;
    },

    async markUnprocessed(runId, rows) {
      if (rows.length === 0) return 0;
      const answer = await statements.run(`select ${schema}.mark_unprocessed($1, $2, $3) as marked`, [
        runId,
        rows.map(({ row }) => row),
        rows.map(({ key }) => key),
      ]);
      return Number(answer[0]?.["marked"]);
    },

    async requeue(runId, { fromRow, toRow }) {
      const answer = await statements.run(`select ${schema}.requeue($1, $2, $3) as queued`, [
        runId,
        fromRow,
        toRow,
      ]);
      return Number(answer[0]?.["queued"]);
    },

    async reconcile(runId, rows) {
      if (rows.length === 0) return 0;
      const answer = await statements.run(`select ${schema}.reconcile($1, $2, $3) as changed`, [
        runId,
        rows.map(({ row }) => row),
        rows.map(({ key }) => key),
      ]);
      return Number(answer[0]?.["changed"]);
    },
  };
}

const MODES: Readonly<Record<string, AddMode>> = { t: "trace", s: "span" };

function storedRow(row: Record<string, unknown>): StoredRow {
  return {
    row: Number(row["row"]),
    source: Number(row["source"]),
    line: Number(row["line"]),
    datasetGroupId: readText(row["dataset_group_id"]),
    traceId: readText(row["trace_id"]),
    spanId: readText(row["span_id"]),
    status: statusOf(Number(row["status"])),
    draftDatasetId: numberOrUndefined(row["draft"]),
    mode: MODES[readText(row["mode"])],
    attempts: Number(row["attempts"]),
    httpStatus: numberOrUndefined(row["http_status"]),
    errorCode: textOrUndefined(row["error_code"]),
    error: textOrUndefined(row["error"]),
    durationMs: numberOrUndefined(row["duration_ms"]),
    finishedAt: numberOrUndefined(row["finished_at"]),
  };
}
