/** Groups on Redis. */
import type { Groups } from "../../core/store.ts";
import { replyMap, replyNumber } from "./replies.ts";
import type { ScriptRunner } from "./script.ts";
import { lockGroupScript, readGroupScript, setGroupScript, unlockGroupScript } from "./scripts/groups.ts";

export function createGroups(runner: ScriptRunner): Groups {
  return {
    getGroup: async (key) => {
      const fields = replyMap(await runner.run(readGroupScript, key));
      const count = (name: string): number => Number(fields.get(name) ?? 0);
      const known = (name: string): number | undefined => (fields.has(name) ? count(name) : undefined);
      const phase = fields.get("phase");
      return {
        key,
        phase: phase === "solo" || phase === "open" ? phase : "new",
        draftDatasetId: known("draft"),
        baseline: known("baseline"),
        added: count("added"),
        sending: count("sending"),
        unknown: count("unknown"),
        version: count("version"),
        checkedAt: known("checked"),
      };
    },
    lockGroup: async (key, owner, ttlMs) =>
      replyNumber(await runner.run(lockGroupScript, key, owner, Math.ceil(ttlMs))) === 1,
    unlockGroup: async (key, owner) => {
      await runner.run(unlockGroupScript, key, owner);
    },
    setGroup: async (key, { phase, draftDatasetId, baseline }) => {
      await runner.run(setGroupScript, key, phase, draftDatasetId ?? "", baseline ?? "");
    },
  };
}
