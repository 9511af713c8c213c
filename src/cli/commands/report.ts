/** `traceload report`: a run's report again, from the store, to any directory. */
import { apparentState } from "../../core/status.ts";
import { namedRun, openStoreOfRuns } from "../../wire/stores.ts";
import type { Command } from "../command.ts";
import { printSummary, writeRunReport } from "../run-summary.ts";

export const reportCommand: Command = {
  positional: { name: "run", describe: "the run's id, or latest", many: false },
  settings: ["reportDir"],
  examples: [["report latest --report-dir /tmp/reports", "the newest run's report, elsewhere"]],
  run: async (session, argv) => {
    const { loaded, onFault } = session;
    const { settings } = loaded;
    const wanted = argv["run"] as string;
    const connection = await openStoreOfRuns(settings, onFault);
    try {
      const { store } = connection;
      const run = await namedRun(store, wanted);
      const summary = await writeRunReport(session, {
        store,
        run: { ...run, state: apparentState(run) },
        directory: settings.reportDir,
        achievedPerSecond: undefined,
        importArguments: undefined,
      });
      printSummary(session, summary);
      return 0;
    } finally {
      await connection.close();
    }
  },
};
