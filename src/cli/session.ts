/** What every command works with: its settings, its streams, its log, and the signals that end it. */
import { pino, type Logger } from "pino";
import pretty from "pino-pretty";
import { loadSettings, type Environment, type LoadedSettings } from "../../config/load.ts";
import { TraceloadError } from "../core/errors.ts";
import { typedFlags } from "./flags.ts";
import { useColor } from "./show/color.ts";

export interface Session {
  loaded: LoadedSettings;
  environment: Environment;
  /** As `--config` names it. */
  configFile: string | undefined;
  /** The arguments as typed, to be repeated in "what to type next". */
  arguments: readonly string[];
  /** The settings that were flags, as typed. */
  flags: ReturnType<typeof typedFlags>;
  /** How the command is called here: `traceload`, or `npx traceload`. */
  program: string;
  log: Logger;
  /** Faults that do not end the command: lost connections, lost locks. */
  onFault: (error: unknown) => void;
  /** Aborts at the first SIGINT or SIGTERM; the second ends the process at once. */
  signal: AbortSignal;
  /** The signal that was received, if one was. */
  received(): "SIGINT" | "SIGTERM" | undefined;
  out: Screen;
  err: Screen;
}

export interface Screen {
  stream: NodeJS.WriteStream;
  color: boolean;
  columns: number;
}

/** What a session takes of a process. */
export type HostProcess = Pick<NodeJS.Process, "stdout" | "stderr" | "on" | "exit">;

export interface SessionInput {
  argv: Readonly<Record<string, unknown>>;
  arguments: readonly string[];
  environment: Environment;
  process: HostProcess;
}

const DEFAULT_COLUMNS = 80;
/** In a file or a pipe nothing is cut to fit. */
const UNCUT_COLUMNS = 1_000;
const FORCED_EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

export function openSession(input: SessionInput): Session {
  const { argv, environment, process } = input;
  const config = argv["config"];
  const flags = typedFlags(argv);
  const configFile = typeof config === "string" ? config : undefined;
  const loaded = loadSettings({ flags, environment, configFile });
  const screen = (stream: NodeJS.WriteStream): Screen => ({
    stream,
    color: loaded.settings.color && useColor(environment, stream.isTTY),
    columns: stream.isTTY ? (stream.columns ?? DEFAULT_COLUMNS) : UNCUT_COLUMNS,
  });
  const err = screen(process.stderr);
  const log = openLog(loaded, err);
  const stop = new AbortController();
  let received: "SIGINT" | "SIGTERM" | undefined;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      // Rows in flight are then unknown; the ledger says so already.
      if (received !== undefined) {
        process.stderr.write("left at once; rows in flight count as unknown, and are not sent again\n");
        process.exit(FORCED_EXIT[name]);
      }
      received = name;
      stop.abort(new Error(`received ${name}`));
    });
  }
  return {
    loaded,
    environment,
    configFile,
    arguments: input.arguments,
    flags,
    program: programName(environment),
    log,
    onFault: (error) => log.info({ fault: describeFault(error) }, "a fault that does not end the command"),
    signal: stop.signal,
    received: () => received,
    out: screen(process.stdout),
    err,
  };
}

/** npx says in the environment that it was npx. */
export function programName(environment: Environment): string {
  return environment["npm_command"] === "exec" ? "npx traceload" : "traceload";
}

/** Log lines go to standard error: readable on a terminal, JSON elsewhere. */
function openLog({ settings }: LoadedSettings, err: Screen): Logger {
  const level = settings.quiet ? "silent" : settings.logLevel;
  const options = { level, base: null };
  if (err.stream.isTTY) {
    return pino(options, pretty({ destination: err.stream, colorize: err.color, sync: true }));
  }
  return pino(options, err.stream);
}

/** The message, and a driver's code; no more: an error object of a driver may hold a connection's settings, and with them a password. */
export function describeFault(error: unknown): string {
  if (error instanceof TraceloadError) return error.message;
  const code = error instanceof Error && "code" in error ? `${String(error.code)}: ` : "";
  return error instanceof Error ? `${code}${error.message}` : String(error);
}
