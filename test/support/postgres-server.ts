/**
 * A real PostgreSQL for tests: `TEST_DATABASE_URL`, else `postgres` and `initdb` on the path or where Debian keeps them,
 * on a free port with a directory of its own, else Docker through testcontainers. Each start answers a database of its
 * own. Tests that stop or restart the server never take `TEST_DATABASE_URL`.
 */
import { chown, mkdtemp, readdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Client } from "pg";
import {
  answers,
  dockerAnswers,
  findServer,
  freePort,
  run,
  startContainer,
  startProgram,
  type TestServer,
  type Wanted,
} from "./test-server.ts";

/** Settings of the server, as in `postgresql.conf`. */
export type PostgresSettings = Readonly<Record<string, string>>;

/** Its `url` is of an empty database, as a superuser where the server was started here. */
export interface PostgresServer extends TestServer {
  /** Another empty database, and its URL. It goes when the server is stopped. */
  createDatabase(name: string): Promise<string>;
}

export interface PostgresSource {
  kind: "url" | "binary" | "docker";
  start(settings?: PostgresSettings): Promise<PostgresServer>;
}

export function findPostgres(suite: string, wanted: Wanted = {}): Promise<PostgresSource | undefined> {
  return findServer<PostgresSource>(suite, wanted, {
    product: "PostgreSQL",
    variable: "TEST_DATABASE_URL",
    how: "install it (apt-get install postgresql; it need not run), or start Docker",
    fromUrl: urlSource,
    startable: [
      async () => {
        const programs = await findPrograms();
        return programs && { kind: "binary", start: (settings) => startBinary(programs, settings) };
      },
      async () => ((await dockerAnswers()) ? { kind: "docker", start: startInContainer } : undefined),
    ],
  });
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
    if ((await answers(initdb, "--version")) && (await answers(postgres, "--version")))
      return { initdb, postgres };
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
  const program = {
    command: programs.postgres,
    args: ["-D", directory, "-p", String(port), ...asArguments(all)],
    options: { ...user, cwd: directory },
    // A fast shutdown, and an immediate one, after which the next start recovers as from a crash.
    signals: { stop: "SIGINT", kill: "SIGQUIT" },
    url,
    directory,
    serves,
  } as const;
  return withDatabases(await startProgram(program));
}

function asArguments(settings: PostgresSettings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function startInContainer(settings: PostgresSettings = {}): Promise<PostgresServer> {
  const container = {
    image: "postgres:17-alpine",
    port: 5432,
    environment: { POSTGRES_HOST_AUTH_METHOD: "trust" },
    command: ["postgres", ...asArguments({ ...DEFAULTS, ...settings })],
    urlOf: (host: string, port: number) => `postgres://postgres@${host}:${port}/postgres`,
    serves,
  };
  return withDatabases(await startContainer(container));
}

function withDatabases(server: TestServer): PostgresServer {
  return { ...server, createDatabase: (name) => createDatabase(server.url, name) };
}

function serves(url: string): Promise<boolean> {
  return statement(url, "select 1").then(
    () => true,
    () => false,
  );
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
