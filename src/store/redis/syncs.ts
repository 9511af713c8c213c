/** Syncs on Redis. */
import type { LeaseId, Token } from "../../core/store.ts";
import type { StoredSync, StoredTick, Syncs } from "../../core/syncs.ts";
import { replyBytes, replyList, replyNumber } from "./replies.ts";
import type { Argument, Reply, ScriptRunner } from "./script.ts";
import {
  applySyncsScript,
  changeSyncScript,
  claimSyncScript,
  listSyncsScript,
  readCarriedScript,
  readSyncScript,
  readTicksScript,
} from "./scripts/syncs.ts";

export function createSyncs(runner: ScriptRunner): Syncs {
  return {
    listSyncs: async () => {
      const [revision, ...syncs] = replyList(await runner.run(listSyncsScript));
      return { revision: replyNumber(revision), syncs: syncs.map(syncOf) };
    },
    getSync: async (name) => {
      const reply = await runner.run(readSyncScript, name);
      return reply === null ? undefined : syncOf(reply);
    },
    applySyncs: async ({ revision, rename, put, remove }) => {
      const changes: Argument[] = [];
      for (const { from, to } of rename) changes.push("rename", from, to, "");
      for (const { name, origin, text } of put) changes.push("put", name, origin, JSON.stringify(text));
      for (const name of remove) changes.push("remove", name, "", "");
      return replyNumber(await runner.run(applySyncsScript, revision, ...changes)) === 1;
    },
    claimSync: async ({ name, owner, token, datasetGroupId }) => {
      const reply = await runner.run(claimSyncScript, name, owner, token, datasetGroupId ?? "");
      if (reply === null) return { kind: "gone" };
      const by = replyBytes(reply).toString();
      return by === "" ? { kind: "claimed" } : { kind: "busy", by };
    },
    changeSync: async (name, { version, token }, { state, carried, ticks = [], release }) => {
      const changes: Argument[] = [];
      if (state !== undefined) changes.push("set", "state", JSON.stringify(state), "");
      if (carried !== undefined) changes.push("set", "carried", JSON.stringify(carried), "");
      if (release === true) changes.push("release", "", "", "");
      for (const { id, at, record } of ticks) changes.push("tick", id, at, JSON.stringify(record));
      return replyNumber(await runner.run(changeSyncScript, name, version, token ?? "", ...changes)) === 1;
    },
    readCarried: async (name) => {
      const carried: unknown = JSON.parse(replyBytes(await runner.run(readCarriedScript, name)).toString());
      return Array.isArray(carried) ? carried : [];
    },
    readTicks: async (name, { limit, before }) => {
      const reply = replyList(await runner.run(readTicksScript, name, limit, before ?? ""));
      const ticks: StoredTick[] = [];
      for (let n = 0; n < reply.length; n += 3) {
        ticks.push({
          id: replyBytes(reply[n]).toString(),
          at: replyNumber(reply[n + 1]),
          record: JSON.parse(replyBytes(reply[n + 2]).toString()) as StoredTick["record"],
        });
      }
      return ticks;
    },
  };
}

function syncOf(reply: Reply): StoredSync {
  const [name, origin, text, version, applied, state, owner, token, alive] = replyList(reply);
  const ownerText = replyBytes(owner).toString();
  const stateText = replyBytes(state).toString();
  return {
    name: replyBytes(name).toString(),
    origin: replyBytes(origin).toString(),
    text: JSON.parse(replyBytes(text).toString()) as StoredSync["text"],
    version: replyNumber(version),
    appliedAt: replyNumber(applied),
    state: stateText === "" ? undefined : (JSON.parse(stateText) as StoredSync["state"]),
    claim:
      ownerText === ""
        ? undefined
        : {
            owner: ownerText as LeaseId,
            token: replyBytes(token).toString() as Token,
            ownerAlive: replyNumber(alive) === 1,
          },
  };
}
