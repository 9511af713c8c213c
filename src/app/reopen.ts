/** The sources of a run that is carried on, opened again where they are, and compared with what they were. */
import path from "node:path";
import { z } from "zod";
import { TraceloadError } from "../core/errors.ts";
import type { OpenedSources, SourceFacts, SourceOptions } from "../core/source.ts";
import type { Run } from "../core/store.ts";
import { acceptChangedNext } from "./held-rows.ts";
import { sourceOptionsOf } from "./reading-options.ts";
import { parseRunOptions } from "./run-options.ts";

export interface ReopenParts {
  /** `copies`: of what servers answered, by the place among the inputs. */
  open: (
    inputs: string[],
    options: SourceOptions,
    copies: Readonly<Record<string, string>>,
  ) => Promise<OpenedSources>;
  /** Throws when the copy of standard input is not there, or not all of it. */
  checkSpool: (file: string) => Promise<void>;
  /** This machine's name. */
  host: string;
}

const STDIN = "-";

/**
 * Throws `source_not_found` when a source cannot be reached from here, and `source_changed` when one is not what it
 * was, unless that is accepted.
 */
export async function reopenSources(
  { open, checkSpool, host }: ReopenParts,
  run: Run,
  acceptChanged: boolean,
): Promise<{ sources: OpenedSources; changed: boolean }> {
  const options = parseRunOptions(run.runId, run.options);
  const { reading } = options;
  if (reading === undefined) {
    throw new TraceloadError("source_not_found", `run ${run.runId} does not say where its sources are`, {
      next: "import the file again: rows that were added are not sent again",
    });
  }
  for (const [index, place] of reading.places.entries()) {
    if (run.sources[index] === STDIN) await checkSpool(place);
  }
  // By the name that was typed, where it leads to the same file: that is the name that messages use.
  const inputs = reading.places.map((place, index) => {
    const typed = run.sources[index];
    return typed !== undefined && path.resolve(typed) === place ? typed : place;
  });
  const sources = await open(inputs, sourceOptionsOf(reading), reading.copies).catch((error: unknown) => {
    throw unreachable(error, { run, host, startedOn: reading.host });
  });
  const difference = factsDifference(options.sourceFacts, sources.facts);
  if (difference !== undefined && !acceptChanged) throw changed(run, difference);
  return { sources, changed: difference !== undefined };
}

const storedFacts = z.object({
  name: z.string(),
  sizeBytes: z.number().optional(),
  modifiedMs: z.number().optional(),
  headHash: z.string().optional(),
  window: z.string().optional(),
});

/** What is not as it was, in words; undefined: nothing. What was not known then is not compared. */
export function factsDifference(
  before: readonly Record<string, unknown>[],
  now: readonly SourceFacts[],
): string | undefined {
  if (before.length !== now.length) return `${now.length} sources now, ${before.length} then`;
  for (const [index, raw] of before.entries()) {
    const then = storedFacts.parse(raw);
    const { sizeBytes, modifiedMs, headHash, window } = now[index] ?? {};
    if (then.headHash === undefined) continue;
    if (then.sizeBytes !== sizeBytes) {
      return `${then.name} has ${String(sizeBytes)} bytes now, ${String(then.sizeBytes)} then`;
    }
    if (then.headHash !== headHash) return `${then.name} begins with other bytes than then`;
    if (then.window !== window) {
      return `${then.name} was asked for ${then.window ?? "all"}, and is for ${window ?? "all"} now`;
    }
    if (then.modifiedMs !== modifiedMs) {
      const [changedAt, wasAt] = [modifiedMs, then.modifiedMs].map((ms) =>
        ms === undefined ? "unknown" : new Date(ms).toISOString(),
      );
      return `${then.name} was written at ${changedAt}, then at ${wasAt}`;
    }
  }
  return undefined;
}

function changed(run: Run, difference: string): TraceloadError {
  return new TraceloadError(
    "source_changed",
    `the source has changed since run ${run.runId} read it: ${difference}`,
    { next: acceptChangedNext(run.runId) },
  );
}

function unreachable(
  error: unknown,
  { run, host, startedOn }: { run: Run; host: string; startedOn: string },
): unknown {
  if (!(error instanceof TraceloadError) || error.code !== "source_not_found") return error;
  const where = host === startedOn ? "" : ` on this host (${host}); the run was started on ${startedOn}`;
  const next = [
    ...(host === startedOn ? [] : [`traceload resume ${run.runId}    on ${startedOn}`]),
    "put the file back to that path, or import it from where it is: rows that were added are not sent again",
  ];
  return new TraceloadError(
    "source_not_found",
    `run ${run.runId} was not read to its end, and cannot be: ${error.message}${where}`,
    { next: next.join("\n"), cause: error },
  );
}
