/** Groups: phase and draft are one row, the rest is counted when it is asked for. */
import type { GroupKey } from "../../core/row.ts";
import type { Group, GroupPhase, Groups } from "../../core/store.ts";
import { ENTRY_CODES } from "./codes.ts";
import type { Statements } from "./connection.ts";
import { leaseParam, numberOrUndefined } from "./values.ts";

export function sqlGroups(statements: Statements, schema: string): Groups {
  return {
    async getGroup(key) {
      const rows = await statements.run(
        `select g.phase, g.draft, g.baseline, g.checked_at,
          coalesce((select sum(s.added) from ${schema}.group_shard s where s.group_id = g.id), 0) as added,
          coalesce((select sum(s.version) from ${schema}.group_shard s where s.group_id = g.id), 0) as version,
          (select count(*) from ${schema}.entry e
            where e.group_id = g.id and e.state = ${ENTRY_CODES.sending}) as sending,
          (select count(*) from ${schema}.entry e
            where e.group_id = g.id and e.state = ${ENTRY_CODES.unknown}) as unknown
        from ${schema}.row_group g where g.key = $1`,
        [key],
      );
      return groupOf(key, rows[0]);
    },
    async lockGroup(key, owner, ttlMs) {
      const rows = await statements.run(
        `insert into ${schema}.row_group as g (key, phase, lock_owner, lock_until)
        values ($1, 'new', $2, ${schema}.now_ms() + $3)
        on conflict (key) do update set lock_owner = excluded.lock_owner, lock_until = excluded.lock_until
        where g.lock_owner is null or g.lock_owner = excluded.lock_owner or g.lock_until <= ${schema}.now_ms()
          or not exists (
            select from ${schema}.lease l where l.id = g.lock_owner and l.expires_at > ${schema}.now_ms()
          )
        returning 1`,
        [key, leaseParam(owner), ttlMs],
      );
      return rows.length > 0;
    },
    async unlockGroup(key, owner) {
      await statements.run(
        `update ${schema}.row_group set lock_owner = null, lock_until = null where key = $1 and lock_owner = $2`,
        [key, leaseParam(owner)],
      );
    },
    async setGroup(key, { phase, draftDatasetId, baseline }) {
      await statements.run(`select ${schema}.set_group($1, $2, $3, $4)`, [
        key,
        phase,
        draftDatasetId ?? null,
        baseline ?? null,
      ]);
    },
  };
}

function groupOf(key: GroupKey, row: Record<string, unknown> | undefined): Group {
  return {
    key,
    phase: row === undefined ? "new" : (String(row["phase"]) as GroupPhase),
    draftDatasetId: numberOrUndefined(row?.["draft"]),
    baseline: numberOrUndefined(row?.["baseline"]),
    added: Number(row?.["added"] ?? 0),
    sending: Number(row?.["sending"] ?? 0),
    unknown: Number(row?.["unknown"] ?? 0),
    version: Number(row?.["version"] ?? 0),
    checkedAt: numberOrUndefined(row?.["checked_at"]),
  };
}
