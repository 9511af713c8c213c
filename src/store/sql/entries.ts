/** The ledger as people see it: decisions and their notes, entries that move between stores, entries forgotten. */
import type { GroupKey, RowKey } from "../../core/row.ts";
import type { Ledger, LedgerNote, PortableEntry } from "../../core/store.ts";
import { ENTRY_CODES } from "./codes.ts";
import type { Statements } from "./connection.ts";
import { keyOf, numberOrUndefined, readText, storeText, tokenOf, tokenParam } from "./values.ts";

type Keeping = Pick<Ledger, "decide" | "readNotes" | "readEntries" | "putEntries" | "removeEntries">;

export function sqlEntries(statements: Statements, schema: string): Keeping {
  return {
    async decide({ key, group, decision, draftDatasetId, by, why, seen }) {
      const wasEntry = seen === undefined || seen === "none" ? undefined : seen;
      const rows = await statements.run(
        `select ${schema}.decide_entry($1, $2, $3, $4, $5, $6, $7, $8) as decided`,
        [
          key,
          group,
          decision,
          draftDatasetId ?? null,
          storeText(by),
          storeText(why),
          seen === "none" ? 0 : wasEntry === undefined ? null : ENTRY_CODES[wasEntry.state],
          wasEntry === undefined ? null : tokenParam(wasEntry.token),
        ],
      );
      return rows[0]?.["decided"] === true;
    },
    async readNotes(key) {
      const rows = await statements.run(
        `select at, decided_by, decision, why from ${schema}.entry_note where key = $1 order by id`,
        [key],
      );
      return rows.map((row): LedgerNote => ({
        at: Number(row["at"]),
        by: readText(row["decided_by"]),
        decision: row["decision"] === "added" ? "added" : "absent",
        why: readText(row["why"]),
      }));
    },
    async readEntries({ cursor, limit }) {
      const rows = await statements.run(
        `select e.key, g.key as group_key, e.state, e.token, e.draft, e.until_ms
        from (
          select * from ${schema}.entry where $1::uuid is null or key > $1 order by key limit $2
        ) e join ${schema}.row_group g on g.id = e.group_id
        order by e.key`,
        [cursor ?? null, limit],
      );
      const entries = rows.map((row): PortableEntry => ({
        key: keyOf(row["key"]) as RowKey,
        group: String(row["group_key"]) as GroupKey,
        state: Number(row["state"]) === ENTRY_CODES.added ? "added" : "unknown",
        token: tokenOf(row["token"]),
        draftDatasetId: numberOrUndefined(row["draft"]),
        until: numberOrUndefined(row["until_ms"]),
      }));
      return { entries, cursor: entries.length < limit ? undefined : entries.at(-1)?.key };
    },
    async putEntries(entries) {
      if (entries.length === 0) return 0;
      const rows = await statements.run(`select ${schema}.put_entries($1, $2, $3, $4, $5, $6) as changed`, [
        entries.map(({ key }) => key),
        entries.map(({ group }) => group),
        entries.map(({ state }) => ENTRY_CODES[state]),
        entries.map(({ token }) => tokenParam(token)),
        entries.map(({ draftDatasetId }) => draftDatasetId ?? null),
        entries.map(({ until }) => until ?? null),
      ]);
      return Number(rows[0]?.["changed"]);
    },
    async removeEntries(group, limit) {
      const rows = await statements.run(`select ${schema}.remove_entries($1, $2) as removed`, [group, limit]);
      return Number(rows[0]?.["removed"]);
    },
  };
}
