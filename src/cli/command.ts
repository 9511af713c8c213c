/** The form of a command: what is typed, which settings it takes, and what it does. Some stand in a group. */
import type { Options } from "yargs";
import type { SettingName } from "../../config/settings.ts";
import type { Session } from "./session.ts";

export interface Positional {
  name: string;
  describe: string;
  many: boolean;
}

/** A command as the help lists it. */
export interface CommandEntry {
  /** In yargs' notation: `import <files..>`; of a command in a group with the group's name: `ledger get <key>`. */
  usage: string;
  describe: string;
  load(): Promise<Command>;
}

export interface Command {
  positional?: Positional | readonly Positional[];
  /** Settings that are flags of this command, beside the global ones. */
  settings: readonly SettingName[];
  /** Flags that are no settings. */
  ownFlags?: Readonly<Record<string, Options>>;
  /** Arguments, and what they do. */
  examples: readonly (readonly [string, string])[];
  /** Resolves with the exit code. Throws a TraceloadError for faults. */
  run(session: Session, argv: Readonly<Record<string, unknown>>): Promise<number>;
}

/** Commands that share their first word. */
export interface CommandGroup {
  /** The word. */
  group: string;
  describe: string;
  commands: readonly CommandEntry[];
}

/** What is typed to name the command: the words of its usage before its arguments. */
export function commandName({ usage }: Pick<CommandEntry, "usage">): string {
  return usage.replace(/ [<[].*$/, "");
}

export function positionalsOf({ positional }: Pick<Command, "positional">): readonly Positional[] {
  if (positional === undefined) return [];
  return "name" in positional ? [positional] : positional;
}
