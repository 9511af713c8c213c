/** Reads addresses in tests: rows, fault, and the names and facts that are shown of them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { OpenedSources, RemoteOptions, SourceOptions } from "../../src/core/source.ts";
import { openSources } from "../../src/sources/open.ts";
import { collect, DEFAULT_OPTIONS, inDirectory, type Reading } from "./source-reading.ts";

export const REMOTE: RemoteOptions = { headers: [], maxBytes: 10_000_000, timeoutMs: 10_000 };

export interface RemoteReading extends Reading {
  names: readonly string[];
  sources: OpenedSources;
  /** All that was kept on disk. */
  kept: string;
}

export interface RemoteRequest {
  address: string;
  remote?: Partial<RemoteOptions>;
  options?: Partial<SourceOptions>;
  variables?: Record<string, string>;
  signal?: AbortSignal;
  proxy?: string;
}

/** Opens the address with a copy in `directory`. */
export function openAddress(directory: string, request: RemoteRequest): Promise<OpenedSources> {
  const { address, remote, options, variables = {}, proxy } = request;
  return openSources(
    [address],
    { ...DEFAULT_OPTIONS, ...options, remote: { ...REMOTE, ...remote } },
    {
      stdin: Readable.from([]),
      remote: {
        variables,
        proxyFor: () => proxy,
        copyFile: (index) => join(directory, `${index}.answer`),
      },
    },
  );
}

export function readAddressRows(request: RemoteRequest): Promise<RemoteReading> {
  return inDirectory(async (directory) => {
    const sources = await openAddress(directory, request);
    const reading = await collect(sources.rows(request.signal ?? new AbortController().signal));
    const kept = readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"));
    return { ...reading, names: sources.names, sources, kept: kept.join("\n") };
  });
}
