/** Leases: one row a living process. A lease that ran out is gone, whether or not its row is still there. */
import type { Leases } from "../../core/store.ts";
import type { Statements } from "./connection.ts";
import { leaseOf, leaseParam, readText, storeText } from "./values.ts";

export function sqlLeases(statements: Statements, schema: string): Leases {
  return {
    async openLease(holder, ttlMs) {
      const rows = await statements.run(
        `with swept as (delete from ${schema}.lease where expires_at < ${schema}.now_ms() - 3600000)
        insert into ${schema}.lease (host, boot_id, pid, process_start, expires_at)
        values ($1, $2, $3, $4, ${schema}.now_ms() + $5) returning id`,
        [storeText(holder.host), storeText(holder.bootId), holder.pid, storeText(holder.processStart), ttlMs],
      );
      return leaseOf(rows[0]?.["id"]);
    },
    async renewLease(id, ttlMs) {
      const rows = await statements.run(
        `update ${schema}.lease set expires_at = ${schema}.now_ms() + $2
        where id = $1 and expires_at > ${schema}.now_ms() returning 1`,
        [leaseParam(id), ttlMs],
      );
      return rows.length > 0;
    },
    async endLease(id) {
      await statements.run(`delete from ${schema}.lease where id = $1`, [leaseParam(id)]);
    },
    async listLeases() {
      const rows = await statements.run(
        `select id, host, boot_id, pid, process_start, expires_at from ${schema}.lease
        where expires_at > ${schema}.now_ms() order by id`,
        [],
      );
      return rows.map((row) => ({
        id: leaseOf(row["id"]),
        host: readText(row["host"]),
        bootId: readText(row["boot_id"]),
        pid: Number(row["pid"]),
        processStart: readText(row["process_start"]),
        expiresAt: Number(row["expires_at"]),
      }));
    },
  };
}
