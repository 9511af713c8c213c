/** Who a process is, so that another can tell whether it still lives, even after its pid was given away anew. */
import { execFile } from "node:child_process";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { promisify } from "node:util";
import type { LeaseHolder } from "../../core/store.ts";

const run = promisify(execFile);

/** This process, in the terms that leases and lock files name their holders in. */
export async function identifyProcess(pid: number): Promise<LeaseHolder> {
  return { host: hostname(), bootId: await bootId(), pid, processStart: (await processStart(pid)) ?? "" };
}

/**
 * Whether the holder has certainly ended. `false` for a holder on another host: from here nobody can know.
 */
export async function hasEnded(holder: LeaseHolder): Promise<boolean> {
  if (holder.host !== hostname()) return false;
  if (holder.bootId !== (await bootId())) return true;
  const start = await processStart(holder.pid);
  return start === undefined || (holder.processStart !== "" && start !== holder.processStart);
}

/**
 * What pids are counted in: containers of one machine may share its name and its boot, and each has pids of its own.
 * Empty where the system tells none.
 */
export function pidNamespace(): Promise<string> {
  return readlink("/proc/self/ns/pid").catch(() => "");
}

/** Empty where the system tells none; then only pid and start time tell processes apart. */
export async function bootId(): Promise<string> {
  return readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (text) => text.trim(),
    () => "",
  );
}

/** Undefined when there is no such process; empty when there is one whose start is not told. */
async function processStart(pid: number): Promise<string | undefined> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: there is one, of another user.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return undefined;
  }
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (stat !== undefined) {
    // The name in parentheses may hold anything; state is the 3rd field of proc(5), start time the 22nd.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  }
  return run("ps", ["-o", "lstart=", "-p", String(pid)]).then(
    ({ stdout }) => stdout.trim(),
    () => "",
  );
}
