/** What servers say instead of data: an error's status and words, or a page for people. */
import type { Dispatcher } from "undici";
import { TraceloadError } from "../../core/errors.ts";
import type { Secrets } from "./secrets.ts";
import { isJsonObject, parseJson } from "../formats/json-object.ts";
import { excerpt } from "../record.ts";

const MOST_WORDS_BYTES = 64 * 1024;
const SHOWN_CHARS = 300;

const NEXT: Readonly<Record<number, string>> = {
  401: "Give what the server asks for: --header 'Authorization: Bearer ${TOKEN}'",
  403: "Check what the key or token may read.",
  404: "Check the address.",
  407: "The proxy wants a name and password: HTTPS_PROXY=http://NAME:PASSWORD@HOST",
  429: "Type the same command again later.",
};

/** Reads what the server said, and no more than that. */
export async function statusFault(
  { statusCode, body }: Dispatcher.ResponseData,
  { name, secrets }: { name: string; secrets: Secrets },
  signal: AbortSignal,
): Promise<TraceloadError> {
  const words = wordsOf(await firstBytes(body, signal));
  const said = words === "" ? "" : `: ${excerpt(secrets.redact(words), SHOWN_CHARS)}`;
  const next = NEXT[statusCode] ?? (statusCode >= 500 ? NEXT[429] : undefined);
  return new TraceloadError(
    "source_refused",
    `${name} answered ${statusCode}${said}`,
    next === undefined ? {} : { next },
  );
}

/** Undefined: it is not that a proxy opened no tunnel. (undici says the proxy's status in the error's text alone.) */
export function tunnelFault(name: string, proxy: string, error: unknown): TraceloadError | undefined {
  const status = /^Proxy response \((\d{3})\)/.exec(error instanceof Error ? error.message : "")?.[1];
  if (status === undefined) return undefined;
  return new TraceloadError(
    "source_unreadable",
    `${name}: the proxy ${proxy} answered ${status} instead of opening a tunnel`,
    { next: NEXT[Number(status)] ?? "Check HTTPS_PROXY and NO_PROXY, and what the proxy lets through." },
  );
}

async function firstBytes(body: Dispatcher.ResponseData["body"], signal: AbortSignal): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of body) {
      const bytes = part as Buffer;
      parts.push(bytes);
      size += bytes.length;
      if (size >= MOST_WORDS_BYTES) break;
    }
  } catch {
    // The status is what counts; what was said before the break is shown.
    signal.throwIfAborted();
  }
  return Buffer.concat(parts).subarray(0, MOST_WORDS_BYTES);
}

function wordsOf(bytes: Buffer): string {
  const text = bytes.toString("utf8").trim();
  const words = isPage(text) ? titleOf(text) : (messageOf(text) ?? text);
  return words.replaceAll(/\s+/g, " ");
}

/** What a JSON answer says in words, where it has the names for that. */
function messageOf(text: string): string | undefined {
  const parsed = parseJson(text);
  if (!parsed.ok || !isJsonObject(parsed.value)) return undefined;
  const { error, message, detail } = parsed.value;
  const inner = isJsonObject(error) ? (error["message"] ?? error["reason"]) : error;
  return [inner, message, detail].find((said) => typeof said === "string");
}

/** Whether that is a page for people, which no source is: a login, a proxy's warning. */
function isPage(text: string): boolean {
  return /^\s*(?:<!--[\s\S]{0,2000}?-->\s*)?<(?:!doctype\s+html|html|head|body)\b/i.test(text);
}

function titleOf(text: string): string {
  return /<title[^>]*>([^<]*)/i.exec(text)?.[1]?.trim() ?? "";
}

/** Throws `source_format` where the first bytes of an answer are a page. */
export function refusePage(head: Buffer, { name, secrets }: { name: string; secrets: Secrets }): void {
  const text = head.toString("utf8");
  if (!isPage(text)) return;
  const title = titleOf(text);
  const said = title === "" ? "" : `: ${excerpt(secrets.redact(title))}`;
  throw new TraceloadError("source_format", `${name} answered a web page instead of data${said}`, {
    next: "Open the address in a browser: it may want a login (--header 'Authorization: Bearer ${TOKEN}') or be another one.",
  });
}
