/** The argument that the commands over one sync share. */
import type { Positional } from "./command.ts";

export const SYNC_POSITIONAL: Positional = {
  name: "name",
  describe: "the sync, as in the file",
  many: false,
};

export function namedSync(argv: Readonly<Record<string, unknown>>): string {
  return String(argv["name"]);
}
