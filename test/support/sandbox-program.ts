/**
 * The sandbox as a process of its own, without the rest of the command line: most tests start one, and half of its
 * start would be spent on loading parts that it does not use. `traceload sandbox` takes the same flags.
 */
import { startSandbox } from "../../src/sandbox/server.ts";
import { parseSandboxFlags } from "../../src/sandbox/settings.ts";

const MANY: ReadonlySet<string> = new Set(["fault", "missing", "key"]);

function flagsOf(args: readonly string[]): Record<string, unknown> {
  const flags: Record<string, unknown> = {};
  const words = args.flatMap((arg) => {
    const at = arg.startsWith("--") ? arg.indexOf("=") : -1;
    return at === -1 ? [arg] : [arg.slice(0, at), arg.slice(at + 1)];
  });
  for (let index = 0; index + 1 < words.length; index += 2) {
    const name = (words[index] ?? "")
      .slice(2)
      .replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const value = words[index + 1];
    const before = flags[name];
    flags[name] = MANY.has(name) ? [...(Array.isArray(before) ? before : []), value] : value;
  }
  return flags;
}

const sandbox = await startSandbox(parseSandboxFlags(flagsOf(process.argv.slice(2))));
process.stdout.write(`${sandbox.url}\n`);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void sandbox.close().then(() => process.exit(0)));
}
