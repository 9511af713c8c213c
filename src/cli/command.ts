/** The form of a command: what is typed, which settings it takes, and what it does. */
import type { Options } from "yargs";
import type { SettingName } from "../../config/settings.ts";
import type { Session } from "./session.ts";

export interface Command {
  /** In yargs' notation: `import <files..>`. */
  usage: string;
  describe: string;
  positional?: { name: string; describe: string; many: boolean };
  /** Settings that are flags of this command, beside the global ones. */
  settings: readonly SettingName[];
  /** Flags that are no settings. */
  ownFlags?: Readonly<Record<string, Options>>;
  /** Arguments, and what they do. */
  examples: readonly (readonly [string, string])[];
  /** Resolves with the exit code. Throws a TraceloadError for faults. */
  run(session: Session, argv: Readonly<Record<string, unknown>>): Promise<number>;
}
