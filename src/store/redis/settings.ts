/** Which Redis this is, and whether its settings keep what it is given. */
import type { Cluster, Redis } from "ioredis";

const OLDEST = [6, 2] as const;

interface WantedSetting {
  name: string;
  good(value: string): boolean;
  means: string;
  mend: string;
}

const WANTED: readonly WantedSetting[] = [
  {
    name: "maxmemory-policy",
    good: (value) => value === "noeviction",
    means: "Redis may throw away queue and ledger when memory runs short",
    mend: "redis-cli CONFIG SET maxmemory-policy noeviction",
  },
  {
    name: "appendonly",
    good: (value) => value === "yes",
    means: "a restart of Redis forgets what happened since its last snapshot",
    mend: "redis-cli CONFIG SET appendonly yes",
  },
  {
    name: "appendfsync",
    good: (value) => value === "always",
    means:
      "a crash of Redis's host forgets up to its last second, and after each restart nothing is sent for a while",
    mend: "redis-cli CONFIG SET appendfsync always",
  },
];

/**
 * What weakens a promise, one sentence each, with the command that mends it. Never throws for a server that refuses
 * to tell (hosted ones do): that is a warning, too.
 */
export async function checkRedisSettings(client: Redis | Cluster): Promise<string[]> {
  return [...(await versionWarnings(client)), ...(await settingWarnings(client))];
}

async function versionWarnings(client: Redis | Cluster): Promise<string[]> {
  try {
    const version = /^redis_version:(\S+)/m.exec(String(await client.call("info", "server")))?.[1];
    if (version === undefined) return ["Redis does not tell its version; 6.2 or later is needed"];
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return [];
    return [`Redis ${version} is too old: install 6.2 or later (docker run -d -p 6379:6379 redis:7)`];
  } catch (error) {
    return [`Redis's version could not be read (${reason(error)}); see for yourself: redis-cli INFO server`];
  }
}

async function settingWarnings(client: Redis | Cluster): Promise<string[]> {
  const warnings: string[] = [];
  const appendonly = await readSetting(client, "appendonly");
  for (const wanted of WANTED) {
    // How often a log that is not kept is written to disk says nothing.
    if (wanted.name === "appendfsync" && appendonly.value === "no") continue;
    const { value, refusal } = await readSetting(client, wanted.name);
    if (value === undefined) {
      warnings.push(
        `Redis's ${wanted.name} could not be read (${refusal}); if it is not as wanted, ${wanted.means}: ${wanted.mend}`,
      );
    } else if (!wanted.good(value)) {
      warnings.push(`Redis's ${wanted.name} is "${value}": ${wanted.means}; mend it: ${wanted.mend}`);
    }
  }
  return warnings;
}

/** `value` undefined: the server does not tell, for the reason in `refusal`. */
export async function readSetting(
  client: Redis | Cluster,
  name: string,
): Promise<{ value: string | undefined; refusal: string }> {
  try {
    const reply: unknown = await client.call("config", "get", name);
    const value: unknown = Array.isArray(reply) ? reply[1] : undefined;
    return typeof value === "string" ? { value, refusal: "" } : { value: undefined, refusal: "no answer" };
  } catch (error) {
    return { value: undefined, refusal: reason(error) };
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The server for people: its URL without user and password. */
export function redisName(client: Redis | Cluster): string {
  if (client.isCluster) return "redis cluster";
  const { host, port, path, db, tls, sentinels, name } = client.options as Redis["options"];
  const database = db === undefined || db === 0 ? "" : `/${db}`;
  if (path !== undefined && path !== null) return `redis+unix://${path}${database}`;
  if (sentinels !== undefined && sentinels !== null) return `redis-sentinel:${name ?? ""}${database}`;
  return `${tls === undefined || tls === null ? "redis" : "rediss"}://${host ?? "localhost"}:${port ?? 6379}${database}`;
}
