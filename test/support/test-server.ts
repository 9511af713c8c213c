/** What the servers that tests start have in common: where they are looked for, their processes and containers. */
import { execFile, spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

export const run = promisify(execFile);

export interface TestServer {
  readonly url: string;
  /** Where its files are; undefined when it is not on this machine's disk. */
  readonly directory: string | undefined;
  /** Ends it as an operator would, and removes what it kept. */
  stop(): Promise<void>;
  /** Ends it at once, as a crash would. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and directory, after `kill` (or kills it first). Resolves when it serves. */
  restart(): Promise<void>;
}

export interface Wanted {
  /** It must be one that `kill` and `restart` may be used on. */
  restartable?: boolean;
  /** The suite runs without one, too, and nothing is said or thrown. */
  optional?: boolean;
}

export interface Offer<Source> {
  product: string;
  /** Of the environment: names a server that is there. */
  variable: string;
  /** What else would help, for a person to read. */
  how: string;
  fromUrl: (url: string) => Source;
  /** What can be started, the first that is there. */
  startable: readonly (() => Promise<Source | undefined>)[];
}

/**
 * Where tests get their server from; undefined when there is none (then a line says how to enable the suite). Under
 * `CI=true` none at all is a failure.
 */
export async function findServer<Source>(
  suite: string,
  { restartable = false, optional = false }: Wanted,
  { product, variable, how, fromUrl, startable }: Offer<Source>,
): Promise<Source | undefined> {
  const url = process.env[variable];
  if (url && !restartable) return fromUrl(url);
  for (const find of startable) {
    const found = await find();
    if (found !== undefined) return found;
  }
  if (optional) return undefined;
  const lacks = url ? `${product} that tests may kill, beside ${variable}` : `${product} to test with`;
  const line = `${suite}: there is no ${lacks}: ${url ? how : `set ${variable}, ${how}`}`;
  if (process.env["CI"] === "true" && !url) throw new Error(line);
  process.stderr.write(`skipped: ${line}\n`);
  return undefined;
}

/** Whether the program is there. */
export function answers(program: string, ...args: string[]): Promise<boolean> {
  return run(program, args, { timeout: 3_000 }).then(
    () => true,
    () => false,
  );
}

export const dockerAnswers = () => answers("docker", "version", "--format", "{{.Server.Version}}");

export interface Program {
  command: string;
  args: readonly string[];
  options?: Pick<SpawnOptions, "cwd" | "uid" | "gid">;
  /** How it is told to end, and how it is ended at once. */
  signals: { stop: NodeJS.Signals; kill: NodeJS.Signals };
  url: string;
  /** Goes when it is stopped. */
  directory: string;
  serves: (url: string) => Promise<boolean>;
}

/** Resolves when it serves. */
export async function startProgram(program: Program): Promise<TestServer> {
  const { command, args, options, signals, url, directory, serves } = program;
  let child: ChildProcess | undefined;
  const launch = async (): Promise<void> => {
    const started = spawn(command, args, { ...options, stdio: "ignore" });
    child = started;
    // A test run that ends in the middle must not leave servers behind.
    const endToo = (): unknown => started.kill(signals.kill);
    process.once("exit", endToo);
    started.once("exit", () => process.off("exit", endToo));
    const ended = () => started.exitCode ?? started.signalCode ?? undefined;
    await untilServing(command, () => serves(url), ended);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, "exit");
    running.kill(signal);
    await gone;
  };
  await launch();
  return {
    url,
    directory,
    kill: () => end(signals.kill),
    restart: async () => {
      await end(signals.kill);
      await launch();
    },
    stop: async () => {
      await end(signals.stop);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface Container {
  image: string;
  /** That it listens on inside. */
  port: number;
  environment?: Record<string, string>;
  command: string[];
  urlOf: (host: string, port: number) => string;
  serves: (url: string) => Promise<boolean>;
}

/** Resolves when it serves. The port of the host is fixed, so that a restarted container is found where it was. */
export async function startContainer(wanted: Container): Promise<TestServer> {
  const { GenericContainer } = await import("testcontainers");
  const port = await freePort();
  const container = await new GenericContainer(wanted.image)
    .withEnvironment(wanted.environment ?? {})
    .withExposedPorts({ container: wanted.port, host: port })
    .withCommand(wanted.command)
    .start();
  const url = wanted.urlOf(container.getHost(), port);
  const served = () =>
    untilServing(
      wanted.image,
      () => wanted.serves(url),
      () => undefined,
    );
  await served();
  const kill = async (): Promise<void> => {
    await run("docker", ["kill", container.getId()]).catch(() => undefined);
  };
  return {
    url,
    directory: undefined,
    kill,
    restart: async () => {
      await kill();
      await run("docker", ["start", container.getId()]);
      await served();
    },
    stop: async () => {
      await container.stop();
    },
  };
}

const SERVING_WITHIN_MS = 30_000;

/** `ended` says how the server ended, if it did. */
async function untilServing(
  name: string,
  serves: () => Promise<boolean>,
  ended: () => number | string | undefined,
): Promise<void> {
  const deadline = AbortSignal.timeout(SERVING_WITHIN_MS);
  for (;;) {
    const how = ended();
    if (how !== undefined) throw new Error(`${name}, started for tests, ended at once (${how})`);
    deadline.throwIfAborted();
    if (await serves()) return;
    await sleep(20);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
