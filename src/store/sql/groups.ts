/** Groups: phase, draft and gate are one row; what is sending, in doubt and added is counted when it is asked for. */
import type { GroupKey } from "../../core/row.ts";
import type { Group, GroupPhase, Groups } from "../../core/store.ts";
import { ENTRY_CODES } from "./codes.ts";
import type { Statements } from "./connection.ts";
import { leaseParam, numberOrUndefined } from "./values.ts";

export function sqlGroups(statements: Statements, schema: string): Groups {
  const count = (what: string) =>
    `(select count(*) from ${schema}.entry e where e.group_id = g.id and ${what})`;
  const selected = `select g.key, g.phase, g.draft, g.baseline, g.checked_at, g.resent,
      ${schema}.added_of(g.id) as added, ${schema}.version_of(g.id) as version,
      ${count(`e.state = ${ENTRY_CODES.sending}`)} as sending,
      ${count(`e.state = ${ENTRY_CODES.unknown}`)} as unknown
    from ${schema}.row_group g`;
  return {
    async getGroup(key) {
      const rows = await statements.run(`${selected} where g.key = $1`, [key]);
      return groupOf(key, rows[0]);
    },
    async listGroups() {
      const rows = await statements.run(`${selected} order by g.id`, []);
      return rows.map((row) => groupOf(String(row["key"]) as GroupKey, row));
    },
    async lockGroup(key, owner, ttlMs) {
      const rows = await statements.run(`select ${schema}.lock_group($1, $2, $3) as granted`, [
        key,
        leaseParam(owner),
        Math.round(ttlMs),
      ]);
      return rows[0]?.["granted"] === true;
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
    async putGroup({ key, phase, draftDatasetId, baseline, added, resent }) {
      await statements.run(`select ${schema}.put_group($1, $2, $3, $4, $5, $6)`, [
        key,
        phase,
        draftDatasetId ?? null,
        baseline ?? null,
        added,
        resent,
      ]);
    },
    async readDoubt(key) {
      const [row] = await statements.run(
        `select ${schema}.now_ms() as now, coalesce(${schema}.version_of(g.id), 0) as version,
          count(*) filter (where e.state = ${ENTRY_CODES.sending}) as sending,
          count(*) filter (where e.state = ${ENTRY_CODES.unknown} and e.draft = g.draft) as unknown,
          count(*) filter (where e.state = ${ENTRY_CODES.unknown} and (e.draft = g.draft) is not true) as elsewhere,
          max(e.until_ms) filter (where e.state = ${ENTRY_CODES.unknown} and e.draft = g.draft) as until,
          max(e.until_ms) filter (where e.state = ${ENTRY_CODES.unknown} and (e.draft = g.draft) is not true)
            as elsewhere_until
        from (values (1)) as one
          left join ${schema}.row_group g on g.key = $1
          left join ${schema}.entry e on e.group_id = g.id and e.state <> ${ENTRY_CODES.added}
        group by g.id`,
        [key],
      );
      return {
        version: Number(row?.["version"]),
        now: Number(row?.["now"]),
        sending: Number(row?.["sending"]),
        unknown: Number(row?.["unknown"]),
        elsewhere: Number(row?.["elsewhere"]),
        until: numberOrUndefined(row?.["until"]),
        elsewhereUntil: numberOrUndefined(row?.["elsewhere_until"]),
      };
    },
    async commitVerdict(key, { kind, version, draftDatasetId, keys }) {
      const rows = await statements.run(`select ${schema}.commit_verdict($1, $2, $3, $4, $5) as judged`, [
        key,
        kind,
        version,
        draftDatasetId ?? null,
        keys === undefined ? null : [...keys],
      ]);
      return numberOrUndefined(rows[0]?.["judged"]);
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
    resent: Number(row?.["resent"] ?? 0),
  };
}
