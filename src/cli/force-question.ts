/** `import --force` adds rows to a draft that may hold them: it asks first, and says how many if that is soon known. */
import { stdin } from "node:process";
import { countAddedBefore, earlierRun, newRun, openSources, runIdOf, type Target } from "../wire.ts";
import type { SourceOptions } from "../core/source.ts";
import { openStoreIfThere } from "../wire/stores.ts";
import { confirm } from "./confirm.ts";
import type { Session } from "./session.ts";
import { formatRows } from "./show/human.ts";

/** What is larger takes longer to read than a person wants to wait for a question. */
const MAX_COUNTED_BYTES = 64 * 1024 * 1024;

export interface ForcedImport {
  target: Target;
  files: string[];
  reading: SourceOptions;
}

/** Whether to go on. Throws `wrong_usage` where nobody can be asked. */
export async function isForceMeant(
  session: Session,
  { target, files, reading, yes }: ForcedImport & { yes: boolean },
): Promise<boolean> {
  const { err, signal } = session;
  const onTerminal = stdin.isTTY && err.stream.isTTY;
  const count = yes || !onTerminal ? undefined : await countForced(session, { target, files, reading });
  if (count === 0) return true;
  return confirm(forceQuestion(files, count), { input: stdin, output: err.stream, yes, signal });
}

/** `count`: rows that were added before, if it is known. */
export function forceQuestion(files: readonly string[], count: number | undefined): string {
  const what = count === undefined ? "Rows" : formatRows(count);
  const were = count === 1 ? "was" : "were";
  return `${what} of ${files.join(", ")} that ${were} added before will be in the draft twice (--force). Send?`;
}

/** Undefined: sources that can be read only once, or that take long. */
async function countForced(
  session: Session,
  { target, files, reading }: ForcedImport,
): Promise<number | undefined> {
  const { loaded, onFault, signal } = session;
  const { settings } = loaded;
  // What it would take to ask a server is more than a question is worth.
  if (reading.remote !== undefined) return undefined;
  const sources = await openSources(files, reading, { stdin });
  const bytes = sources.facts.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? Infinity), 0);
  if (bytes > MAX_COUNTED_BYTES) return undefined;
  const connection = await openStoreIfThere(settings, onFault);
  if (connection === undefined) return 0;
  try {
    const { store } = connection;
    const { fingerprint } = newRun(settings, target, { runId: runIdOf(settings), sources, reading });
    const wanted = { runId: settings.runId, fingerprint };
    const leave = {
      acceptChanged: settings.acceptChangedSource,
      changed: () => undefined,
      reopen: () => Promise.resolve(sources),
    };
    const earlier = settings.fresh ? undefined : await earlierRun(store, wanted, sources, leave);
    const { origin } = target;
    return await countAddedBefore({ store, sources, origin, ownSeq: earlier?.run.seq }, signal);
  } finally {
    await connection.close();
  }
}
