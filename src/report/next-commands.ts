/** What a person would type now, from how a run ended. Names only commands that exist. */
import { isErrorCode } from "./exit-code.ts";
import type { RowStatus, RunState } from "../core/status.ts";

export interface NextInput {
  runId: string;
  state: RunState;
  counts: Readonly<Record<RowStatus, number>>;
  halt: { code: string; message: string } | undefined;
  /** Whether a draft of the run was to be published, and is not. */
  unpublished?: boolean | undefined;
  /** Whether the server was asked about the unknown rows, and its answers did not settle them. */
  undecided?: boolean | undefined;
  /** The run's own report directory; undefined when no report could be written. */
  reportDir: string | undefined;
  /** The arguments of the import that was a dry run, without `--dry-run`; undefined when not known. */
  importArguments: readonly string[] | undefined;
  /** Global flags that later commands need to find the run, such as `--store`. Never holds a password. */
  globalArguments?: readonly string[] | undefined;
  /** Flags that later commands on the run need to reach its API and store; default: the global ones. */
  runFlags?: readonly string[] | undefined;
  /** Those of them that say which API and store; default: the global ones. */
  addressFlags?: readonly string[] | undefined;
  /** Flags of the import that hold for its failed rows as well, such as `--sandbox`; those of the store included. */
  importFlags?: readonly string[] | undefined;
  /** How the command is called; default `traceload`. */
  program?: string | undefined;
}

/** Commands, the most useful first. Empty when nothing is left to do. */
export function nextCommands(input: NextInput): string[] {
  const program = input.program ?? "traceload";
  return commands(input).map((command) => command.replace(/^traceload/, program));
}

function commands(input: NextInput): string[] {
  const { counts, runId, state } = input;
  const globals = input.globalArguments ?? [];
  const again =
    input.importArguments === undefined ? undefined : shellCommand(["import", ...input.importArguments]);
  const statusOfRun = shellCommand(["status", runId, ...globals]);
  const next: (string | undefined)[] = [];

  if (counts.planned > 0) return again === undefined ? [] : [again];
  if (state === "reading" || state === "draining" || state === "verifying") {
    return [statusOfRun, shellCommand(["report", runId, ...globals])];
  }
  // The key, the address or the store is at fault: find out which before anything is sent again.
  if (state === "stopped" && input.halt !== undefined && isErrorCode(input.halt.code)) {
    next.push(shellCommand(["doctor", ...globals]));
  }
  const flags = input.runFlags ?? globals;
  // A run that is carried on asks about its unknown rows at its end.
  if (state !== "finished") next.push(shellCommand(["resume", runId, ...flags]));
  if (counts.unknown > 0) next.push(shellCommand(["verify", runId, ...flags]), ...decisions(input));
  const left = counts.rejected + counts.failed + (state === "finished" ? counts.unprocessed : 0);
  if (left > 0) next.push(shellCommand(["rerun", runId, ...flags]));
  // What could not be read has to be mended first, and then comes as any file does.
  if (counts.invalid > 0 && input.reportDir !== undefined) {
    next.push(shellCommand(["import", `${input.reportDir}/failed.csv`, ...(input.importFlags ?? globals)]));
  }
  if (input.unpublished === true && state === "finished") {
    // Where rows can still be mended, that comes first; else only a person's word is left.
    const clean = counts.unknown + left + counts.invalid === 0;
    next.push(shellCommand(["publish", runId, ...(clean ? [] : ["--force"]), ...flags]));
  }
  if (input.reportDir === undefined) next.push(shellCommand(["report", runId, ...globals]));
  return next.filter((command) => command !== undefined);
}

/** What only a person can find out, who looks into the draft. */
function decisions({ undecided, reportDir, addressFlags, globalArguments }: NextInput): string[] {
  if (undecided !== true || reportDir === undefined) return [];
  const flags = addressFlags ?? globalArguments ?? [];
  return ["added", "absent"].map((decision) =>
    shellCommand(["ledger", "mark", decision, "--from", `${reportDir}/unknown.csv`, "--why", "…", ...flags]),
  );
}

/** `traceload` with the arguments, as it can be pasted into a POSIX shell. */
export function shellCommand(parts: readonly string[]): string {
  return shellWords(["traceload", ...parts]);
}

export function shellWords(parts: readonly string[]): string {
  return parts.map(shellQuote).join(" ");
}

function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
