/** What the user named: paths, patterns and `-`, turned into the list of sources, and what these are like now. */
import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import { TraceloadError } from "../core/errors.ts";
import type { SourceFacts } from "../core/source.ts";
import { isAddress } from "./remote/address.ts";

export const STDIN = "-";

const HASHED_BYTES = 64 * 1024;

type Stats = Awaited<ReturnType<typeof stat>>;

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new TraceloadError("source_unreadable", `${path} cannot be read: ${String(code ?? error)}`, {
      cause: error,
    });
  }
}

async function expand(input: string): Promise<string[]> {
  if (input === STDIN || isAddress(input)) return [input];
  const stats = await statIfThere(input);
  if (stats?.isDirectory() === true) {
    throw new TraceloadError("source_not_found", `${input} is a directory`, {
      next: `Name the files in it: traceload import '${input.replace(/\/+$/, "")}/*.csv'`,
    });
  }
  if (stats !== undefined) return [input];
  const found = isDynamicPattern(input)
    ? await glob(input, { absolute: isAbsolute(input), onlyFiles: true, expandDirectories: false })
    : [];
  if (found.length > 0) return found.sort();
  throw new TraceloadError(
    "source_not_found",
    isDynamicPattern(input) ? `no file matches ${input}` : `${input} does not exist`,
    { next: `Check the path; it is looked up from ${resolve(".")}` },
  );
}

/** Patterns expanded and sorted, each file and address once, in the order of the inputs. Throws `source_not_found`. */
export async function expandInputs(inputs: readonly string[]): Promise<string[]> {
  const names = new Map<string, string>();
  for (const input of inputs) {
    for (const name of await expand(input)) {
      const key = name === STDIN || isAddress(name) ? name : resolve(name);
      if (!names.has(key)) names.set(key, name);
    }
  }
  return [...names.values()];
}

/** Only regular files are looked into: a pipe's bytes can be read once. */
export async function sourceFacts(name: string): Promise<SourceFacts> {
  const stats = name === STDIN ? undefined : await statIfThere(name);
  if (stats?.isFile() !== true) {
    return { name, sizeBytes: undefined, modifiedMs: undefined, headHash: undefined };
  }
  try {
    const file = await open(name);
    try {
      const head = Buffer.alloc(HASHED_BYTES);
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(head, length, HASHED_BYTES - length);
        length += bytesRead;
        if (bytesRead === 0 || length === HASHED_BYTES) break;
      }
      const headHash = createHash("sha256").update(head.subarray(0, length)).digest("hex");
      return { name, sizeBytes: Number(stats.size), modifiedMs: Number(stats.mtimeMs), headHash };
    } finally {
      await file.close();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TraceloadError("source_unreadable", `${name} cannot be read: ${reason}`, { cause: error });
  }
}
