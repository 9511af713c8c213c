/** Who this process is to others in the same store, and whether another process of this host still lives. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { LeaseHolder } from "../core/store.ts";

export function thisProcess(): LeaseHolder {
  return {
    host: hostname(),
    bootId: readBootId(),
    pid: process.pid,
    processStart: readProcessStart(process.pid) ?? "unknown",
  };
}

/**
 * `true` only when it is certain: the holder ran on this host, in this boot, and its pid is gone or belongs to a
 * process that started at another time. Of another host nothing is certain but its lease's end.
 */
export function isDead(holder: LeaseHolder, me: LeaseHolder): boolean {
  if (holder.host !== me.host) return false;
  if (holder.bootId !== me.bootId) return me.bootId !== "unknown" && holder.bootId !== "unknown";
  if (holder.pid === me.pid) return holder.processStart !== me.processStart;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
  const start = readProcessStart(holder.pid);
  return start !== undefined && holder.processStart !== "unknown" && start !== holder.processStart;
}

function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
}

/** Clock ticks since boot, from field 22 of /proc/PID/stat (proc(5)); undefined where there is no such file. */
function readProcessStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in parentheses and may hold spaces and parentheses itself.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
