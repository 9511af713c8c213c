/**
 * A test's own place: a directory that its commands run in, and an end at which everything is taken down. A test that
 * fails leaves its directory (store, reports, record, what each process printed) and says where it is.
 */
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import { runResident } from "./resident.ts";
import {
  commandEnvironment,
  type Ended,
  type SpawnOptions,
  startTraceload,
  type Traceload,
} from "./traceload.ts";

export interface Scene {
  readonly directory: string;
  /** Writes a file there, and answers its path. */
  write(name: string, content: string | Buffer): Promise<string>;
  start(args: readonly string[], options?: Omit<SpawnOptions, "cwd">): Traceload;
  /** Waits for its end. Without input and flags of Node's own, in a process that has run others before: resident.ts. */
  run(args: readonly string[], options?: Omit<SpawnOptions, "cwd">): Promise<Ended>;
  /** Closes something when the test is over, after the processes and what was opened later. */
  atEnd(close: () => Promise<unknown>): void;
  /** A directory elsewhere that belongs to the evidence. */
  alsoKeep(directory: string): void;
  close(outcome: { failed: boolean }): Promise<void>;
}

export interface SceneOptions {
  /** Of every command, where it is not given another. */
  env?: Readonly<Record<string, string>>;
}

/** A scene that ends with the test that opens it. */
export async function openScene(name: string, options: SceneOptions = {}): Promise<Scene> {
  const scene = await openLongScene(name, options);
  onTestFinished(({ task }) => scene.close({ failed: task.result?.state === "fail" }));
  return scene;
}

/** A scene for several tests: whoever opens it closes it. */
export async function openLongScene(name: string, { env }: SceneOptions = {}): Promise<Scene> {
  const directory = await mkdtemp(path.join(tmpdir(), `traceload-test-${name}-`));
  const processes: Pick<Traceload, "args" | "stdout" | "stderr" | "kill">[] = [];
  const closers: (() => Promise<unknown>)[] = [];
  const kept: string[] = [];

  const start: Scene["start"] = (args, options) => {
    const started = startTraceload(args, { cwd: directory, ...options, env: { ...env, ...options?.env } });
    processes.push(started);
    return started;
  };
  const run: Scene["run"] = async (args, options) => {
    if (options?.stdin !== undefined || options?.nodeFlags !== undefined) return start(args, options).ended;
    const request = { args, cwd: directory, env: commandEnvironment({ ...env, ...options?.env }) };
    const running = runResident(request);
    let texts = { stdout: "", stderr: "" };
    processes.push({
      args,
      stdout: () => texts.stdout,
      stderr: () => texts.stderr,
      kill: (signal) => (signal === "SIGKILL" ? running.abandon() : Promise.resolve()),
    });
    return (texts = await running.ended);
  };
  const keepEvidence = async () => {
    const evidence = path.join(directory, "evidence");
    await mkdir(evidence, { recursive: true });
    for (const [index, one] of processes.entries()) {
      const name = `${String(index + 1).padStart(2, "0")}-${one.args[0] ?? ""}.log`;
      const text = `traceload ${one.args.join(" ")}\n--- stdout\n${one.stdout()}\n--- stderr\n${one.stderr()}`;
      await writeFile(path.join(evidence, name), text);
    }
    for (const elsewhere of kept) {
      await cp(elsewhere, path.join(evidence, path.basename(elsewhere)), { recursive: true });
    }
    process.stderr.write(`${name}: its evidence is kept in ${directory}\n`);
  };

  return {
    directory,
    write: async (name, content) => {
      const file = path.join(directory, name);
      await writeFile(file, content);
      return file;
    },
    start,
    run,
    atEnd: (close) => closers.unshift(close),
    alsoKeep: (elsewhere) => kept.push(elsewhere),
    close: async ({ failed }) => {
      for (const one of processes) await one.kill("SIGCONT");
      await Promise.all(processes.map((one) => one.kill("SIGKILL")));
      if (failed) await keepEvidence();
      for (const close of closers) await close();
      if (!failed) await rm(directory, { recursive: true, force: true });
    },
  };
}
