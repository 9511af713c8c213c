/** Syncs: one row each, and one for each tick of their histories. */
import type { StoredSync, StoredTick, Syncs } from "../../core/syncs.ts";
import type { Statements } from "./connection.ts";
import {
  leaseOf,
  leaseParam,
  objectOrUndefined,
  readJson,
  readText,
  storableJson,
  tokenOf,
  tokenParam,
} from "./values.ts";

export function sqlSyncs(statements: Statements, schema: string): Syncs {
  const selected = `select name, origin, definition, version, applied_at, state, claim_owner, claim_token,
    ${schema}.lease_held(claim_owner) as owner_alive from ${schema}.sync`;

  return {
    async listSyncs() {
      // One statement: a revision that belongs to other definitions would let the next change go through.
      const rows = await statements.run(
        `select r.revision, s.* from ${schema}.sync_revision r left join (${selected}) s on true order by s.name collate "C"`,
        [],
      );
      const syncs = rows.filter((row) => row["name"] !== null).map(syncOf);
      return { revision: Number(rows[0]?.["revision"]), syncs };
    },
    async getSync(name) {
      const rows = await statements.run(`${selected} where name = $1`, [name]);
      return rows[0] === undefined ? undefined : syncOf(rows[0]);
    },
    async applySyncs({ revision, rename, put, remove }) {
      const rows = await statements.run(`select ${schema}.apply_syncs($1, $2, $3, $4) as applied`, [
        revision,
        storableJson(rename),
        storableJson(put),
        [...remove],
      ]);
      return rows[0]?.["applied"] === true;
    },
    async claimSync({ name, owner, token, datasetGroupId }) {
      const rows = await statements.run(`select by_name from ${schema}.claim_sync($1, $2, $3, $4)`, [
        name,
        leaseParam(owner),
        tokenParam(token),
        datasetGroupId ?? null,
      ]);
      const by = rows[0]?.["by_name"];
      if (typeof by !== "string") return { kind: "gone" };
      return by === "" ? { kind: "claimed" } : { kind: "busy", by };
    },
    async changeSync(name, { version, token }, { state, carried, ticks = [], release = false }) {
      const rows = await statements.run(
        `select ${schema}.change_sync($1, $2, $3, $4, $5, $6, $7) as changed`,
        [
          name,
          version,
          token === undefined ? null : tokenParam(token),
          state === undefined ? null : storableJson(state),
          carried === undefined ? null : storableJson(carried),
          storableJson(ticks),
          release,
        ],
      );
      return rows[0]?.["changed"] === true;
    },
    async readCarried(name) {
      const rows = await statements.run(`select carried from ${schema}.sync where name = $1`, [name]);
      const carried = readJson(rows[0]?.["carried"] ?? []);
      return Array.isArray(carried) ? carried : [];
    },
    async readTicks(name, { limit, before }) {
      const rows = await statements.run(
        `select id, at, record from ${schema}.sync_tick where name = $1 and ($2::bigint is null or at < $2)
        order by at desc, id collate "C" desc limit $3`,
        [name, before ?? null, limit],
      );
      return rows.map((row): StoredTick => ({
        id: String(row["id"]),
        at: Number(row["at"]),
        record: objectOrUndefined(row["record"]) ?? {},
      }));
    },
  };
}

function syncOf(row: Record<string, unknown>): StoredSync {
  const owner = row["claim_owner"];
  return {
    name: String(row["name"]),
    origin: readText(row["origin"]),
    text: objectOrUndefined(row["definition"]) ?? {},
    version: Number(row["version"]),
    appliedAt: Number(row["applied_at"]),
    state: objectOrUndefined(row["state"]),
    claim:
      owner === null
        ? undefined
        : {
            owner: leaseOf(owner),
            token: tokenOf(row["claim_token"]),
            ownerAlive: row["owner_alive"] === true,
          },
  };
}
