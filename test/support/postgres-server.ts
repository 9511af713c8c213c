/**
 * A real PostgreSQL for tests: `TEST_DATABASE_URL`, else `postgres` and `initdb` on the path or where Debian keeps them,
 * on a free port with a directory of its own, else Docker through testcontainers. Each start answers a database of its
 * own. Tests that stop or restart the server never take `TEST_DATABASE_URL`.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";

const run = promisify(execFile);

/** Settings of the server, as in `postgresql.conf`. */
export type PostgresSettings = Readonly<Record<string, string>>;

export interface PostgresServer {
  /** Of an empty database, as a superuser where the server was started here. */
  readonly url: string;
  /** Where its files are; undefined when it is not on this machine's disk. */
  readonly directory: string | undefined;
  /** Another empty database, and its URL. It goes when the server is stopped. */
  createDatabase(name: string): Promise<string>;
  /** Ends it as an operator would, and removes its directory; or the databases, where the server is not ours. */
  stop(): Promise<void>;
  /** Ends it at once, without a checkpoint, as a crash would. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and directory, after `kill` (or kills it first). Resolves when it serves. */
  restart(): Promise<void>;
}

export interface PostgresSource {
  kind: "url" | "binary" | "docker";
  start(settings?: PostgresSettings): Promise<PostgresServer>;
}

/**
 * Where tests get their PostgreSQL from; undefined when there is none (then a line says how to enable the suite). Under
 * `CI=true` none at all is a failure. `restartable`: it must be one that `kill` and `restart` may be used on.
 * `optional`: the suite runs without one, too, and nothing is said or thrown.
 */
export async function findPostgres(
  suite: string,
  options: { restartable?: boolean; optional?: boolean } = {},
): Promise<PostgresSource | undefined> {
  const url = process.env["TEST_DATABASE_URL"];
  if (url !== undefined && url !== "" && options.restartable !== true) return urlSource(url);
  const programs = await findPrograms();
  if (programs !== undefined) return { kind: "binary", start: (settings) => startBinary(programs, settings) };
  if (await dockerAnswers()) return { kind: "docker", start: startContainer };
  if (options.optional === true) return undefined;
  const lacks = url ? "PostgreSQL that tests may kill, beside TEST_DATABASE_URL" : "PostgreSQL to test with";
  const how = "install it (apt-get install postgresql; it need not run), or start Docker";
  const line = `${suite}: there is no ${lacks}: ${url ? how : `set TEST_DATABASE_URL, ${how}`}`;
  if (process.env["CI"] === "true" && !url) throw new Error(line);
  process.stderr.write(`skipped: ${line}\n`);
  return undefined;
}

let starts = 0;

/** Databases of the test's own on that server, whose user must be allowed to make them. */
function urlSource(url: string): PostgresSource {
  const refuse = (): Promise<never> => Promise.reject(new Error("TEST_DATABASE_URL is not ours to stop"));
  return {
    kind: "url",
    start: async () => {
      const prefix = `traceload_test_${process.pid}_${Date.now()}_${(starts += 1)}`;
      const made: string[] = [];
      const createOwn = (name: string) => {
        made.push(`${prefix}_${name}`);
        return createDatabase(url, `${prefix}_${name}`);
      };
      return {
        url: await createOwn("first"),
        directory: undefined,
        createDatabase: createOwn,
        stop: async () => {
          for (const name of made) await statement(url, `drop database ${name} with (force)`);
        },
        kill: refuse,
        restart: refuse,
      };
    },
  };
}

async function createDatabase(url: string, name: string): Promise<string> {
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) throw new Error(`not a plain name for a database: ${name}`);
  await statement(url, `create database ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return own.href;
}

interface Programs {
  initdb: string;
  postgres: string;
}

/** Debian keeps them out of the path, by version. */
async function findPrograms(): Promise<Programs | undefined> {
  const debian = "/usr/lib/postgresql";
  const versions = await readdir(debian).catch(() => []);
  const newestFirst = versions.toSorted((a, b) => Number(b) - Number(a));
  for (const directory of ["", ...newestFirst.map((version) => join(debian, version, "bin"))]) {
    const [initdb = "", postgres = ""] = ["initdb", "postgres"].map((name) => join(directory, name));
    const answers = (program: string) =>
      run(program, ["--version"]).then(
        () => true,
        () => false,
      );
    if ((await answers(initdb)) && (await answers(postgres))) return { initdb, postgres };
  }
  return undefined;
}

interface User {
  uid: number;
  gid: number;
}

/** PostgreSQL refuses to run as root. undefined: as whoever runs the tests. */
async function serverUser(): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const ids = await Promise.all(["-u", "-g"].map((flag) => run("id", [flag, name]))).catch(() => undefined);
    const [uid, gid] = ids?.map(({ stdout }) => Number(stdout)) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  throw new Error("the tests run as root, and there is no user postgres or nobody to start PostgreSQL as");
}

/** Another user must be able to pass through every directory above. */
async function makeDirectory(user: User | undefined): Promise<string> {
  const places = user === undefined ? [tmpdir()] : [tmpdir(), "/tmp", "/var/tmp"];
  for (const place of places) {
    if (user !== undefined && !(await isOpenToAll(place))) continue;
    const directory = await mkdtemp(join(place, "traceload-postgres-"));
    if (user !== undefined) await chown(directory, user.uid, user.gid);
    return directory;
  }
  throw new Error(`none of ${places.join(", ")} lets another user through`);
}

async function isOpenToAll(directory: string): Promise<boolean> {
  for (let path = directory; ; path = dirname(path)) {
    const { mode } = await stat(path);
    if ((mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}

const DEFAULTS: PostgresSettings = {
  max_connections: "40",
  shared_buffers: "16MB",
  // A killed server keeps what it wrote, unless the machine dies with it.
  fsync: "off",
};

async function startBinary(programs: Programs, settings: PostgresSettings = {}): Promise<PostgresServer> {
  const user = await serverUser();
  const directory = await makeDirectory(user);
  const initdb = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"];
  await run(programs.initdb, [...initdb, "--wal-segsize=1", "-D", directory], { ...user, cwd: directory });
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const all = { listen_addresses: "127.0.0.1", unix_socket_directories: "", ...DEFAULTS, ...settings };
  const args = ["-D", directory, "-p", String(port), ...asArguments(all)];
  let child: ChildProcess | undefined;

  async function launch(): Promise<void> {
    const started = spawn(programs.postgres, args, { ...user, cwd: directory, stdio: "ignore" });
    child = started;
    // A test run that ends in the middle must not leave servers behind.
    const endToo = (): unknown => started.kill("SIGQUIT");
    process.once("exit", endToo);
    started.once("exit", () => process.off("exit", endToo));
    await untilServing(url, () => started.exitCode ?? started.signalCode ?? undefined);
  }
  /** SIGINT: a fast shutdown. SIGQUIT: an immediate one, after which the next start recovers as from a crash. */
  async function end(signal: "SIGINT" | "SIGQUIT"): Promise<void> {
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
    createDatabase: (name) => createDatabase(url, name),
    kill: () => end("SIGQUIT"),
    restart: async () => {
      await end("SIGQUIT");
      await launch();
    },
    stop: async () => {
      await end("SIGINT");
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function asArguments(settings: PostgresSettings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function dockerAnswers(): Promise<boolean> {
  return await run("docker", ["version", "--format", "{{.Server.Version}}"], { timeout: 3000 }).then(
    () => true,
    () => false,
  );
}

/** The port of the host is fixed, so that a restarted container is found where it was. */
async function startContainer(settings: PostgresSettings = {}): Promise<PostgresServer> {
  const { GenericContainer } = await import("testcontainers");
  const port = await freePort();
  const container = await new GenericContainer("postgres:17-alpine")
    .withEnvironment({ POSTGRES_HOST_AUTH_METHOD: "trust" })
    .withExposedPorts({ container: 5432, host: port })
    .withCommand(["postgres", ...asArguments({ ...DEFAULTS, ...settings })])
    .start();
  const url = `postgres://postgres@${container.getHost()}:${port}/postgres`;
  await untilServing(url, () => undefined);
  const kill = async (): Promise<void> => {
    await run("docker", ["kill", container.getId()]).catch(() => undefined);
  };
  return {
    url,
    directory: undefined,
    createDatabase: (name) => createDatabase(url, name),
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

const SERVING_WITHIN_MS = 30_000;

/** `ended` says how the server ended, if it did. */
async function untilServing(url: string, ended: () => number | string | undefined): Promise<void> {
  const deadline = AbortSignal.timeout(SERVING_WITHIN_MS);
  for (;;) {
    const how = ended();
    if (how !== undefined) throw new Error(`the PostgreSQL for tests ended at once (${how})`);
    deadline.throwIfAborted();
    const serves = await statement(url, "select 1").then(
      () => true,
      () => false,
    );
    if (serves) return;
    await sleep(20);
  }
}

/** On a connection of its own. */
async function statement(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query(text);
  } finally {
    await client.end().catch(() => undefined);
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
