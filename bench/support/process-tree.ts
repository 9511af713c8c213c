/** Resident memory of a process and all its descendants, sampled. Linux only: it reads /proc. */
import { readdirSync, readFileSync } from "node:fs";

export interface MemorySamples {
  /** The highest sum seen. */
  peakMiB: number;
  /** What it stood at for most of the second half. */
  steadyMiB: number;
  samples: number;
}

const PAGE_BYTES = 4096;

/** Samples until `stop` is called. Memory that processes share is counted for each of them. */
export function sampleMemory(pid: number, everyMs: number): { stop(): MemorySamples } {
  const seen: number[] = [];
  const look = (): void => {
    const mib = treeOf(pid).reduce((sum, one) => sum + residentBytes(one), 0) / 2 ** 20;
    if (mib > 0) seen.push(mib);
  };
  look();
  const timer = setInterval(look, everyMs);
  return {
    stop: () => {
      clearInterval(timer);
      const late = seen.slice(Math.floor(seen.length / 2)).toSorted((a, b) => a - b);
      return {
        peakMiB: Math.max(...seen),
        steadyMiB: late[Math.floor(late.length / 2)] ?? Number.NaN,
        samples: seen.length,
      };
    },
  };
}

function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const parent = /^\d+$/.test(name) ? parentOf(name) : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

function parentOf(pid: string): number | undefined {
  // The command's name stands in parentheses and may hold anything; the parent is the second field behind it.
  const fields = read(`/proc/${pid}/stat`)?.split(") ").at(-1)?.split(" ");
  return fields === undefined ? undefined : Number(fields[1]);
}

function residentBytes(pid: number): number {
  return Number(read(`/proc/${pid}/statm`)?.split(" ")[1] ?? 0) * PAGE_BYTES;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // The process has ended meanwhile.
    return undefined;
  }
}
