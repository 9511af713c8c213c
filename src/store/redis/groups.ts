/** Groups on Redis. */
import type { GroupKey } from "../../core/row.ts";
import type { Doubt, Group, Groups } from "../../core/store.ts";
import { packKeys } from "./packing.ts";
import { replyList, replyMap, replyNumber } from "./replies.ts";
import type { Reply, ScriptRunner } from "./script.ts";
import {
  listGroupsScript,
  lockGroupScript,
  putGroupScript,
  readGroupScript,
  setGroupScript,
  unlockGroupScript,
} from "./scripts/groups.ts";
import { commitVerdictScript, readDoubtScript } from "./scripts/verdict.ts";

export function createGroups(runner: ScriptRunner): Groups {
  return {
    getGroup: async (key) => groupOf(key, replyMap(await runner.run(readGroupScript, key))),
    listGroups: async () =>
      replyList(await runner.run(listGroupsScript)).map((reply) => {
        const fields = replyMap(reply);
        return groupOf((fields.get("key") ?? "") as GroupKey, fields);
      }),
    lockGroup: async (key, owner, ttlMs) =>
      replyNumber(await runner.run(lockGroupScript, key, owner, Math.ceil(ttlMs))) === 1,
    unlockGroup: async (key, owner) => {
      await runner.run(unlockGroupScript, key, owner);
    },
    setGroup: async (key, { phase, draftDatasetId, baseline }) => {
      await runner.run(setGroupScript, key, phase, draftDatasetId ?? "", baseline ?? "");
    },
    putGroup: async ({ key, phase, draftDatasetId, baseline, added, resent }) => {
      await runner.run(putGroupScript, key, phase, draftDatasetId ?? "", baseline ?? "", added, resent);
    },
    readDoubt: async (key) => doubtOf(await runner.run(readDoubtScript, key)),
    commitVerdict: async (key, { kind, version, draftDatasetId, keys }) => {
      const about = keys === undefined ? [] : [packKeys(keys)];
      const ended = await runner.run(commitVerdictScript, key, kind, version, draftDatasetId ?? "", ...about);
      return ended === null ? undefined : replyNumber(ended);
    },
  };
}

function groupOf(key: GroupKey, fields: ReadonlyMap<string, string>): Group {
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
    resent: count("resent"),
  };
}

function doubtOf(reply: Reply): Doubt {
  const [version, now, sending, unknown, elsewhere, until, elsewhereUntil] =
    replyList(reply).map(replyNumber);
  return {
    version: version ?? 0,
    now: now ?? 0,
    sending: sending ?? 0,
    unknown: unknown ?? 0,
    elsewhere: elsewhere ?? 0,
    until: (unknown ?? 0) > 0 ? until : undefined,
    elsewhereUntil: (elsewhere ?? 0) > 0 ? elsewhereUntil : undefined,
  };
}
