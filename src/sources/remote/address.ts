/** Addresses as sources: told from files, refused where they hold a secret in plain sight, and shown without any. */
import { TraceloadError } from "../../core/errors.ts";
import { isLiteral, type Secrets } from "./secrets.ts";

export interface Address {
  kind: "http" | "postgres";
  /** With all that it takes to ask. Never shown. */
  url: URL;
  /** What messages, reports and stores call it. */
  shown: string;
}

const SCHEMES: Readonly<Record<string, Address["kind"]>> = {
  http: "http",
  https: "http",
  postgres: "postgres",
  postgresql: "postgres",
};

const IS_ADDRESS = /^(?:[a-z][a-z0-9+.-]+:\/\/|\$\{[A-Za-z_][A-Za-z0-9_]*\})/i;
const WHOLE = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/;
const PARTS = /^([a-z][a-z0-9+.-]+):\/\/(?:([^/?#]*)@)?([^/?#@]*)([^?#]*)(\?[^#]*)?/i;

/** Names of query parameters that hold secrets; not those that only say where a page begins. */
const SECRET_PARAMETER =
  /(?:password|passwd|pwd|secret|token|signature|credential|api[-_]?key|access[-_]?key|jwt)$|^(?:key|sig|auth|sas)$/i;
const PAGE_PARAMETER = /page|next|cursor|continuation/i;

/** Whether that is no file's name. */
export function isAddress(input: string): boolean {
  return IS_ADDRESS.test(input);
}

/**
 * Throws `wrong_usage` for a scheme that is not read, and for a secret that is written out; `config_invalid` for a
 * variable that is not set, or holds no address.
 */
export function readAddress(template: string, secrets: Secrets): Address {
  if (WHOLE.test(template)) {
    const url = parse(secrets.expand(template, template), template);
    return { kind: kindOf(url.protocol.slice(0, -1), template), url, shown: shownOf(url, undefined) };
  }
  const [, scheme, userinfo = "", host = "", path = "", query = ""] = PARTS.exec(template) ?? [];
  if (scheme === undefined) throw notAnAddress(template);
  const kind = kindOf(scheme, template);
  refuseLiteralSecret({ kind, userinfo, query });
  const place = "the address";
  const encodePath = (value: string) => value.split("/").map(encodeURIComponent).join("/");
  const url = parse(
    [
      `${scheme}://`,
      userinfo === "" ? "" : `${secrets.expand(userinfo, place, encodeURIComponent)}@`,
      secrets.expand(host, place),
      secrets.expand(path, place, encodePath),
      secrets.expand(query, place, encodeURIComponent),
    ].join(""),
    template,
  );
  return { kind, url, shown: shownOf(url, path) };
}

function kindOf(scheme: string, template: string): Address["kind"] {
  const kind = SCHEMES[scheme.toLowerCase()];
  if (kind !== undefined) return kind;
  const what = WHOLE.test(template) ? `${template} holds` : "that is";
  throw new TraceloadError("wrong_usage", `${what} a ${scheme.toLowerCase()}:// address, which is not read`, {
    next: "Take an https:// or postgres:// address, or pipe it in: … | traceload import -",
  });
}

function parse(text: string, template: string): URL {
  if (!URL.canParse(text)) throw notAnAddress(template);
  return new URL(text);
}

/** The text itself may hold a secret. */
function notAnAddress(template: string): TraceloadError {
  const what = WHOLE.test(template) ? `what ${template} holds` : "the source's address";
  return new TraceloadError("config_invalid", `${what} is no address`, {
    next: "Write https://HOST/PATH or postgres://USER@HOST/DATABASE",
  });
}

/** `path`: as it was typed, for what a variable stands for may be secret there, too; undefined: all of it is. */
function shownOf(url: URL, path: string | undefined): string {
  const { protocol, host, pathname, search } = url;
  if (protocol.startsWith("postgres")) return `postgres://${host}${path ?? pathname}`;
  const shownPath = path === undefined ? (pathname === "/" ? "/" : "/…") : path === "" ? "/" : path;
  return `${protocol}//${host}${shownPath}${search === "" ? "" : "?…"}`;
}

function refuseLiteralSecret(parts: { kind: Address["kind"]; userinfo: string; query: string }): void {
  const { kind, userinfo, query } = parts;
  const [user = "", password = ""] = userinfo.split(/:(.*)/s);
  if (isLiteral(password)) throw literalSecret(kind, "a password");
  // In front of a web address a name alone is often a token.
  if (kind === "http" && isLiteral(user) && !userinfo.includes(":"))
    throw literalSecret(kind, "a name or token");
  for (const pair of query.slice(1).split("&")) {
    const [name = "", value = ""] = pair.split(/=(.*)/s);
    if (!SECRET_PARAMETER.test(name) || PAGE_PARAMETER.test(name) || !isLiteral(value)) continue;
    throw literalSecret(kind, `a secret (${name})`);
  }
}

function literalSecret(kind: Address["kind"], what: string): TraceloadError {
  const [name, example] =
    kind === "http"
      ? ["SOURCE_URL", "traceload import '${SOURCE_URL}'"]
      : ["DATABASE_URL", "traceload import --from '${DATABASE_URL}'"];
  return new TraceloadError(
    "wrong_usage",
    `the source's address holds ${what}, which everybody on this machine can see in the list of processes`,
    { next: `export ${name}=…   and in single quotes: ${example}` },
  );
}
