/** What `pause` and `cancel` have in common: the run is told, and what becomes of it is shown. */
import type { Run, Store } from "../core/store.ts";
import { shellWords } from "../report/next-commands.ts";
import { printableJson } from "../report/rows-text.ts";
import { runFlags } from "../wire/command-flags.ts";
import { openControls } from "../wire/controls.ts";
import type { Session } from "./session.ts";
import { visible } from "./show/escape.ts";
import { formatRows } from "./show/human.ts";

/** Resolves with the exit code. Throws `run_not_found`, `run_state` or `store_locked`. */
export async function haltCommand(
  session: Session,
  state: "paused" | "cancelled",
  find: (store: Store) => Promise<Run>,
): Promise<number> {
  const { loaded, onFault, signal, out } = session;
  const controls = await openControls(loaded.settings, onFault);
  try {
    const run = await controls.halt(await find(controls.store), state, signal);
    out.stream.write(
      loaded.settings.json ? `${printableJson(run)}\n` : `${sentence(run, state)}\n${next(session, run)}\n`,
    );
    return 0;
  } finally {
    await controls.close();
  }
}

function sentence({ runId, counts, finishedAt, sourceComplete }: Run, state: "paused" | "cancelled"): string {
  const name = visible(runId);
  const left = counts.queued + counts.unprocessed;
  const unread = sourceComplete ? "" : ", and its sources were not read to the end";
  const rest =
    finishedAt === undefined
      ? "nothing more is sent; rows in flight are awaited by the process that conducts it"
      : `${formatRows(left)} ${left === 1 ? "was" : "were"} not sent${unread}`;
  return `Run ${name} is ${state}: ${rest}.`;
}

function next(session: Session, { runId, origin }: Run): string {
  const command = shellWords(["resume", runId, ...runFlags(session, origin)]);
  return `Next\n  ${session.program} ${visible(command)}`;
}
