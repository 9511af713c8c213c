/** The command line: which commands there are, and what becomes of their results and faults. */
import yargs, { type Argv } from "yargs";
import type { Environment } from "../../config/load.ts";
import { TraceloadError } from "../core/errors.ts";
import { packageVersion } from "../wire/version.ts";
import { commandName, positionalsOf, type Command, type CommandEntry, type CommandGroup } from "./command.ts";
import { COMMANDS } from "./command-table.ts";
import { flagOptions, GLOBAL_SETTINGS, withBareValues } from "./flags.ts";
import { type HostProcess, openSession, programName, type Session } from "./session.ts";
import { useColor } from "./show/color.ts";
import { exitCodeOfError, renderError } from "./show/error-text.ts";
import { typedNext } from "./typed-next.ts";

declare module "yargs" {
  interface Argv<T> {
    /** Not in the published types: https://yargs.js.org/docs/#api-reference-usageconfigurationobj */
    usageConfiguration(configuration: { "hide-types": boolean }): this;
  }
}

const STDIN = "-";
/** yargs loses a positional argument that is a lone dash. */
const STDIN_FOR_YARGS = "(standard input)";
const restored = (argument: string) => (argument === STDIN_FOR_YARGS ? STDIN : argument);

/** Runs what was typed, and exits with its code. */
export async function main(): Promise<void> {
  process.exit(await run({ arguments: process.argv.slice(2), environment: process.env, process }));
}

/** What a command line is run in. */
export interface Host {
  arguments: readonly string[];
  environment: Environment;
  process: HostProcess;
}

/** Resolves with the exit code, when everything that the command opened is closed. */
export async function run({ arguments: args, environment, process }: Host): Promise<number> {
  // A reader of our output that goes away (`| head`) is no fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    process.stderr.write(`traceload: standard output cannot be written: ${error.message}\n`);
    process.exit(3);
  });
  let code = 0;
  let session: Session | undefined;
  let parser: Argv = yargs(withBareValues(args).map((arg) => (arg === STDIN ? STDIN_FOR_YARGS : arg)))
    .scriptName("traceload")
    .usage("$0 <command>\n\nBulk-load traces into PromptLayer datasets: no row twice, none lost.")
    .parserConfiguration({
      "camel-case-expansion": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
    })
    .options(flagOptions(GLOBAL_SETTINGS))
    .option("config", {
      type: "string",
      requiresArg: true,
      describe: "settings file [traceload.yaml]",
      group: "Where:",
    })
    .version(packageVersion())
    .alias("h", "help")
    .strict()
    .demandCommand(1, "what shall be done?")
    .recommendCommands()
    // Types and "required" say nothing that the texts, with their defaults, do not.
    .usageConfiguration({ "hide-types": true })
    .wrap(Math.min(100, process.stdout.columns ?? 80))
    .exitProcess(false)
    .fail((message, error: unknown) => {
      throw error ?? wrongUsage(message, args);
    });
  const runCommand = async (command: Command, argv: Readonly<Record<string, unknown>>) => {
    session = openSession({ argv, arguments: args, environment, process });
    code = await command.run(session, argv);
  };
  for (const one of COMMANDS) parser = addCommand(parser, one, runCommand);
  try {
    await parser.parseAsync();
    return code;
  } catch (error) {
    // Told to stop before there was anything to stop.
    const received = session?.received();
    if (received !== undefined && !(error instanceof TraceloadError))
      return received === "SIGINT" ? 130 : 143;
    const color = useColor(environment, process.stderr.isTTY) && !args.includes("--no-color");
    const verbose = args.some((arg) => /^--log-level[= ]?(debug|trace)$/.test(arg));
    const typed = (next: string) => typedNext(next, programName(environment), session);
    process.stderr.write(renderError(error, { color, verbose, typed }));
    return exitCodeOfError(error, received);
  }
}

type RunCommand = (command: Command, argv: Readonly<Record<string, unknown>>) => Promise<void>;

function addCommand(parser: Argv, one: CommandEntry | CommandGroup, run: RunCommand): Argv {
  if ("group" in one) {
    const { group, describe, commands } = one;
    return parser.command(group, describe, (builder) => {
      let shaped = builder.usage(`$0 ${group} <command>`).demandCommand(1, "what shall be done?");
      for (const command of commands) shaped = addCommand(shaped, inGroup(command, group), run);
      return shaped;
    });
  }
  return parser.command(
    one.usage,
    one.describe,
    async (builder) => shapeCommand(builder, await one.load()),
    async (argv) => run(await one.load(), argv),
  );
}

/** In a group, a command is known by its own word. */
function inGroup(command: CommandEntry, group: string): CommandEntry {
  return { ...command, usage: command.usage.slice(group.length + 1) };
}

function shapeCommand(builder: Argv, command: Command): Argv {
  const coerce = (given: string | string[] | undefined) =>
    Array.isArray(given) ? given.map(restored) : given === undefined ? given : restored(given);
  let shaped = builder;
  for (const { name, describe, many } of positionalsOf(command)) {
    shaped = shaped.positional(name, { type: "string", describe, array: many, coerce });
  }
  shaped = shaped.options(flagOptions(command.settings));
  for (const [flag, option] of Object.entries(command.ownFlags ?? {})) {
    shaped = shaped.option(flag, option.type === "string" ? { coerce, ...option } : option);
  }
  for (const [line, help] of command.examples) shaped = shaped.example(`# ${help}\n$0 ${line}`, "");
  return shaped;
}

function wrongUsage(message: string, args: readonly string[]): TraceloadError {
  const [typed = "", second = ""] = args;
  const found = COMMANDS.find((one) => ("group" in one ? one.group : commandName(one)) === typed);
  const command =
    found !== undefined && "group" in found
      ? found.commands.find((one) => commandName(one) === `${typed} ${second}`)
      : found;
  if (found === undefined) {
    const said =
      typed === "" || typed.startsWith("-") ? "" : `there is no command ${JSON.stringify(typed)}. `;
    return new TraceloadError("wrong_usage", `${said}${oneLine(message)}`, { next: "traceload --help" });
  }
  const name = command === undefined ? typed : commandName(command);
  const next = `traceload ${name} --help`;
  if (command === undefined && second !== "" && !second.startsWith("-")) {
    const said = `there is no command ${JSON.stringify(`${typed} ${second}`)}. ${oneLine(message)}`;
    return new TraceloadError("wrong_usage", said, { next });
  }
  if (command !== undefined && message.startsWith("Not enough non-option arguments")) {
    const what = /<(\w+)/.exec(command.usage)?.[1] ?? "an argument";
    return new TraceloadError("wrong_usage", `${name}: ${what} must be named (${command.usage})`, { next });
  }
  return new TraceloadError("wrong_usage", oneLine(message), { next });
}

function oneLine(message: string): string {
  return message.trim().split("\n").join("; ");
}
