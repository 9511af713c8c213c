/** Runs: one row each; their counts are the sums over a few shards. */
import { TraceloadError } from "../../core/errors.ts";
import { STORED_STATUSES, zeroCounts, type RunState } from "../../core/status.ts";
import type { Run, Runs, Verdict } from "../../core/store.ts";
import type { Statements } from "./connection.ts";
import {
  leaseOf,
  leaseParam,
  numberOrUndefined,
  readJson,
  storableJson,
  storeText,
  storeTextOrNull,
  textOrUndefined,
} from "./values.ts";

/** Rows deleted by one statement when a run is removed. */
const REMOVED_ROWS = 5_000;

export function sqlRuns(statements: Statements, schema: string): Runs {
  const selected = `select r.*,
    exists (
      select from ${schema}.lease l where l.id = r.owner and l.expires_at > ${schema}.now_ms()
    ) as owner_alive, c.*
  from ${schema}.run r cross join lateral (
    select ${STORED_STATUSES.map((status) => `coalesce(sum(${status}), 0) as count_${status}`).join(", ")}
    from ${schema}.run_count where run_seq = r.seq
  ) c`;

  const getRun: Runs["getRun"] = async (runId) => {
    const rows = await statements.run(`${selected} where r.run_id = $1`, [runId]);
    return rows[0] === undefined ? undefined : runOf(rows[0]);
  };

  return {
    getRun,
    async createRun(run) {
      const rows = await statements.run(`select ${schema}.create_run($1, $2, $3, $4, $5, $6, $7) as mine`, [
        run.runId,
        run.fingerprint,
        run.origin,
        JSON.stringify(run.sources.map(storeText)),
        storableJson(run.options),
        leaseParam(run.owner),
        storeTextOrNull(run.parent),
      ]);
      const stored = rows[0]?.["mine"] === true ? await getRun(run.runId) : undefined;
      if (stored !== undefined) return stored;
      throw new TraceloadError("run_exists", `a run named ${run.runId} exists already`, {
        next: `traceload status ${run.runId}`,
      });
    },
    async listRuns({ states, limit } = {}) {
      const rows = await statements.run(
        `${selected} where $1::text[] is null or r.state = any ($1) order by r.seq desc limit $2`,
        [states === undefined ? null : [...states], limit ?? null],
      );
      return rows.map(runOf);
    },
    async changeRun(runId, change, from) {
      const rows = await statements.run(
        `select ${schema}.change_run($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) as applied`,
        [
          runId,
          from === undefined ? null : [...from],
          change.state ?? null,
          change.owner !== undefined,
          change.owner === undefined || change.owner === null ? null : leaseParam(change.owner),
          change.sourceComplete ?? null,
          change.halt === undefined ? null : storableJson(change.halt),
          change.haltedGroup === undefined ? null : storableJson(change.haltedGroup),
          storeTextOrNull(change.warning),
          change.verdict === undefined ? null : storableJson(change.verdict),
          change.finished ?? null,
        ],
      );
      return rows[0]?.["applied"] === true;
    },
    async removeRun(runId) {
      const rows = await statements.run(`select ${schema}.remove_run($1) as run`, [runId]);
      if (rows[0]?.["run"] === null) return false;
      await clearRemovedRuns(statements, schema);
      return true;
    },
  };
}

/** Deletes the rows of removed runs; also what an earlier process did not come to. */
export async function clearRemovedRuns(statements: Statements, schema: string): Promise<void> {
  for (let more = true; more;) {
    const rows = await statements.run(`select ${schema}.clear_removed($1) as more`, [REMOVED_ROWS]);
    more = rows[0]?.["more"] === true;
  }
}

/** JSON leaves out what is undefined. */
type StoredVerdict = Omit<Verdict, MaybeUnknown> & Partial<Pick<Verdict, MaybeUnknown>>;
type MaybeUnknown = "draftDatasetId" | "reason" | "baseline" | "total";

function verdictOf(stored: StoredVerdict): Verdict {
  return { draftDatasetId: undefined, reason: undefined, baseline: undefined, total: undefined, ...stored };
}

function runOf(row: Record<string, unknown>): Run {
  const counts = zeroCounts();
  for (const status of STORED_STATUSES) counts[status] = Number(row[`count_${status}`]);
  const owner = row["owner"];
  return {
    runId: String(row["run_id"]),
    fingerprint: String(row["fingerprint"]),
    origin: String(row["origin"]),
    sources: readJson(row["sources"]) as string[],
    options: readJson(row["options"]) as Record<string, unknown>,
    parent: textOrUndefined(row["parent"]),
    seq: Number(row["seq"]),
    state: String(row["state"]) as RunState,
    owner: owner === null ? undefined : leaseOf(owner),
    ownerAlive: row["owner_alive"] === true,
    sourceComplete: row["source_complete"] === true,
    halt: row["halt"] === null ? undefined : (readJson(row["halt"]) as { code: string; message: string }),
    haltedGroups: readJson(row["halted_groups"]) as Run["haltedGroups"],
    warnings: readJson(row["warnings"]) as string[],
    verdicts: (readJson(row["verdicts"]) as StoredVerdict[]).map(verdictOf),
    counts,
    createdAt: Number(row["created_at"]),
    finishedAt: numberOrUndefined(row["finished_at"]),
  };
}
