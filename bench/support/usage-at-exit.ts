/** Loaded into measured processes: writes, as the last thing, what the process took. */
import { readFileSync, writeFileSync } from "node:fs";

const file = process.env["USAGE_FILE"];
if (file !== undefined) {
  process.once("exit", () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    const cpuMs = (userCPUTime + systemCPUTime) / 1000;
    writeFileSync(file, JSON.stringify({ cpuMs, peakRssMiB: (peakRssKiB() ?? maxRSS) / 1024 }));
  });
}

/** Linux's resource usage starts with what the parent had resident when it forked; this count is the process's own. */
function peakRssKiB(): number | undefined {
  try {
    const [, text] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return text === undefined ? undefined : Number(text);
  } catch {
    return undefined;
  }
}
