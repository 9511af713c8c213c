/** `traceload report`: a run's report again, from the store, to any directory. */
import { TraceloadError } from "../../core/errors.ts";
import { apparentState } from "../../core/status.ts";
import { openStoreIfThere } from "../../wire/stores.ts";
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
    const connection = await openStoreIfThere(settings, onFault);
    try {
      const store = connection?.store;
      const run =
        wanted === "latest" ? (await store?.listRuns({ limit: 1 }))?.[0] : await store?.getRun(wanted);
      if (store === undefined || run === undefined) {
        throw new TraceloadError("run_not_found", `no run ${JSON.stringify(wanted)} in this store`, {
          next: "traceload status",
        });
      }
      const limit = run.options["ratePerSecond"];
      const summary = await writeRunReport(session, {
        store,
        run: { ...run, state: apparentState(run) },
        directory: settings.reportDir,
        rate: { limitPerSecond: typeof limit === "number" ? limit : null, achievedPerSecond: null },
        importArguments: undefined,
      });
      printSummary(session, summary);
      return 0;
    } finally {
      await connection?.close();
    }
  },
};
