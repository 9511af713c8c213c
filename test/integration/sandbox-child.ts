/** A sandbox in a process of its own, for tests that kill it: options as JSON in, its URL on standard output. */
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { startSandbox } from "../../src/sandbox/server.ts";

const sandbox = await startSandbox(JSON.parse(process.argv[2] ?? "{}") as SandboxOptions);
process.stdout.write(`${sandbox.url}\n`);
