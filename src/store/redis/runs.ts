/** Runs on Redis. */
import { TraceloadError } from "../../core/errors.ts";
import { RUN_STATES, STORED_STATUSES, zeroCounts, type RunState } from "../../core/status.ts";
import type { LeaseId, Run, RunChange, Runs, Verdict } from "../../core/store.ts";
import { replyList, replyMap, replyNumber } from "./replies.ts";
import type { Argument, Reply, ScriptRunner } from "./script.ts";
import {
  changeRunScript,
  createRunScript,
  listRunsScript,
  purgeScript,
  readRunScript,
  removeRunScript,
} from "./scripts/runs.ts";

export function createRuns(runner: ScriptRunner): Runs {
  return {
    createRun: async (run) => {
      const reply = await runner.run(
        createRunScript,
        run.runId,
        run.fingerprint,
        run.origin,
        JSON.stringify(run.sources),
        JSON.stringify(run.options),
        run.owner,
        run.parent ?? "",
      );
      if (reply === null) {
        throw new TraceloadError("run_exists", `the run "${run.runId}" is another import's`, {
          next: `traceload status ${run.runId}\nor choose another --run-id`,
        });
      }
      return readRun(reply);
    },

    getRun: async (runId) => {
      const reply = await runner.run(readRunScript, runId);
      return reply === null ? undefined : readRun(reply);
    },

    listRuns: async (filter = {}) => {
      const limit = filter.limit ?? Number.MAX_SAFE_INTEGER;
      if (filter.states?.length === 0) return [];
      return replyList(await runner.run(listRunsScript, limit, ...(filter.states ?? []))).map(readRun);
    },

    changeRun: async (runId, change, from) => {
      const allowed = from === undefined ? "" : `,${from.join(",")},`;
      const applied = await runner.run(
        changeRunScript,
        runId,
        change.state ?? "",
        allowed,
        ...furtherChanges(change),
      );
      return replyNumber(applied) === 1;
    },

    removeRun: async (runId) => {
      if (replyNumber(await runner.run(removeRunScript, runId)) === 0) return false;
      while (replyNumber(await runner.run(purgeScript)) === 1);
      return true;
    },
  };
}

/** What the script is to do, each with a name and a value. */
function furtherChanges(change: RunChange): Argument[] {
  const { owner, sourceComplete, halt, haltedGroup, warning, verdict, finished } = change;
  const changes: Argument[] = [];
  if (owner !== undefined) changes.push("set", "owner", owner ?? "");
  if (sourceComplete !== undefined) changes.push("set", "complete", sourceComplete ? 1 : 0);
  if (halt === null) changes.push("clear", "halt", "");
  else if (halt !== undefined) changes.push("set", "halt", JSON.stringify(halt));
  if (haltedGroup === null) changes.push("unhalt", "", "");
  else if (haltedGroup !== undefined) {
    changes.push("halt", haltedGroup.datasetGroupId, JSON.stringify(haltedGroup));
  }
  if (warning !== undefined) changes.push("warn", warning, "");
  if (verdict !== undefined) changes.push("judge", verdict.datasetGroupId, JSON.stringify(verdict));
  if (finished !== undefined) changes.push(finished ? "finish" : "clear", "finished", "");
  return changes;
}

function readRun(reply: Reply): Run {
  const [hash, warnings, halted, verdicts, ownerAlive] = replyList(reply);
  const fields = replyMap(hash);
  const text = (name: string): string => fields.get(name) ?? "";
  const counts = zeroCounts();
  STORED_STATUSES.forEach((status, index) => {
    counts[status] = Number(fields.get(`c${index + 1}`) ?? 0);
  });
  const owner = text("owner");
  const halt = fields.get("halt");
  return {
    runId: text("id"),
    seq: Number(text("seq")),
    fingerprint: text("fingerprint"),
    parent: fields.get("parent"),
    origin: text("origin"),
    sources: JSON.parse(text("sources")) as string[],
    options: JSON.parse(text("options")) as Record<string, unknown>,
    state: runState(text("state")),
    owner: owner === "" ? undefined : (owner as LeaseId),
    ownerAlive: replyNumber(ownerAlive) === 1,
    sourceComplete: text("complete") === "1",
    halt: halt === undefined ? undefined : (JSON.parse(halt) as { code: string; message: string }),
    haltedGroups: [...replyMap(halted).values()]
      .map(haltedGroup)
      .sort((a, b) => a.place - b.place)
      .map((one) => one.group),
    warnings: [...replyMap(warnings)]
      .sort(([, a], [, b]) => Number(a) - Number(b))
      .map(([warning]) => warning),
    verdicts: [...replyMap(verdicts).values()]
      .map(verdict)
      .sort((a, b) => a.datasetGroupId - b.datasetGroupId),
    counts,
    createdAt: Number(text("created")),
    finishedAt: fields.has("finished") ? Number(text("finished")) : undefined,
  };
}

/** Its place among the halted groups stands before the JSON. */
function haltedGroup(text: string): { place: number; group: Run["haltedGroups"][number] } {
  const end = text.indexOf(" ");
  return {
    place: Number(text.slice(0, end)),
    group: JSON.parse(text.slice(end)) as Run["haltedGroups"][number],
  };
}

/** JSON leaves out what is undefined. */
function verdict(text: string): Verdict {
  const unknowns = { draftDatasetId: undefined, reason: undefined, baseline: undefined, total: undefined };
  return { ...unknowns, ...(JSON.parse(text) as Verdict) };
}

function runState(text: string): RunState {
  const state = RUN_STATES.find((one) => one === text);
  if (state === undefined) {
    throw new TraceloadError(
      "store_damaged",
      `the Redis store has a run in the state "${text}", which does not exist`,
    );
  }
  return state;
}
