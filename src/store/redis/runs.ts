/** Runs on Redis. */
import { TraceloadError } from "../../core/errors.ts";
import { RUN_STATES, STORED_STATUSES, zeroCounts, type RunState } from "../../core/status.ts";
import type { LeaseId, Run, RunChange, Runs } from "../../core/store.ts";
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
        change.warning ?? "",
        allowed,
        ...changedFields(change),
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

function changedFields(change: RunChange): Argument[] {
  const fields: Argument[] = [];
  if (change.owner !== undefined) fields.push("owner", change.owner ?? "");
  if (change.sourceComplete !== undefined) fields.push("complete", change.sourceComplete ? 1 : 0);
  if (change.halt !== undefined) fields.push("halt", JSON.stringify(change.halt));
  if (change.finished !== undefined) fields.push("finished", change.finished ? 1 : 0);
  return fields;
}

function readRun(reply: Reply): Run {
  const [hash, warnings, ownerAlive] = replyList(reply);
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
    origin: text("origin"),
    sources: JSON.parse(text("sources")) as string[],
    options: JSON.parse(text("options")) as Record<string, unknown>,
    state: runState(text("state")),
    owner: owner === "" ? undefined : (owner as LeaseId),
    ownerAlive: replyNumber(ownerAlive) === 1,
    sourceComplete: text("complete") === "1",
    halt: halt === undefined ? undefined : (JSON.parse(halt) as { code: string; message: string }),
    warnings: [...replyMap(warnings)]
      .sort(([, a], [, b]) => Number(a) - Number(b))
      .map(([warning]) => warning),
    counts,
    createdAt: Number(text("created")),
    finishedAt: fields.has("finished") ? Number(text("finished")) : undefined,
  };
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
