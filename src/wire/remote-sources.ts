/** From settings to what an import reads: its inputs, how servers among them are asked, and what that takes. */
import { readFile } from "node:fs/promises";
import { readProxy } from "../../config/credentials.ts";
import type { Environment, LoadedSettings } from "../../config/load.ts";
import { QUESTION_SETTINGS } from "../../config/setting-lists.ts";
import { environmentName, flagName, type SettingName, type Settings } from "../../config/settings.ts";
import type { TypedTime } from "../../config/units.ts";
import { TraceloadError } from "../core/errors.ts";
import type { RemoteOptions, SourceOptions, TimeBound } from "../core/source.ts";
import { isAddress } from "../sources/remote/address.ts";
import type { RemoteParts } from "../sources/remote/open-remote.ts";
import { proxyFor } from "./proxy.ts";

const MOST_QUERY_CHARS = 1024 * 1024;

/**
 * The files that were named, and the address of `--from`; one from the environment or the settings file only where no
 * file is named. Throws `wrong_usage` when there is nothing to read from.
 */
export function importInputs({ settings, origins }: LoadedSettings, files: readonly string[]): string[] {
  const { from } = settings;
  if (from !== undefined && (origins.from === "flag" || files.length === 0)) {
    // An address from the environment stays there.
    return [...files, origins.from === "environment" ? `\${${environmentName("from")}}` : from];
  }
  if (files.length > 0) return [...files];
  throw new TraceloadError("wrong_usage", "import: files must be named, or an address by --from", {
    next: "traceload import --help",
  });
}

/**
 * `options`, with how servers are asked if one is among the inputs. Reads the files of queries. Throws `wrong_usage` and
 * `source_not_found`.
 */
export async function importOptions(
  options: SourceOptions,
  settings: Settings,
  { inputs, nowMs }: { inputs: readonly string[]; nowMs: number },
): Promise<SourceOptions> {
  if (!inputs.some(isAddress) && QUESTION_SETTINGS.every((name) => settings[name] === undefined))
    return options;
  const { contentType, header: headers = [], pageCursor, pageInto, maxSourceSize, sourceTimeout } = settings;
  if ((pageCursor === undefined) !== (pageInto === undefined)) {
    throw new TraceloadError(
      "wrong_usage",
      "--page-cursor and --page-into go together: where the next page is named, and how it is asked for",
    );
  }
  const remote: RemoteOptions = {
    query: await textOf(settings, "query", "queryFile"),
    body: await textOf(settings, "body", "bodyFile"),
    contentType,
    headers,
    since: boundOf(settings.since, nowMs),
    // Where nothing else is said, until now: what is asked twice is then the same.
    until: boundOf(settings.until, nowMs) ?? { typed: "", at: new Date(nowMs).toISOString() },
    paging:
      pageCursor === undefined || pageInto === undefined ? undefined : { cursor: pageCursor, into: pageInto },
    maxBytes: maxSourceSize,
    timeoutMs: sourceTimeout,
  };
  const { since, until } = remote;
  if (since !== undefined && until !== undefined && Date.parse(since.at) > Date.parse(until.at)) {
    throw new TraceloadError("wrong_usage", `--since ${since.typed} (${since.at}) is later than ${until.at}`);
  }
  return { ...options, remote };
}

async function textOf(
  settings: Settings,
  name: "query" | "body",
  fileName: "queryFile" | "bodyFile",
): Promise<string | undefined> {
  const text = settings[name];
  const file = settings[fileName];
  if (file === undefined) return text;
  if (text !== undefined) {
    const flags = [name, fileName].map((one: SettingName) => `--${flagName(one)}`);
    throw new TraceloadError("wrong_usage", `${flags.join(" and ")} are both given`);
  }
  const read = await readFile(file, "utf8").catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TraceloadError("source_not_found", `--${flagName(fileName)}: ${reason}`, { cause: error });
  });
  if (read.length > MOST_QUERY_CHARS) {
    throw new TraceloadError("wrong_usage", `--${flagName(fileName)}: ${file} is longer than a query can be`);
  }
  return read.replace(/^\uFEFF/, "");
}

function boundOf(time: TypedTime | undefined, nowMs: number): TimeBound | undefined {
  if (time === undefined) return undefined;
  const at = time.kind === "instant" ? time.at : new Date(nowMs - time.ms).toISOString();
  return { typed: time.text, at };
}

/** `copyFile`: where the copy of what the source at that place answered is kept. */
export function remoteParts(environment: Environment, copyFile: (index: number) => string): RemoteParts {
  const proxy = readProxy(environment);
  return { variables: environment, proxyFor: (url) => proxyFor(url, proxy), copyFile };
}
