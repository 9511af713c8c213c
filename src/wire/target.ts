/** Where rows are sent, from settings to a live client, and the one question that tells whether it is good. */
import path from "node:path";
import { keyFingerprint, readApiKey, readProxy } from "../../config/credentials.ts";
import type { Environment, LoadedSettings } from "../../config/load.ts";
import type { Settings } from "../../config/settings.ts";
import { preflight } from "../app/preflight.ts";
import { limiterName } from "../app/run-options.ts";
import type { Api } from "../core/api.ts";
import { systemClock } from "../core/clock.ts";
import { createApi } from "../promptlayer/api-client.ts";
import type { Sandbox } from "../sandbox/server.ts";
import { stateDirectory } from "./state-directory.ts";
import { targetOrigin } from "./origin.ts";
import { proxyFor } from "./proxy.ts";
import { packageVersion } from "./version.ts";

/** Where rows are sent: the API, and the names that its rows and its limit go by. */
export interface Target {
  api: Api;
  baseUrl: string;
  /** Part of every row's key. */
  origin: string;
  /** Name of the limit that all senders with this key share. */
  limiter: string;
  sandbox: Sandbox | undefined;
  ratePerSecond: number | undefined;
  /** Whether the rate is to be found. */
  rateSearch: boolean;
  close(): Promise<void>;
}

/** Starts the sandbox if that is what was asked for. Throws `key_missing` or `config_invalid`. */
export async function openTarget(loaded: LoadedSettings, environment: Environment): Promise<Target> {
  const { settings } = loaded;
  const sandbox = settings.sandbox ? await startOwnSandbox(settings) : undefined;
  const baseUrl = sandbox?.url ?? settings.baseUrl;
  const apiKey = sandbox === undefined ? readApiKey(environment) : "sandbox";
  const api = createApi({
    baseUrl,
    apiKey,
    connections: settings.concurrency,
    proxy: sandbox === undefined ? proxyFor(baseUrl, readProxy(environment)) : undefined,
    userAgent: `traceload/${packageVersion()}`,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    readTimeoutMs: Math.min(settings.timeout, 30_000),
  });
  const origin = targetOrigin(settings);
  return {
    api,
    baseUrl,
    origin,
    limiter: limiterName(origin, keyFingerprint(apiKey)),
    sandbox,
    ratePerSecond: ratePerSecond(loaded),
    rateSearch: settings.rate.search,
    close: async () => {
      await api.close();
      await sandbox?.close();
    },
  };
}

/** Requests a second that rows may be sent with; undefined: no limit, as to a sandbox unless one is asked for. */
export function ratePerSecond({ settings, origins }: LoadedSettings): number | undefined {
  return settings.sandbox && origins.rate === "default" ? undefined : settings.rate.perSecond;
}

/** A wrong address should cost a second or two; a slow handshake is only tried again. */
const CONNECT_TIMEOUT_MS = 2_500;

async function startOwnSandbox(settings: Settings): Promise<Sandbox> {
  const { startSandbox } = await import("../sandbox/server.ts");
  const recordFile = settings.sandboxRecord ?? path.join(stateDirectory(settings), "sandbox-record.ndjson");
  return startSandbox({ recordFile });
}

/** One GET: are address, key and group good? Throws what is wrong; answers warnings. */
export function checkTarget(
  target: Target,
  datasetGroupId: number | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  const { api, baseUrl } = target;
  return preflight({ api, clock: systemClock, baseUrl, datasetGroupId }, signal);
}
