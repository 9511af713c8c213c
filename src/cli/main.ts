/** The command line: which commands there are, and what becomes of their results and faults. */
import yargs, { type Argv } from "yargs";
import { TraceloadError } from "../core/errors.ts";
import { packageVersion } from "../wire.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { importCommand } from "./commands/import.ts";
import { reportCommand } from "./commands/report.ts";
import { sandboxCommand } from "./commands/sandbox.ts";
import { statusCommand } from "./commands/status.ts";
import { workerCommand } from "./commands/worker.ts";
import type { Command } from "./command.ts";
import { flagOptions, GLOBAL_SETTINGS } from "./flags.ts";
import { openSession, programName, type Session } from "./session.ts";
import { useColor } from "./show/color.ts";
import { exitCodeOfError, renderError } from "./show/error-text.ts";

const COMMANDS: readonly Command[] = [
  importCommand,
  statusCommand,
  reportCommand,
  workerCommand,
  doctorCommand,
  sandboxCommand,
];

const STDIN = "-";
/** yargs loses a positional argument that is a lone dash. */
const STDIN_FOR_YARGS = "(standard input)";
const restored = (argument: string) => (argument === STDIN_FOR_YARGS ? STDIN : argument);

/** Runs what was typed, and exits with its code. */
export async function main(): Promise<void> {
  process.exit(await run(process.argv.slice(2)));
}

async function run(args: readonly string[]): Promise<number> {
  // A reader of our output that goes away (`| head`) is no fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    process.stderr.write(`traceload: standard output cannot be written: ${error.message}\n`);
    process.exit(3);
  });
  let code = 0;
  let session: Session | undefined;
  let parser: Argv = yargs(args.map((arg) => (arg === STDIN ? STDIN_FOR_YARGS : arg)))
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
    .wrap(Math.min(100, process.stdout.columns ?? 80))
    .exitProcess(false)
    .fail((message, error: unknown) => {
      throw error ?? wrongUsage(message, args);
    });
  for (const command of COMMANDS) {
    parser = parser.command(
      command.usage,
      command.describe,
      (builder) => {
        let shaped = builder.options(flagOptions(command.settings));
        if (command.positional !== undefined) {
          const { name, describe, many } = command.positional;
          const coerce = (given: string | string[]) =>
            typeof given === "string" ? restored(given) : given.map(restored);
          shaped = shaped.positional(name, { type: "string", describe, array: many, coerce });
        }
        for (const [flag, option] of Object.entries(command.ownFlags ?? {}))
          shaped = shaped.option(flag, option);
        for (const [line, help] of command.examples) shaped = shaped.example(`$0 ${line}`, help);
        return shaped;
      },
      async (argv) => {
        session = openSession({ argv, arguments: args, environment: process.env, process });
        code = await command.run(session, argv);
      },
    );
  }
  try {
    await parser.parseAsync();
    return code;
  } catch (error) {
    // Told to stop before there was anything to stop.
    const received = session?.received();
    if (received !== undefined && !(error instanceof TraceloadError))
      return received === "SIGINT" ? 130 : 143;
    const color = useColor(process.env, process.stderr.isTTY) && !args.includes("--no-color");
    const verbose = args.some((arg) => /^--log-level[= ]?(debug|trace)$/.test(arg));
    const text = renderError(error, { color, verbose });
    process.stderr.write(text.replaceAll(/(?<=next: )traceload\b/g, programName(process.env)));
    return exitCodeOfError(error);
  }
}

function wrongUsage(message: string, args: readonly string[]): TraceloadError {
  const [typed = ""] = args;
  const command = COMMANDS.find(({ usage }) => usage.split(" ")[0] === typed);
  if (command === undefined) {
    const said =
      typed === "" || typed.startsWith("-") ? "" : `there is no command ${JSON.stringify(typed)}. `;
    return new TraceloadError("wrong_usage", `${said}${oneLine(message)}`, { next: "traceload --help" });
  }
  const next = `traceload ${typed} --help`;
  if (message.startsWith("Not enough non-option arguments")) {
    const what = command.positional?.name ?? "an argument";
    return new TraceloadError("wrong_usage", `${typed}: ${what} must be named (${command.usage})`, { next });
  }
  return new TraceloadError("wrong_usage", oneLine(message), { next });
}

function oneLine(message: string): string {
  return message.trim().split("\n").join("; ");
}
