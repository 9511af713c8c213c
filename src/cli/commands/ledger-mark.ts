/** `traceload ledger mark`: a person decides whether rows are in the draft. */
import { stdin } from "node:process";
import { READING_SETTINGS } from "../../../config/setting-lists.ts";
import { TraceloadError } from "../../core/errors.ts";
import { ACTIVE_STATES } from "../../core/status.ts";
import type { LedgerEntry, Store } from "../../core/store.ts";
import { shellCommand } from "../../report/next-commands.ts";
import { printableJson } from "../../report/rows-text.ts";
import { openSources, sourceOptions } from "../../wire.ts";
import {
  countByEntry,
  decideRow,
  decideSources,
  followInRuns,
  keyed,
  noRows,
  openLedgerStore,
  targetOrigin,
  type DecidedRows,
  type DecisionPlan,
  type FollowedRun,
} from "../../wire/ledger.ts";
import type { Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { namedRow, nextCommand, ROW_POSITIONALS, typedText } from "../ledger-address.ts";
import { readPlan } from "../ledger-plan.ts";
import { importFlags } from "../../wire/command-flags.ts";
import type { Session } from "../session.ts";
import { formatDuration, formatRows } from "../show/human.ts";
import { renderDecided } from "../show/ledger-text.ts";

/** Exit code: rows are being sent, the same command may be typed again. */
const STILL_RUNNING = 4;

type Argv = Readonly<Record<string, unknown>>;

export const ledgerMarkCommand: Command = {
  positional: [
    {
      name: "decision",
      describe: "added: it is there; absent: it is not, and may be sent",
      many: false,
    },
    ...ROW_POSITIONALS,
  ],
  settings: [...READING_SETTINGS, "sandbox"],
  ownFlags: {
    why: { type: "string", requiresArg: true, describe: "how it was found out; is kept (required)" },
    from: {
      type: "string",
      requiresArg: true,
      describe: "a file of rows instead of one: unknown.csv of a report",
    },
    draft: {
      type: "string",
      requiresArg: true,
      describe: "the draft that the rows are in, if the store cannot know",
    },
    all: { type: "boolean", describe: "with --from: also rows that are not held" },
    yes: { type: "boolean", describe: "do not ask" },
  },
  examples: [
    ["ledger mark added TRACE -g 42 --why 'seen in the draft'", "it is there: never send it again"],
    ["ledger mark absent --from unknown.csv --why 'counted'", "they are not there: send them with rerun"],
  ],
  run: async (session, argv) => {
    const plan = readPlan(argv);
    const from = typedText(argv, "from");
    if (from !== undefined && argv["trace-id"] !== undefined) {
      throw new TraceloadError("wrong_usage", "either a trace ID or --from FILE, not both");
    }
    const isYes = argv["yes"] === true;
    const decided =
      from === undefined
        ? await markOne(session, argv, plan, isYes)
        : await markFile(session, from, plan, isYes);
    if (decided === undefined) {
      session.err.stream.write("nothing was marked\n");
      return 0;
    }
    const next = nextCommands(session, plan, decided, from);
    const result = { decision: plan.decision, ...decided, next };
    const { out, loaded } = session;
    out.stream.write(
      loaded.settings.json ? `${printableJson(result)}\n` : renderDecided(result, { color: out.color }),
    );
    return decided.refused > 0 ? STILL_RUNNING : 0;
  },
};

type Marked = DecidedRows & { runs: FollowedRun[] };

/** undefined: the person said no. */
async function markOne(
  session: Session,
  argv: Argv,
  plan: DecisionPlan,
  yes: boolean,
): Promise<Marked | undefined> {
  const { settings } = session.loaded;
  const origin = targetOrigin(settings);
  const row = keyed(origin, namedRow(session, argv));
  return withStore(session, async (store) => {
    const [entry] = await store.lookup([row.key]);
    const risk = entry === undefined || plan.decision === "added" ? "" : await riskOf(store, entry);
    if (risk !== "" && !(await ask(session, `${risk} Mark it absent?`, yes))) return undefined;
    const isGranted = await decideRow(store, row, plan, entry ?? "none");
    const runs = isGranted ? await followInRuns(store, origin, session.signal) : [];
    return { decided: isGranted ? 1 : 0, refused: isGranted ? 0 : 1, leftAlone: noRows(), runs };
  });
}

/** undefined: the person said no. */
async function markFile(
  session: Session,
  file: string,
  plan: DecisionPlan,
  yes: boolean,
): Promise<Marked | undefined> {
  const { loaded, signal } = session;
  const { settings } = loaded;
  const origin = targetOrigin(settings);
  const sources = await openSources([file], sourceOptions(settings), { stdin });
  if (sources.facts.some(({ sizeBytes }) => sizeBytes === undefined)) {
    throw new TraceloadError("wrong_usage", "--from: name a file; it is read twice, and a pipe cannot be");
  }
  return withStore(session, async (store) => {
    const { counts, until } = await countByEntry(store, sources, origin, signal);
    const { decision, alsoCertain } = plan;
    const certain = alsoCertain ? counts[decision === "added" ? "none" : "added"] : 0;
    const wanted = counts.unknown + certain;
    if (wanted > 0) {
      const what = `Mark ${formatRows(wanted)} of ${file} as ${decision} (${counts.unknown} held, ${certain} others)?`;
      const risk =
        decision === "added"
          ? "They are not sent again then."
          : `They may be sent again then.${await openText(store, until)}`;
      if (!(await ask(session, `${what} ${risk}`, yes))) return undefined;
    }
    const decided = await decideSources(store, sources, origin, plan, signal);
    return { ...decided, runs: await followInRuns(store, origin, signal) };
  });
}

/** What could put the row into the draft twice; empty where nothing could, if the person is right. */
async function riskOf(store: Pick<Store, "now">, { state, until }: LedgerEntry): Promise<string> {
  if (state === "added") return "The ledger has this row as added; once it is absent, it may be sent again.";
  return (await openText(store, until)).trimStart();
}

async function openText(store: Pick<Store, "now">, until: number | undefined): Promise<string> {
  const openMs = until === undefined ? 0 : until - (await store.now());
  return openMs <= 0
    ? ""
    : ` A request that left earlier could still be applied for ${formatDuration(openMs)}: what is not there yet may come.`;
}

async function withStore<T>(session: Session, act: (store: Store) => Promise<T>): Promise<T> {
  const connection = await openLedgerStore(session.loaded.settings, { mustExist: false }, session.onFault);
  try {
    return await act(connection.store);
  } finally {
    await connection.close();
  }
}

function ask({ err, signal }: Session, question: string, yes: boolean): Promise<boolean> {
  return confirm(question, { input: stdin, output: err.stream, yes, signal });
}

/** Rows that are unprocessed now have a command that sends them; a report on disk is as old as it was. */
function nextCommands(
  session: Session,
  { decision }: DecisionPlan,
  { runs, decided }: Marked,
  from: string | undefined,
): string[] {
  const sending = runs.flatMap(({ runId, state, unprocessed }) => {
    if (unprocessed === 0 || ACTIVE_STATES.includes(state)) return [];
    return [
      nextCommand(
        session,
        state === "finished" ? ["rerun", runId, "--only", "unprocessed"] : ["resume", runId],
      ),
    ];
  });
  const reports = runs.map(({ runId }) => nextCommand(session, ["report", runId]));
  const isOrphaned = decision === "absent" && decided > 0 && runs.length === 0 && from !== undefined;
  return [...sending, ...reports, ...(isOrphaned ? [againImport(session, from)] : [])];
}

function againImport(session: Session, file: string): string {
  return shellCommand(["import", file, ...importFlags(session)]).replace(/^traceload/, session.program);
}
