/**
 * A real Redis for tests: `TEST_REDIS_URL`, else Docker through testcontainers, else a redis-server or valkey-server
 * on the path, on a free port with a directory of its own. Tests that stop or restart it never take `TEST_REDIS_URL`.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Redis } from "ioredis";

const run = promisify(execFile);

export interface RedisSettings {
  appendonly?: "yes" | "no";
  appendfsync?: "always" | "everysec" | "no";
  "maxmemory-policy"?: string;
  /** Bytes; 0 is no limit. */
  maxmemory?: string;
  "cluster-enabled"?: "yes";
}

export interface RedisServer {
  readonly url: string;
  /** Where its files are; undefined when it is not on this machine's disk. */
  readonly directory: string | undefined;
  /** Ends it as an operator would, and removes its directory. */
  stop(): Promise<void>;
  /** `kill -9`. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and directory, after `kill` (or kills it first). Resolves when it serves. */
  restart(): Promise<void>;
}

export interface RedisSource {
  kind: "url" | "docker" | "binary";
  start(settings?: RedisSettings): Promise<RedisServer>;
}

/**
 * Where tests get their Redis from; undefined when there is none (then a line says how to enable the suite). Under
 * `CI=true` no Redis at all is a failure. `restartable`: it must be one that `kill` and `restart` may be used on.
 * `optional`: the suite runs without one, too, and nothing is said or thrown.
 */
export async function findRedis(
  suite: string,
  options: { restartable?: boolean; optional?: boolean } = {},
): Promise<RedisSource | undefined> {
  const url = process.env["TEST_REDIS_URL"];
  if (url !== undefined && url !== "" && options.restartable !== true) return urlSource(url);
  if (await dockerAnswers()) return { kind: "docker", start: startContainer };
  const binary = await findBinary();
  if (binary !== undefined) return { kind: "binary", start: (settings) => startBinary(binary, settings) };
  if (options.optional === true) return undefined;
  const lacks = url ? "Redis that tests may kill, beside TEST_REDIS_URL" : "Redis to test with";
  const how = "start Docker, or install redis-server or valkey-server (apt-get install redis-server)";
  const line = `${suite}: there is no ${lacks}: ${url ? how : `set TEST_REDIS_URL, ${how}`}`;
  if (process.env["CI"] === "true" && !url) throw new Error(line);
  process.stderr.write(`skipped: ${line}\n`);
  return undefined;
}

function urlSource(url: string): RedisSource {
  const refuse = (): Promise<never> => Promise.reject(new Error("TEST_REDIS_URL is not ours to stop"));
  return {
    kind: "url",
    start: () =>
      Promise.resolve({
        url,
        directory: undefined,
        stop: () => Promise.resolve(),
        kill: refuse,
        restart: refuse,
      }),
  };
}

async function findBinary(): Promise<string | undefined> {
  for (const name of ["redis-server", "valkey-server"]) {
    const found = await run(name, ["--version"]).then(
      () => true,
      () => false,
    );
    if (found) return name;
  }
  return undefined;
}

function asArguments(settings: RedisSettings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

const DEFAULTS: RedisSettings = { appendonly: "no", "maxmemory-policy": "noeviction" };

async function startBinary(binary: string, settings: RedisSettings = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), "traceload-redis-"));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const args = [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--dir",
    directory,
    "--save",
    "",
    "--daemonize",
    "no",
    ...asArguments({ ...DEFAULTS, ...settings }),
  ];
  let child: ChildProcess | undefined;

  async function launch(): Promise<void> {
    const started = spawn(binary, args, { stdio: "ignore" });
    child = started;
    // A test run that ends in the middle must not leave servers behind.
    const endToo = (): unknown => started.kill("SIGKILL");
    process.once("exit", endToo);
    started.once("exit", () => process.off("exit", endToo));
    await untilServing(url, () => started.exitCode ?? started.signalCode ?? undefined);
  }
  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, "exit");
    running.kill(signal);
    await gone;
  }

  await launch();
  return {
    url,
    directory,
    kill: () => end("SIGKILL"),
    restart: async () => {
      await end("SIGKILL");
      await launch();
    },
    stop: async () => {
      await end("SIGTERM");
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function dockerAnswers(): Promise<boolean> {
  return await run("docker", ["version", "--format", "{{.Server.Version}}"], { timeout: 3000 }).then(
    () => true,
    () => false,
  );
}

/** The port of the host is fixed, so that a restarted container is found where it was. */
async function startContainer(settings: RedisSettings = {}): Promise<RedisServer> {
  const { GenericContainer } = await import("testcontainers");
  const port = await freePort();
  const container = await new GenericContainer("redis:7-alpine")
    .withExposedPorts({ container: 6379, host: port })
    .withCommand(["redis-server", "--save", "", ...asArguments({ ...DEFAULTS, ...settings })])
    .start();
  const url = `redis://${container.getHost()}:${port}`;
  await untilServing(url, () => undefined);
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
      await untilServing(url, () => undefined);
    },
    stop: async () => {
      await container.stop();
    },
  };
}

const SERVING_WITHIN_MS = 20_000;

/** `ended` says how the server ended, if it did. */
async function untilServing(url: string, ended: () => number | string | undefined): Promise<void> {
  const deadline = AbortSignal.timeout(SERVING_WITHIN_MS);
  for (;;) {
    const how = ended();
    if (how !== undefined) throw new Error(`the Redis for tests ended at once (${how})`);
    deadline.throwIfAborted();
    const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
    client.on("error", () => undefined);
    const serves = await client.connect().then(
      () => client.ping().then(() => true),
      () => false,
    );
    client.disconnect();
    if (serves) return;
    await sleep(20);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
