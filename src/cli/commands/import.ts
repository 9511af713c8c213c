/** `traceload import`: the main job. */
import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { stdin } from "node:process";
import {
  checkTarget,
  copyFile,
  importInputs,
  importOptions,
  openSources,
  remoteParts,
  runIdOf,
  sourceOptions,
  spooled,
  spoolFile,
  systemClock,
  type Target,
} from "../../wire.ts";
import { conductImport, importFault, type ImportSources } from "../../wire/conduct.ts";
import type { OpenedSources } from "../../core/source.ts";
import type { Command } from "../command.ts";
import { conduct, refuseToDetach, withTarget } from "../conduct.ts";
import { isForceMeant } from "../force-question.ts";
import { PROTOCOL_SETTINGS, SENDING_SETTINGS } from "../flags.ts";
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
    "datasetGroup",
    "format",
    "traceColumn",
    "spanColumn",
    "groupColumn",
    "map",
    "where",
    "unit",
    "rootOnly",
    "padIds",
    "skip",
    "limit",
    "from",
    "query",
    "queryFile",
    "body",
    "bodyFile",
    "contentType",
    "header",
    "since",
    "until",
    "pageCursor",
    "pageInto",
    "maxSourceSize",
    "sourceTimeout",
    "allowEmpty",
    "dryRun",
    "remote",
    ...SENDING_SETTINGS,
    "runId",
    "force",
    "fresh",
    "acceptChangedSource",
    "detach",
    "sandbox",
    "reportDir",
    ...PROTOCOL_SETTINGS,
    "retention",
    "highWater",
    "sandboxRecord",
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
    const { settings } = session.loaded;
    const files = importInputs(session.loaded, (argv["files"] as string[] | undefined) ?? []);
    refuseToDetach(session);
    refuseRemote(session);
    const nowMs = systemClock.wallMs();
    const reading = await importOptions(sourceOptions(settings), settings, { inputs: files, nowMs });
    if (settings.dryRun) {
      const copies = await mkdtemp(path.join(tmpdir(), "traceload-dry-run-"));
      const places = {
        stdin: path.join(copies, "stdin"),
        answer: (index: number) => path.join(copies, String(index)),
      };
      try {
        const sources = await openSources(files, reading, copiedTo(places, session));
        return await planImport(session, sources);
      } finally {
        await rm(copies, { recursive: true, force: true });
      }
    }
    return withTarget(session, async (target) => {
      const asked = { target, files, reading, yes: argv["yes"] === true };
      if (settings.force && !(await isForceMeant(session, asked))) {
        session.err.stream.write("nothing was sent\n");
        return 0;
      }
      const runId = runIdOf(settings);
      const places = {
        stdin: spoolFile(settings, runId),
        answer: (index: number) => copyFile(settings, runId, index),
      };
      const sources = await openSources(files, reading, copiedTo(places, session));
      const reopen = (copies: Readonly<Record<string, string>>) => {
        const answer = (index: number) => copies[index] ?? places.answer(index);
        return openSources(files, reading, copiedTo({ ...places, answer }, session));
      };
      return sendImport(session, target, { runId, sources, reading, reopen });
    });
  },
};

/** Standard input and what servers answer, by way of copies, which can be read again. */
function copiedTo(
  places: { stdin: string; answer: (index: number) => string },
  { signal, environment }: Session,
) {
  return {
    stdin: spooled(stdin, places.stdin, signal),
    stdinAgain: () => createReadStream(places.stdin),
    remote: remoteParts(environment, places.answer),
  };
}

async function sendImport(session: Session, target: Target, imported: ImportSources): Promise<number> {
  const { settings } = session.loaded;
  const { signal } = session;
  const warnings = await checkTarget(target, settings.datasetGroup, signal);
  return conduct(session, target, {
    warnings,
    readShare: () => imported.sources.readShare(),
    importArguments: importArguments(session),
    start: async ({ workplace, note, onProgress }) => {
      const look = (toRead: OpenedSources) => lookAtSources(toRead, note, signal);
      const conducting = { loaded: session.loaded, target, workplace, warnings, note, onProgress };
      return conductImport(conducting, { ...imported, look }, signal);
    },
    judge: ({ counts }, end) => {
      const fault = importFault(settings, counts.read, end);
      if (fault !== undefined) throw fault;
    },
  });
}
