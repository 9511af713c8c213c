/** Addresses among the sources: each made ready to be asked, with what is wrong about it said before anything is. */
import { createHash } from "node:crypto";
import { TraceloadError } from "../../core/errors.ts";
import type { RemoteOptions, SourceFacts } from "../../core/source.ts";
import type { RecordFormat } from "../record.ts";
import { type Address, isAddress, readAddress } from "./address.ts";
import { RemoteCopy } from "./copy.ts";
import { decodeBraces, httpBytes, questionOf } from "./http-source.ts";
import { readPaging } from "./paging.ts";
import { queryBytes } from "./postgres-source.ts";
import { resultFormat } from "./result-text.ts";
import { Secrets, type Variables } from "./secrets.ts";
import { parameterize } from "./sql-parameters.ts";
import { checkTimes, timesIn, type WindowName, windowText } from "./time-window.ts";

/** What asking takes beside the options. */
export interface RemoteParts {
  /** What `${NAME}` may stand for. */
  variables: Variables;
  /** The proxy that an address is reached through, if there is one. */
  proxyFor: (url: string) => string | undefined;
  /** Where the copy of the answer to the source at that place is kept. */
  copyFile: (index: number) => string;
}

export interface RemoteSource {
  /** As typed. */
  template: string;
  facts: SourceFacts;
  copy: RemoteCopy;
  maxBytes: number;
  /** Of answers whose form is not left to the server. */
  format: RecordFormat | undefined;
  /** What a person should know of the answer, as far as it was asked for. */
  warnings: ReadonlySet<string>;
}

/** By the place among the inputs. Throws `wrong_usage` and `config_invalid`; asks nobody. */
export function openRemotes(
  inputs: readonly string[],
  options: RemoteOptions | undefined,
  parts: RemoteParts | undefined,
): Map<number, RemoteSource> {
  const remotes = new Map<number, RemoteSource>();
  const names = new Set<string>();
  for (const [index, template] of inputs.entries()) {
    if (!isAddress(template)) continue;
    if (options === undefined || parts === undefined) {
      throw new TraceloadError("wrong_usage", "an address cannot be read here", { next: "Name a file." });
    }
    const source = openRemote(template, options, { ...parts, file: parts.copyFile(index), names });
    remotes.set(index, source);
    names.add(source.facts.name);
  }
  refuseUnused(options, remotes.size);
  return remotes;
}

function openRemote(
  template: string,
  options: RemoteOptions,
  parts: RemoteParts & { file: string; names: ReadonlySet<string> },
): RemoteSource {
  const secrets = new Secrets(parts.variables);
  const address = readAddress(template, secrets);
  const name = distinctName(address.shown, parts.names);
  const { maxBytes } = options;
  const warnings = new Set<string>();
  const onWarning = (message: string): void => void warnings.add(message);
  const asked = { name, address, options, secrets, proxyFor: parts.proxyFor, onWarning };
  const { used, fetch, format } = address.kind === "http" ? httpSource(asked) : postgresSource(asked);
  return {
    template,
    facts: {
      name,
      sizeBytes: undefined,
      modifiedMs: undefined,
      headHash: createHash("sha256").update(template).digest("hex"),
      window: windowText(options, used),
    },
    copy: new RemoteCopy({ name, file: parts.file, maxBytes, fetch }),
    maxBytes,
    format,
    warnings,
  };
}

interface Asked {
  name: string;
  address: Address;
  options: RemoteOptions;
  secrets: Secrets;
  proxyFor: RemoteParts["proxyFor"];
  onWarning: (message: string) => void;
}

interface Asking {
  used: ReadonlySet<WindowName>;
  format: RecordFormat | undefined;
  fetch: (signal: AbortSignal) => AsyncIterable<Buffer>;
}

function httpSource({ name, address, options, secrets, proxyFor, onWarning }: Asked): Asking {
  if (options.query !== undefined) {
    throw new TraceloadError("wrong_usage", `--query is for Postgres servers, and ${name} is none`, {
      next: "Post it: --body or --body-file",
    });
  }
  const source = {
    address,
    options,
    parts: { name, secrets, timeoutMs: options.timeoutMs, proxyFor },
    onWarning,
  };
  const used = timesIn(`${decodeBraces(address.url.href)}\n${options.body ?? ""}`);
  checkTimes(used, options, (time) => `{{${time}}}`);
  // What is wrong with a header or a variable is said now.
  questionOf(source);
  if (options.paging !== undefined) readPaging(options.paging);
  return { used, format: undefined, fetch: (signal) => httpBytes(source, signal) };
}

function postgresSource({ name, address, options, secrets }: Asked): Asking {
  const { query } = options;
  if (query === undefined || query.trim() === "") {
    throw new TraceloadError("wrong_usage", `${name}: what shall be asked?`, {
      next: "--query 'select trace_id from …'   or --query-file q.sql",
    });
  }
  if (options.body !== undefined || options.paging !== undefined || options.headers.length > 0) {
    throw new TraceloadError(
      "wrong_usage",
      `--body, --header and --page-cursor are for https:// addresses, and ${name} is none`,
    );
  }
  const used = new Set(parameterize(query).parameters);
  checkTimes(used, options, (time) => `:${time}`);
  const source = { name, address, options: { ...options, query }, secrets };
  return { used, format: resultFormat, fetch: (signal) => queryBytes(source, signal) };
}

/** Two addresses may differ only in what is not shown. */
function distinctName(shown: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? shown : `${shown} (${number})`;
    if (!taken.has(name)) return name;
  }
}

function refuseUnused(options: RemoteOptions | undefined, addresses: number): void {
  if (options === undefined || addresses > 0) return;
  const given = (["query", "body", "paging"] as const).find((name) => options[name] !== undefined);
  const typed = [options.since, options.until].some((time) => time !== undefined && time.typed !== "");
  if (given === undefined && !typed && options.headers.length === 0) return;
  const what =
    given === undefined
      ? typed
        ? "--since"
        : "--header"
      : given === "paging"
        ? "--page-cursor"
        : `--${given}`;
  throw new TraceloadError("wrong_usage", `${what} is given, and no address that could be asked`, {
    next: "--from '${DATABASE_URL}'   or an https:// address",
  });
}
