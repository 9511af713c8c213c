/** `traceload rerun`: the rows of a run that did not make it, as a new run. */
import { PROCESS_SETTINGS, SANDBOX_SETTINGS, SENDING_SETTINGS } from "../../../config/setting-lists.ts";
import type { Run, StoredRow } from "../../core/store.ts";
import { printableJson } from "../../report/rows-text.ts";
import { countSelected, findParent, RERUN_STATUSES, type RerunSelection } from "../../wire.ts";
import { conductRerun, nothingLeft, RERUN_BY_DEFAULT, rerunStatuses } from "../../wire/conduct.ts";
import { openStoreOfRuns } from "../../wire/stores.ts";
import type { Command } from "../command.ts";
import { conductAtTarget, refuseToDetach } from "../conduct.ts";
import type { Session } from "../session.ts";
import { renderSelection } from "../show/selection-text.ts";

const SAMPLE_ROWS = 5;

export const rerunCommand: Command = {
  positional: { name: "run", describe: "the run's id, latest, or a CSV report of it", many: false },
  settings: [
    ...SENDING_SETTINGS,
    ...PROCESS_SETTINGS,
    ...SANDBOX_SETTINGS,
    "limit",
    "dryRun",
    "runId",
    "detach",
    "reportDir",
    "highWater",
  ],
  ownFlags: {
    only: {
      type: "string",
      requiresArg: true,
      describe: `statuses, comma between: ${RERUN_STATUSES.join(", ")} [${RERUN_BY_DEFAULT.join(",")}]`,
    },
    code: { type: "string", requiresArg: true, describe: "only rows with this error code" },
    match: { type: "string", requiresArg: true, describe: "only rows whose error text holds this" },
  },
  examples: [
    ["rerun latest", "the rejected, failed and unprocessed rows of the newest run"],
    ["rerun latest --code trace_not_found --dry-run", "how many they would be"],
    ["rerun traceload-reports/NIGHTLY/failed.csv", "the rows of a report"],
  ],
  run: async (session, argv) => {
    const wanted = argv["run"] as string;
    const chosen = selectionOf(session, argv);
    if (session.loaded.settings.dryRun) return planRerun(session, wanted, chosen);
    refuseToDetach(session);
    return conductAtTarget(session, {
      start: (conducting) => conductRerun(conducting, { wanted, chosen }, session.signal),
    });
  },
};

async function planRerun(session: Session, wanted: string, chosen: RerunSelection): Promise<number> {
  const { loaded, onFault, out } = session;
  const connection = await openStoreOfRuns(loaded.settings, onFault);
  try {
    const { store } = connection;
    const { parent, report, reported } = await findParent(store, wanted);
    const selection = report === undefined ? chosen : { ...chosen, report };
    const request = { parent, selection, reported, ownSeq: undefined };
    const { count, sample } = await countSelected(store, request, SAMPLE_ROWS);
    if (count === 0) throw nothingLeft(parent, selection);
    out.stream.write(
      loaded.settings.json
        ? `${printableJson({ parent: parent.runId, rows: count, sample: sample.map(named(parent)) })}\n`
        : renderSelection({ parent, count, sample }, { color: out.color, columns: out.columns }),
    );
    return 0;
  } finally {
    await connection.close();
  }
}

function named(parent: Run) {
  return ({ source, ...row }: StoredRow) => ({ ...row, file: parent.sources[source] ?? "" });
}

function selectionOf(session: Session, argv: Readonly<Record<string, unknown>>): RerunSelection {
  const { limit } = session.loaded.settings;
  const text = (name: string) => (typeof argv[name] === "string" ? argv[name] : undefined);
  const [only, code, match] = [text("only"), text("code"), text("match")];
  return {
    statuses:
      only === undefined
        ? [...RERUN_BY_DEFAULT]
        : rerunStatuses(
            "--only",
            only.split(",").map((part) => part.trim()),
          ),
    ...(code === undefined ? {} : { code }),
    ...(match === undefined ? {} : { match }),
    ...(limit === undefined ? {} : { limit }),
  };
}
