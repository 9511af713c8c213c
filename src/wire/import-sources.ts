/** Opens what an import reads. Copies of what comes only once, standard input and servers' answers, are the run's. */
import { createReadStream } from "node:fs";
import { stdin } from "node:process";
import type { Environment } from "../../config/load.ts";
import type { Settings } from "../../config/settings.ts";
import type { OpenedSources, SourceOptions } from "../core/source.ts";
import { openSources } from "../sources/open.ts";
import { spooled } from "../sources/spool.ts";
import { remoteParts } from "./remote-sources.ts";
import { copyFile, spoolFile } from "./state-directory.ts";

export interface ImportedFrom {
  inputs: readonly string[];
  reading: SourceOptions;
  environment: Environment;
  /** Ends the copying of standard input. */
  signal: AbortSignal;
}

/** Where the copies go. */
export interface CopyPlaces {
  stdin: string;
  answer: (index: number) => string;
}

export interface ImportSources {
  runId: string;
  sources: OpenedSources;
  reading: SourceOptions;
  /** The same sources, with the copies that an earlier run has of what servers answered. */
  reopen: (copies: Readonly<Record<string, string>>) => Promise<OpenedSources>;
}

/** Throws what is wrong with the sources; asks no server. */
export async function openImport(
  settings: Pick<Settings, "store">,
  runId: string,
  from: ImportedFrom,
): Promise<ImportSources> {
  const reopen = (copies: Readonly<Record<string, string>>) =>
    openCopied(from, {
      stdin: spoolFile(settings, runId),
      answer: (index) => copies[index] ?? copyFile(settings, runId, index),
    });
  return { runId, sources: await reopen({}), reading: from.reading, reopen };
}

export function openCopied(
  { inputs, reading, environment, signal }: ImportedFrom,
  places: CopyPlaces,
): Promise<OpenedSources> {
  return openSources([...inputs], reading, {
    stdin: spooled(stdin, places.stdin, signal),
    stdinAgain: () => createReadStream(places.stdin),
    remote: remoteParts(environment, places.answer),
  });
}
