/** The few parts that pausing and cancelling a run need: its store and its queue, and no API. */
import type { Settings } from "../../config/settings.ts";
import { haltRun, type Halted } from "../app/halt-run.ts";
import { readStoreTime } from "../app/store-time.ts";
import { systemClock } from "../core/clock.ts";
import { TraceloadError } from "../core/errors.ts";
import type { Run, Store } from "../core/store.ts";
import { openQueues } from "../queue/bullmq-queues.ts";
import { openStoreOfRuns } from "./stores.ts";

export interface Controls {
  store: Store;
  halt(run: Run, state: Halted, signal: AbortSignal): Promise<Run>;
  close(): Promise<void>;
}

/** Throws `run_not_found` where there is no store yet, and `store_locked` with what to do while another process has it. */
export async function openControls(settings: Settings, onFault: (error: unknown) => void): Promise<Controls> {
  const connection = await openStoreOfRuns(settings, onFault).catch((error: unknown) => {
    throw lockedByItsRun(error);
  });
  const { store } = connection;
  const queues = openQueues({
    connection: connection.queue,
    onFault,
    nowMs: await readStoreTime(store, systemClock),
  });
  return {
    store,
    halt: (run, state, signal) =>
      haltRun({ store, queues, clock: systemClock, onFault }, { run, state }, signal),
    close: async () => {
      await queues.close();
      await connection.close();
    },
  };
}

function lockedByItsRun(error: unknown): unknown {
  if (!(error instanceof TraceloadError) || error.code !== "store_locked") return error;
  const pid = /process (\d+)/.exec(error.message)?.[1];
  const next = [
    `press Ctrl-C in its terminal${pid === undefined ? "" : `, or type: kill -INT ${pid}`}`,
    "it then ends its run by itself, and traceload resume carries it on",
  ];
  return new TraceloadError("store_locked", `${error.message}: only that process can stop its run`, {
    next: next.join("\n"),
    cause: error,
  });
}

export { theActiveRun } from "../app/halt-run.ts";
