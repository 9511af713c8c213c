/** Signatures of webhooks after Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body. */
import { createHmac } from "node:crypto";

/** A key to sign with. Of several, each signs: a receiver that knows the old one or the new one takes the notice. */
export interface WebhookKeys {
  sign(message: { id: string; timestampSeconds: number; body: string }): string;
}

const PREFIX = "whsec_";
/** Of a key, in bytes: what the scheme asks for. */
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/** `whsec_` and base64, several with white space between. Undefined: it is no such text. */
export function readWebhookKeys(secret: string): WebhookKeys | undefined {
  const keys = secret
    .split(/\s+/)
    .filter((one) => one !== "")
    .map(keyOf);
  if (keys.length === 0 || keys.includes(undefined)) return undefined;
  return {
    sign: ({ id, timestampSeconds, body }) =>
      keys
        .flatMap((key) => (key === undefined ? [] : [key]))
        .map((key) => createHmac("sha256", key).update(`${id}.${timestampSeconds}.${body}`).digest("base64"))
        .map((signature) => `v1,${signature}`)
        .join(" "),
  };
}

function keyOf(secret: string): Buffer | undefined {
  if (!secret.startsWith(PREFIX)) return undefined;
  const text = secret.slice(PREFIX.length);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const key = Buffer.from(text, "base64");
  return key.length >= MIN_BYTES && key.length <= MAX_BYTES ? key : undefined;
}
