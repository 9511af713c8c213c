/** An HTTP address as a stream of bytes: one answer, or the pages of several one after the other. */
import type { RemoteOptions } from "../../core/source.ts";
import { TraceloadError } from "../../core/errors.ts";
import { withHead } from "../bytes.ts";
import type { Address } from "./address.ts";
import { HttpClient, type HttpParts, type HttpQuestion } from "./http-exchange.ts";
import { nextLink } from "./link-header.ts";
import { refusePage } from "./http-refusal.ts";
import { pagesBytes } from "./pages.ts";
import { readPaging } from "./paging.ts";
import { hasPlaceholder, type Secrets } from "./secrets.ts";
import { insertTimes } from "./time-window.ts";

/** Enough to tell a page for people from data. */
const LOOKED_AT_BYTES = 4096;

const USER_AGENT = "traceload";
const SECRET_HEADER = /auth|cookie|token|secret|key|password|credential/i;

export interface HttpSource {
  address: Address;
  options: RemoteOptions;
  parts: HttpParts;
  /** Told what a person should know of the answer, for the middle of a sentence. */
  onWarning: (message: string) => void;
}

/** What it takes to make a question. */
type Asked = Pick<HttpSource, "address" | "options" | "parts">;

/** Throws `wrong_usage` for a header that is none, or whose secret is written out; `config_invalid` like `expand`. */
export function questionOf({ address, options, parts }: Asked): HttpQuestion {
  const { secrets } = parts;
  const url = new URL(insertTimesInUrl(address.url, options));
  const headers: Record<string, string> = {
    accept: "*/*",
    "accept-encoding": "gzip",
    "user-agent": USER_AGENT,
    ...authorizationOf(url, secrets),
  };
  url.username = "";
  url.password = "";
  const body = options.body === undefined ? undefined : insertTimes(options.body, options);
  if (body !== undefined) headers["content-type"] = options.contentType ?? guessedType(body);
  for (const line of options.headers) {
    const { name, value } = readHeader(line, secrets);
    headers[name.toLowerCase()] = value;
  }
  return { url, headers, body };
}

/** In an address the braces may have been written as they are, or percent-encoded by the parser. */
function insertTimesInUrl(url: URL, options: RemoteOptions): string {
  return insertTimes(decodeBraces(url.href), options);
}

export function decodeBraces(href: string): string {
  return href.replaceAll(
    /%7B%7B((?:[a-z_]|%20|\s)+)%7D%7D/gi,
    (_, name: string) => `{{${name.replaceAll("%20", "")}}}`,
  );
}

function authorizationOf(url: URL, secrets: Secrets): Record<string, string> {
  if (url.username === "" && url.password === "") return {};
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const encoded = Buffer.from(credentials).toString("base64");
  secrets.hide(encoded, "…");
  return { authorization: `Basic ${encoded}` };
}

function guessedType(body: string): string {
  return /^\s*[[{]/.test(body) ? "application/json" : "text/plain; charset=utf-8";
}

/** RFC 9110, sections 5.1 and 5.5. */
function readHeader(line: string, secrets: Secrets): { name: string; value: string } {
  const [, name, template] = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+):\s*(.*)$/s.exec(line) ?? [];
  if (name === undefined || template === undefined || template === "") {
    throw new TraceloadError("wrong_usage", "--header: what is given is not of the form 'Name: value'", {
      next: "--header 'Authorization: Bearer ${TOKEN}'",
    });
  }
  if (SECRET_HEADER.test(name) && !hasPlaceholder(template)) {
    throw new TraceloadError(
      "wrong_usage",
      `--header: ${name} is written out, and everybody on this machine can see it in the list of processes`,
      { next: `export TOKEN=…   and in single quotes: --header '${name}: Bearer \${TOKEN}'` },
    );
  }
  const value = secrets.expand(template, `--header ${name}`);
  // oxlint-disable-next-line no-control-regex -- what would end the header, or be none
  if (/[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/.test(value)) {
    throw new TraceloadError(
      "wrong_usage",
      `--header: the value of ${name} holds characters that no header may hold`,
    );
  }
  return { name, value };
}

/** The bytes of the answer. Throws TraceloadErrors only. */
export async function* httpBytes(source: HttpSource, signal: AbortSignal): AsyncGenerator<Buffer> {
  const client = new HttpClient(source.parts);
  try {
    const { paging } = source.options;
    const first = questionOf(source);
    if (paging !== undefined) {
      yield* pagesBytes({ client, parts: source.parts, paging: readPaging(paging), first }, signal);
      return;
    }
    const { bytes, headers } = await client.ask(first, signal);
    if (nextLink(headers["link"]) !== undefined) {
      source.onWarning(
        "it is one page of several: its header Link leads to the next (--page-cursor header:link --page-into url reads on)",
      );
    }
    const { head, all } = await withHead(bytes, LOOKED_AT_BYTES);
    refusePage(head, source.parts);
    yield* all;
  } finally {
    await client.close();
  }
}
