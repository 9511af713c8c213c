/** `traceload import`: the main job. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  ONCE_SETTINGS,
  PROCESS_SETTINGS,
  SANDBOX_SETTINGS,
  SENDING_SETTINGS,
  SOURCE_SETTINGS,
} from "../../../config/setting-lists.ts";
import {
  checkTarget,
  importInputs,
  importOptions,
  runIdOf,
  sourceOptions,
  systemClock,
  type Target,
} from "../../wire.ts";
import { conductImport, importFault } from "../../wire/conduct.ts";
import { type ImportSources, openCopied, openImport } from "../../wire/import-sources.ts";
import type { OpenedSources } from "../../core/source.ts";
import type { Command } from "../command.ts";
import { conduct, refuseToDetach, withTarget } from "../conduct.ts";
import { isForceMeant } from "../force-question.ts";
import { lookAtSources } from "../look-at-sources.ts";
import { importArguments, planImport, refuseRemote } from "../plan-import.ts";
import type { Session } from "../session.ts";

export const importCommand: Command = {
  positional: {
    name: "files",
    describe: "CSV, NDJSON or JSON, plain or compressed; globs; https:// addresses; - for standard input",
    many: true,
  },
  settings: [
    ...SOURCE_SETTINGS,
    ...SENDING_SETTINGS,
    ...PROCESS_SETTINGS,
    ...SANDBOX_SETTINGS,
    ...ONCE_SETTINGS,
    "reportDir",
    "retention",
    "highWater",
  ],
  ownFlags: { yes: { type: "boolean", describe: "with --force: do not ask" } },
  examples: [
    ["import traces.csv -g 42", "every line of a CSV into dataset group 42"],
    ["import traces.csv -g 42 --dry-run", "read and check only"],
    ["import examples/traces.csv -g 42 --sandbox", "without a key or a network"],
    [
      "import --from '${DATABASE_URL}' --query-file bad.sql --since 24h -g 42",
      "what a query on Postgres answers",
    ],
  ],
  run: async (session, argv) => {
    const { environment, signal } = session;
    const { settings } = session.loaded;
    const inputs = importInputs(session.loaded, (argv["files"] as string[] | undefined) ?? []);
    refuseToDetach(session);
    refuseRemote(session);
    const nowMs = systemClock.wallMs();
    const reading = await importOptions(sourceOptions(settings), settings, { inputs, nowMs });
    const from = { inputs, reading, environment, signal };
    if (settings.dryRun) {
      const copies = await mkdtemp(path.join(tmpdir(), "traceload-dry-run-"));
      const places = {
        stdin: path.join(copies, "stdin"),
        answer: (index: number) => path.join(copies, String(index)),
      };
      try {
        return await planImport(session, await openCopied(from, places));
      } finally {
        await rm(copies, { recursive: true, force: true });
      }
    }
    return withTarget(session, async (target) => {
      const asked = { target, files: inputs, reading, yes: argv["yes"] === true };
      if (settings.force && !(await isForceMeant(session, asked))) {
        session.err.stream.write("nothing was sent\n");
        return 0;
      }
      return sendImport(session, target, await openImport(settings, runIdOf(settings), from));
    });
  },
};

async function sendImport(session: Session, target: Target, imported: ImportSources): Promise<number> {
  const { settings } = session.loaded;
  const { signal } = session;
  const warnings = await checkTarget(target, settings.datasetGroup, signal);
  return conduct(session, target, {
    warnings,
    readShare: () => imported.sources.readShare(),
    importArguments: importArguments(session),
    start: (conducting) => {
      const look = (toRead: OpenedSources) => lookAtSources(toRead, conducting.note, signal);
      return conductImport(conducting, { ...imported, look }, signal);
    },
    faultOf: (end) => importFault(settings, end),
  });
}
