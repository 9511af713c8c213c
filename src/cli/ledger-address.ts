/** How a ledger command is told which row or group it is about, and how it says so again in what to type next. */
import { flagName } from "../../config/settings.ts";
import { TraceloadError } from "../core/errors.ts";
import type { Row } from "../core/row.ts";
import { shellCommand } from "../report/next-commands.ts";
import { globalArguments, hasPassword } from "../wire/command-flags.ts";
import type { Positional } from "./command.ts";
import type { Session } from "./session.ts";

export const ROW_POSITIONALS: readonly Positional[] = [
  { name: "trace-id", describe: "the row's trace", many: false },
  { name: "span-id", describe: "its span; left out: the whole trace", many: false },
];

const MAX_ID_CHARS = 512;

/** The row that was named. Throws `wrong_usage` where a part is missing, or is none. */
export function namedRow(session: Session, argv: Readonly<Record<string, unknown>>): Row {
  const traceId = namedId(argv, "trace-id");
  if (traceId === undefined)
    throw new TraceloadError("wrong_usage", "which row? its trace ID is missing", {
      next: "name it, then its span's if it is one, and -g GROUP",
    });
  return { datasetGroupId: namedGroup(session), traceId, spanId: namedId(argv, "span-id") };
}

export function namedGroup({ loaded }: Session): number {
  const { datasetGroup } = loaded.settings;
  if (datasetGroup !== undefined) return datasetGroup;
  throw new TraceloadError("wrong_usage", "which dataset group? the ledger knows a row by its group, too", {
    next: "add -g GROUP (the number in the dataset's URL)",
  });
}

/** The text of a flag that was typed; the last one, if it was typed twice. */
export function typedText(argv: Readonly<Record<string, unknown>>, flag: string): string | undefined {
  const value = argv[flag];
  const last: unknown = Array.isArray(value) ? value.at(-1) : value;
  return typeof last === "string" ? last : undefined;
}

/** A command as it can be pasted, with the flags that lead to the same store and address. */
export function nextCommand(session: Session, parts: readonly string[]): string {
  const { flags, program } = session;
  const baseUrl = flags.baseUrl;
  const address = baseUrl === undefined || hasPassword(baseUrl) ? [] : [`--${flagName("baseUrl")}`, baseUrl];
  const sandbox = flags.sandbox === "true" ? ["--sandbox"] : [];
  return shellCommand([...parts, ...sandbox, ...address, ...globalArguments(session)]).replace(
    /^traceload/,
    program,
  );
}

function namedId(argv: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = argv[name];
  const id = typeof value === "string" ? value.trim() : "";
  if (id.length > MAX_ID_CHARS) {
    throw new TraceloadError(
      "wrong_usage",
      `${name}: ${id.length} characters, at most ${MAX_ID_CHARS} are one`,
    );
  }
  return id === "" ? undefined : id;
}
