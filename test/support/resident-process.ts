/** Runs command lines one after another as they come from its parent: the built command, loaded once. */
import { PassThrough } from "node:stream";
import type { Host } from "../../src/cli/main.ts";
import type { ResidentAnswer, ResidentRequest } from "./resident.ts";

interface Command {
  run(host: Host): Promise<number>;
}

const BUILT = new URL("../../dist/src/cli/main.js", import.meta.url).href;
const command = (await import(BUILT)) as Command;

process.on("message", (request: ResidentRequest) => void answer(request));
process.on("disconnect", () => process.exit());

async function answer({ args, cwd, env }: ResidentRequest): Promise<void> {
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  const stdout = textStream();
  const stderr = textStream();
  const streams = { stdout: stdout.stream, stderr: stderr.stream };
  // What the parser of the command line says of itself: help, version.
  console.log = (text: string) => stdout.stream.write(`${text}\n`);
  // No signal reaches a single command here, and none leaves by itself.
  const host = { ...streams, on: () => host, exit: (code: number) => process.exit(code) };
  const code = await command.run({
    arguments: args,
    environment: process.env,
    process: host as unknown as NodeJS.Process,
  });
  process.send?.({ code, stdout: stdout.text(), stderr: stderr.text() } satisfies ResidentAnswer);
}

function textStream() {
  let text = "";
  const stream = new PassThrough({ encoding: "utf8" }).on("data", (chunk: string) => (text += chunk));
  return { stream, text: () => text };
}
