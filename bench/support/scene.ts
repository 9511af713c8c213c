/**
 * Where one benchmark takes place: a directory of its own, and the processes it started. All of it goes when the
 * benchmark ends, also when it fails.
 */
import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const LAUNCHER = fileURLToPath(new URL("../../src/cli/launcher.cjs", import.meta.url));
const USAGE_AT_EXIT = new URL("usage-at-exit.ts", import.meta.url).href;

export interface Usage {
  /** User and system time of the whole life of the process. */
  cpuMs: number;
  /** As the kernel counted it, for this one process. */
  peakRssMiB: number;
}

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
  /** From the start of the process to its end. */
  wallMs: number;
  /** undefined when it was killed. */
  usage: Usage | undefined;
}

export interface Running {
  readonly pid: number;
  stdout(): string;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
}

export class Scene {
  readonly directory: string;
  readonly #children = new Set<ChildProcess>();
  readonly #cleanups: (() => void)[] = [];
  #files = 0;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async open(): Promise<Scene> {
    const scene = new Scene(await mkdtemp(path.join(tmpdir(), "traceload-bench-")));
    // Also when the benchmark itself is ended from outside.
    process.once("exit", () => scene.#killAll());
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
    return scene;
  }

  file(name: string): string {
    return path.join(this.directory, name);
  }

  /** The command as built: run `npm run build` before. Any key is good enough for the sandbox. */
  traceload(args: readonly string[]): Running {
    return this.node([LAUNCHER, ...args], { PROMPTLAYER_API_KEY: "benchmark" });
  }

  /** Runs Node with these arguments in the scene's directory, and hears at its end what it took. */
  node(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Running {
    const usageFile = this.file(`usage-${(this.#files += 1)}.json`);
    const child = this.start(process.execPath, ["--import", USAGE_AT_EXIT, ...args], {
      env: { PATH: process.env["PATH"], HOME: this.directory, USAGE_FILE: usageFile, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const startedAt = performance.now();
    const texts = { stdout: "", stderr: "" };
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (texts.stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (texts.stderr += text));
    const exited = once(child, "exit").then(() => performance.now());
    const ended = once(child, "close").then(async (): Promise<Ended> => {
      const wallMs = (await exited) - startedAt;
      return { code: child.exitCode, ...texts, wallMs, usage: readUsage(usageFile) };
    });
    const { pid } = child;
    if (pid === undefined) throw new Error("node could not be started");
    return { pid, stdout: () => texts.stdout, ended, kill: (signal) => child.kill(signal) };
  }

  start(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    const child = spawn(command, args, { cwd: this.directory, ...options });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  /** For what would keep this process alive, such as a connection that looks for its server again. */
  atClose(cleanup: () => void): void {
    this.#cleanups.push(cleanup);
  }

  async close(): Promise<void> {
    for (const cleanup of this.#cleanups) cleanup();
    const gone = [...this.#children].map((child) => once(child, "exit"));
    this.#killAll();
    await Promise.all(gone);
    await rm(this.directory, { recursive: true, force: true });
  }

  #killAll(): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }
}

/** Opens a scene, runs the benchmark in it, prints what it answers as JSON, and cleans up. */
export async function benchmark(run: (scene: Scene) => Promise<object>): Promise<void> {
  const scene = await Scene.open();
  try {
    process.stdout.write(`${JSON.stringify(await run(scene), undefined, 2)}\n`);
  } finally {
    await scene.close();
  }
}

/** The child's answer; throws, with what it printed, when it failed. */
export async function succeeded(child: Running): Promise<Ended & { usage: Usage }> {
  const ended = await child.ended;
  const { usage, code, stdout, stderr } = ended;
  if (code !== 0 || usage === undefined) throw new Error(`a child ended with ${code}:\n${stdout}\n${stderr}`);
  return { ...ended, usage };
}

/** Progress of the benchmark itself; standard output is for its result. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function readUsage(file: string): Usage | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Usage;
  } catch {
    return undefined;
  }
}
