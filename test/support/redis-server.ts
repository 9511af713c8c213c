/**
 * A real Redis for tests: `TEST_REDIS_URL`, else Docker through testcontainers, else a redis-server or valkey-server
 * on the path, on a free port with a directory of its own. Tests that stop or restart it never take `TEST_REDIS_URL`.
 */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import {
  answers,
  dockerAnswers,
  findServer,
  freePort,
  startContainer,
  startProgram,
  type TestServer,
  type Wanted,
} from "./test-server.ts";

export interface RedisSettings {
  appendonly?: "yes" | "no";
  appendfsync?: "always" | "everysec" | "no";
  "maxmemory-policy"?: string;
  /** Bytes; 0 is no limit. */
  maxmemory?: string;
  "cluster-enabled"?: "yes";
}

export type RedisServer = TestServer;

export interface RedisSource {
  kind: "url" | "docker" | "binary";
  start(settings?: RedisSettings): Promise<RedisServer>;
}

export function findRedis(suite: string, wanted: Wanted = {}): Promise<RedisSource | undefined> {
  return findServer<RedisSource>(suite, wanted, {
    product: "Redis",
    variable: "TEST_REDIS_URL",
    how: "start Docker, or install redis-server or valkey-server (apt-get install redis-server)",
    fromUrl: urlSource,
    startable: [
      async () => ((await dockerAnswers()) ? { kind: "docker", start: startInContainer } : undefined),
      async () => {
        const binary = await findBinary();
        return binary === undefined
          ? undefined
          : { kind: "binary", start: (settings) => startBinary(binary, settings) };
      },
    ],
  });
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
    if (await answers(name, "--version")) return name;
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
  const signals = { stop: "SIGTERM", kill: "SIGKILL" } as const;
  return startProgram({ command: binary, args, signals, url, directory, serves });
}

function startInContainer(settings: RedisSettings = {}): Promise<RedisServer> {
  return startContainer({
    image: "redis:7-alpine",
    port: 6379,
    command: ["redis-server", "--save", "", ...asArguments({ ...DEFAULTS, ...settings })],
    urlOf: (host, port) => `redis://${host}:${port}`,
    serves,
  });
}

async function serves(url: string): Promise<boolean> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  client.on("error", () => undefined);
  const isServing = await client.connect().then(
    () => client.ping().then(() => true),
    () => false,
  );
  client.disconnect();
  return isServing;
}
