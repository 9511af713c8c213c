/** `traceload status`: the runs of a store, or one of them. */
import { TraceloadError } from "../../core/errors.ts";
import { apparentState } from "../../core/status.ts";
import type { PaceView } from "../../core/pace.ts";
import type { Run } from "../../core/store.ts";
import { printableJson } from "../../report/rows-text.ts";
import { openStoreIfThere, readPace, storeSnapshot } from "../../wire/stores.ts";
import type { Command } from "../command.ts";
import { withoutPassword } from "../../wire/command-flags.ts";
import type { Session } from "../session.ts";
import { paceText } from "../show/pace-text.ts";
import { chainOf, renderRun, renderRuns } from "../show/runs-table.ts";

const SHOWN_RUNS = 20;

export const statusCommand: Command = {
  positional: { name: "run", describe: "the run's id, or latest", many: false },
  settings: [],
  examples: [["status latest", "the newest run"]],
  run: async (session, argv) => {
    const { out, loaded } = session;
    const { json, store } = loaded.settings;
    const wanted = argv["run"] as string | undefined;
    const { runs: stored, paceOf } = await readRuns(session, wanted);
    const runs = stored.map((run) => Object.assign(run, { state: apparentState(run) }));
    const look = { color: out.color, columns: out.columns, nowMs: Date.now() };
    if (wanted === undefined) {
      out.stream.write(json ? `${printableJson(runs)}\n` : renderRuns(runs, look));
      return 0;
    }
    const run = wanted === "latest" ? runs[0] : runs.find(({ runId }) => runId === wanted);
    if (run === undefined) {
      throw new TraceloadError(
        "run_not_found",
        `no run ${JSON.stringify(wanted)} in ${withoutPassword(store)}`,
        {
          next: "traceload status",
        },
      );
    }
    const pace = paceOf(run.runId);
    const chain = chainOf(run, runs);
    const shown = {
      ...run,
      reruns: chain.reruns,
      pace: pace === undefined ? null : { ...pace, text: paceText(pace) },
    };
    out.stream.write(json ? `${printableJson(shown)}\n` : renderRun(run, { ...look, pace, chain }));
    return 0;
  },
};

interface SeenRuns {
  runs: Run[];
  /** What slows the wanted run down. */
  paceOf: (runId: string) => PaceView | undefined;
}

/** The newest runs, and the wanted one if it is older. */
async function readRuns(session: Session, wanted: string | undefined): Promise<SeenRuns> {
  const { loaded, onFault, err } = session;
  try {
    const connection = await openStoreIfThere(loaded.settings, onFault);
    if (connection === undefined) return { runs: [], paceOf: () => undefined };
    try {
      const { store } = connection;
      const runs = await store.listRuns({ limit: SHOWN_RUNS });
      const isThere = wanted === undefined || wanted === "latest";
      const run = isThere
        ? runs[0]
        : (runs.find(({ runId }) => runId === wanted) ?? (await store.getRun(wanted)));
      const pace = wanted === undefined || run === undefined ? undefined : await readPace(store, run);
      return {
        runs: run === undefined || runs.includes(run) ? runs : [...runs, run],
        paceOf: () => pace,
      };
    } finally {
      await connection.close();
    }
  } catch (error) {
    if (!(error instanceof TraceloadError) || error.code !== "store_locked") throw error;
    const snapshot = await storeSnapshot(loaded.settings);
    if (snapshot === undefined) throw error;
    const seconds = Math.max(0, Math.round((Date.now() - snapshot.writtenAt) / 1000));
    err.stream.write(`as process ${snapshot.pid} told it ${seconds} s ago; the store is in its hands\n`);
    return { runs: snapshot.runs, paceOf: (runId) => snapshot.paces[runId] };
  }
}
