/** Files told apart by their content: which of those that a pattern finds were read before, whatever they are called. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { TraceloadError } from "../core/errors.ts";
import { expandInputs } from "./inputs.ts";

export interface ContentMark {
  name: string;
  sizeBytes: number;
  modifiedMs: number;
  /** SHA-256 of the whole content, hex. */
  hash: string;
}

export interface MarkedFiles {
  /** In the order in which they are read. */
  fresh: ContentMark[];
  /** Those that were known, as they are now. */
  known: ContentMark[];
}

/**
 * Looks at the files that the patterns find. One whose size and time are those of a known mark is not read for it. A file
 * that is written to while it is read is fresh again the next time: its mark is of before. No file is none at all.
 */
export async function markFiles(
  patterns: string[],
  before: readonly ContentMark[],
  signal: AbortSignal,
): Promise<MarkedFiles> {
  const byName = new Map(before.map((mark) => [mark.name, mark]));
  const hashes = new Set(before.map(({ hash }) => hash));
  const marked: MarkedFiles = { fresh: [], known: [] };
  for (const name of await namesOf(patterns)) {
    signal.throwIfAborted();
    const { size, mtimeMs } = await stat(name);
    const earlier = byName.get(name);
    if (earlier?.sizeBytes === size && earlier.modifiedMs === mtimeMs) {
      marked.known.push(earlier);
      continue;
    }
    const mark = { name, sizeBytes: size, modifiedMs: mtimeMs, hash: await hashOf(name, signal) };
    (hashes.has(mark.hash) ? marked.known : marked.fresh).push(mark);
  }
  return marked;
}

async function namesOf(patterns: string[]): Promise<string[]> {
  const names = new Set<string>();
  for (const pattern of patterns) {
    const found = await expandInputs([pattern]).catch((error: unknown) => {
      if (isPattern(pattern) && error instanceof TraceloadError && error.code === "source_not_found")
        return [];
      throw error;
    });
    for (const name of found) names.add(name);
  }
  return [...names];
}

/** A directory of exports may be empty; a file that is named must be there. */
function isPattern(text: string): boolean {
  return /[*?[\]{}]/.test(text);
}

async function hashOf(name: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(name), hash, { signal });
  return hash.digest("hex");
}
