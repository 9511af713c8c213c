/** What to type next, as it has to be typed here: by the name that was typed, and with the store that was named. */
import { shellWords } from "../report/next-commands.ts";
import { globalArguments } from "../wire/command-flags.ts";
import type { Session } from "./session.ts";

/** A line that is a command, and after more than one blank what it is for. Lines of prose stay as they are. */
const COMMAND = /^traceload(?<words>(?: \S+)*)(?<meant> {2,}.*)?$/;
/** One that names a store already, or asks for none. */
const COMPLETE = / --(?:store|help)\b/;

/** `session`: undefined where the settings were at fault. */
export function typedNext(next: string, program: string, session: Session | undefined): string {
  const store = session === undefined ? "" : shellWords(globalArguments(session));
  return next
    .split("\n")
    .map((line) => {
      const { words, meant = "" } = COMMAND.exec(line)?.groups ?? {};
      if (words === undefined) return line;
      return `${program}${words}${store === "" || COMPLETE.test(words) ? "" : ` ${store}`}${meant}`;
    })
    .join("\n");
}
