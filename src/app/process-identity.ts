/** Who this process is to others in the same store, whose it is, and whether another one of this host still lives. */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import type { LeaseHolder } from "../core/store.ts";

export function thisProcess(): LeaseHolder {
  return {
    host: hostname() + readPidNamespace(),
    bootId: readBootId(),
    pid: process.pid,
    processStart: readProcessStart(process.pid) ?? "unknown",
  };
}

/** A user's name and host, for what is noted of a person's decisions. */
export function thisPerson(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // In a container a user may have a number and no name.
    return `user ${process.getuid?.() ?? "unknown"}@${hostname()}`;
  }
}

/**
 * `true` only when it is certain: the holder ran on this host, in this boot, and its pid is gone or belongs to a
 * process that started at another time. Of another host nothing is certain but its lease's end.
 */
export function isDead(holder: LeaseHolder, me: LeaseHolder): boolean {
  // Another boot may be another machine's of the same name; where it is not, the lease has run out meanwhile.
  if (holder.host !== me.host || holder.bootId !== me.bootId) return false;
  if (holder.pid === me.pid) return holder.processStart !== me.processStart;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
  const start = readProcessStart(holder.pid);
  return (
    start === ENDED ||
    (start !== undefined && holder.processStart !== "unknown" && start !== holder.processStart)
  );
}

/** The name of the machine's own namespace on Linux (PROC_PID_INIT_INO); a container has another. */
const MACHINE_PIDS = "pid:[4026531836]";
/** Killed, and not yet waited for by its parent: it has a pid still, and nothing else. */
const ENDED = "ended";

/** Containers that share a host's name and kernel have pids of their own: one's pid 7 says nothing of another's. */
function readPidNamespace(): string {
  try {
    const name = readlinkSync("/proc/self/ns/pid");
    return name === MACHINE_PIDS ? "" : `/${name}`;
  } catch {
    return "";
  }
}

function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
}

/** Clock ticks since boot, from field 22 of /proc/PID/stat (proc(5)), or ENDED; undefined where there is no such file. */
function readProcessStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in parentheses and may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? ENDED : fields[19];
  } catch {
    return undefined;
  }
}
