/** `traceload status`: the runs of a store, or one of them. */
import { TraceloadError } from "../../core/errors.ts";
import { printableJson } from "../../report/rows-text.ts";
import { openStoreIfThere } from "../../wire.ts";
import type { Command } from "../command.ts";
import { renderRun, renderRuns } from "../show/runs-table.ts";

const SHOWN_RUNS = 20;

export const statusCommand: Command = {
  usage: "status [run]",
  describe: "show the runs of a store, or one run",
  positional: { name: "run", describe: "the run's id, or latest", many: false },
  settings: [],
  examples: [["status latest", "the newest run"]],
  run: async (session, argv) => {
    const { out, loaded, onFault } = session;
    const { settings } = loaded;
    const wanted = argv["run"] as string | undefined;
    const connection = await openStoreIfThere(settings, onFault);
    try {
      const runs = (await connection?.store.listRuns({ limit: SHOWN_RUNS })) ?? [];
      const look = { color: out.color, columns: out.columns, nowMs: Date.now() };
      if (wanted === undefined) {
        out.stream.write(settings.json ? `${printableJson(runs)}\n` : renderRuns(runs, look));
        return 0;
      }
      const run = wanted === "latest" ? runs[0] : await connection?.store.getRun(wanted);
      if (run === undefined) {
        throw new TraceloadError(
          "run_not_found",
          `no run ${JSON.stringify(wanted)} in ${settings.store.split("@").at(-1)}`,
          {
            next: "traceload status",
          },
        );
      }
      out.stream.write(settings.json ? `${printableJson(run)}\n` : renderRun(run, look));
      return 0;
    } finally {
      await connection?.close();
    }
  },
};
