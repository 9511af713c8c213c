/** The API key, the secret of webhooks and the proxy: read from the environment only, never from a flag, a file in the project, or a store. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { TraceloadError } from "../src/core/errors.ts";
import type { Environment } from "./load.ts";

/** Throws `key_missing` with what to type. White space around the key is dropped (files end in a line break). */
export function readApiKey(environment: Environment): string {
  const next = "export PROMPTLAYER_API_KEY=…   (or try without a key: add --sandbox)";
  const key = readSecret(
    environment,
    "PROMPTLAYER_API_KEY",
    (message) => new TraceloadError("key_missing", message, { next }),
  );
  if (key !== undefined) return key;
  throw new TraceloadError("key_missing", "no API key: PROMPTLAYER_API_KEY is not set", { next });
}

/** The secret that webhooks are signed with; undefined: none is given. Throws `config_invalid` for a file that is none. */
export function readWebhookSecret(environment: Environment): string | undefined {
  return readSecret(
    environment,
    "TRACELOAD_WEBHOOK_SECRET",
    (message) => new TraceloadError("config_invalid", message),
  );
}

/** What stands in the variable, or in the file that the variable `…_FILE` names. */
function readSecret(
  environment: Environment,
  name: string,
  fault: (message: string) => TraceloadError,
): string | undefined {
  const direct = environment[name]?.trim();
  if (direct) return direct;
  const file = environment[`${name}_FILE`];
  if (!file) return undefined;
  let content: string;
  try {
    content = readFileSync(file, "utf8").trim();
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    throw fault(`${name}_FILE: cannot read ${file} (${reason})`);
  }
  if (content === "") throw fault(`${name}_FILE: ${file} is empty`);
  return content;
}

/** Tells keys apart without holding any part of one: 12 hex digits of a SHA-256 with a fixed prefix. */
export function keyFingerprint(apiKey: string): string {
  return createHash("sha256").update(`traceload-key:${apiKey}`).digest("hex").slice(0, 12);
}

export interface ProxySettings {
  httpProxy: string | undefined;
  httpsProxy: string | undefined;
  noProxy: string | undefined;
}

export function readProxy(environment: Environment): ProxySettings {
  const either = (name: string) => environment[name.toLowerCase()] || environment[name] || undefined;
  return { httpProxy: either("HTTP_PROXY"), httpsProxy: either("HTTPS_PROXY"), noProxy: either("NO_PROXY") };
}
