/** Leases on Redis. */
import type { Lease, LeaseHolder, LeaseId, Leases } from "../../core/store.ts";
import { replyBytes, replyList, replyNumber } from "./replies.ts";
import type { ScriptRunner } from "./script.ts";
import { endLeaseScript, listLeasesScript, openLeaseScript, renewLeaseScript } from "./scripts/leases.ts";

export function createLeases(runner: ScriptRunner): Leases {
  return {
    openLease: async ({ host, bootId, pid, processStart }, ttlMs) => {
      const holder = JSON.stringify({ host, bootId, pid, processStart });
      return replyBytes(await runner.run(openLeaseScript, holder, Math.ceil(ttlMs))).toString() as LeaseId;
    },
    renewLease: async (id, ttlMs) =>
      replyNumber(await runner.run(renewLeaseScript, id, Math.ceil(ttlMs))) === 1,
    endLease: async (id) => {
      await runner.run(endLeaseScript, id);
    },
    listLeases: async () => {
      const reply = replyList(await runner.run(listLeasesScript));
      const leases: Lease[] = [];
      for (let n = 0; n < reply.length; n += 3) {
        leases.push({
          ...(JSON.parse(replyBytes(reply[n + 2]).toString()) as LeaseHolder),
          id: replyBytes(reply[n]).toString() as LeaseId,
          expiresAt: replyNumber(reply[n + 1]),
        });
      }
      return leases;
    },
  };
}
