/** The real command, spawned from what was built, in a process of its own: what it prints, and how it ends. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const LAUNCHER = fileURLToPath(new URL("../../src/cli/launcher.cjs", import.meta.url));
/** Any key is good enough for the sandbox. */
export const TEST_KEY = "test-key";

export interface Ended {
  /** null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Traceload {
  readonly args: readonly string[];
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  running(): boolean;
  readonly ended: Promise<Ended>;
  /** To the process and all that it started. SIGKILL resolves when it is gone, others at once. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Resolves when the condition holds; rejects, with what was printed, when the process ends before. */
  until(condition: () => boolean | Promise<boolean>): Promise<void>;
}

export interface SpawnOptions {
  cwd: string;
  /** Beside the path and a key; undefined takes a variable away. Nothing else of this process's own is handed down. */
  env?: Readonly<Record<string, string | undefined>>;
  stdin?: string | Buffer;
  /** Flags of Node's own; by default those that the launcher would start it again with, which takes a while. */
  nodeFlags?: readonly string[];
  /** As on a machine of that name; where `canBeOnAnotherHost()`. */
  host?: string;
}

/** Whether a process can be given another host name: on Linux, as root. */
export function canBeOnAnotherHost(): boolean {
  return spawnSync("unshare", ["--uts", "true"]).status === 0;
}

const ON_HOST = 'echo "$0" >/proc/sys/kernel/hostname && exec "$@"';

const NODE_FLAGS = ["--max-semi-space-size=16"];
const POLL_MS = 15;

/** Starts `traceload` with these arguments. */
export function startTraceload(args: readonly string[], options: SpawnOptions): Traceload {
  const { host } = options;
  const command = ["node", ...(options.nodeFlags ?? NODE_FLAGS), LAUNCHER, ...args];
  const before = host === undefined ? [] : ["unshare", "--uts", "sh", "-c", ON_HOST, host];
  const [program = "", ...rest] = [...before, ...command];
  const child = spawn(program, rest, {
    cwd: options.cwd,
    env: commandEnvironment(options.env),
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own: a kill reaches whatever the command has started, too.
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error("node could not be started");
  const texts = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (texts.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (texts.stderr += text));
  // A command that reads no input may be gone before all of it was written.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.stdin ?? "");
  let over = false;
  const ended = once(child, "close").then(([code, signal]: unknown[]): Ended => {
    over = true;
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, ...texts };
  });
  return {
    args,
    pid,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    running: () => !over,
    ended,
    kill: async (signal) => {
      if (over) return;
      try {
        process.kill(-pid, signal);
      } catch {
        // Gone meanwhile.
      }
      if (signal === "SIGKILL") await ended;
    },
    until: async (condition) => {
      while (!(await condition())) {
        if (over)
          throw new Error(`traceload ${args.join(" ")} ended too early:\n${texts.stdout}${texts.stderr}`);
        await pause(POLL_MS);
      }
    },
  };
}

/** What a command finds in its environment: little of this process's own, a key, and what is given. */
export function commandEnvironment(given: SpawnOptions["env"]): Record<string, string> {
  const names = ["PATH", "HOME", "TMPDIR", "LANG"];
  const inherited = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  const wanted = Object.entries({ ...inherited, PROMPTLAYER_API_KEY: TEST_KEY, ...given });
  return Object.fromEntries(wanted.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
