/**
 * `npm run test:fuzz -- [--seconds N] [--samples FOLDER] [--keep FOLDER] [--round N]`: reads exports, tables and the
 * folder's files that were damaged at random, for N seconds of processor time. Whatever they are, reading ends in rows
 * and at most one fault: no crash, no hang, no changed prototype, bounded memory, the same in pieces of any size. What
 * fails is kept in a folder; ends with 1 then. Prints one JSON object. On Linux.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { CaseMessage } from "./cases.ts";

/** A case that takes this much processor time hangs. */
const HANG_SECONDS = 60;
const LOOK_MS = 1_000;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    samples: { type: "string", default: "" },
    keep: { type: "string", default: path.join(tmpdir(), "traceload-fuzz") },
    round: { type: "string", default: "1" },
  },
});

const total = {
  cases: 0,
  rows: 0,
  invalid: 0,
  faults: {} as Record<string, number>,
  formats: {} as Record<string, number>,
  slowestMs: 0,
  mostGrownMiB: 0,
};
const failures: { reason: string; kept: string; times: number }[] = [];
let round = Number(values.round);
let earlierSeconds = 0;
/** Smaller cases included, that are tried to find the smallest that fails. */
let begun = 0;
/** The first Ctrl-C ends it before its time. */
let isOver = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => (isOver = true));

const directory = mkdtempSync(path.join(tmpdir(), "traceload-fuzz-"));
const caseFile = path.join(directory, "case");

/** The same reason again is counted, and its first case kept. */
function keep(reason: string, file = caseFile): void {
  const line = reason.split("\n").slice(0, 2).join(" ").slice(0, 300);
  const [kind = ""] = line.split(/[:"{]/);
  const known = failures.find((one) => one.reason.startsWith(kind));
  if (known !== undefined) known.times += 1;
  if (known !== undefined && known.times > 5) return;
  mkdirSync(values.keep, { recursive: true });
  const kept = path.join(values.keep, `failure-${round}`);
  try {
    copyFileSync(file, kept);
    copyFileSync(`${file}.json`, `${kept}.json`);
  } catch {
    // It failed before there was a case: the reason says it.
  }
  writeFileSync(`${kept}.txt`, reason);
  if (known === undefined) failures.push({ reason: line, kept, times: 1 });
  process.stderr.write(`round ${round}: ${line}\n`);
}

function take(message: CaseMessage): void {
  switch (message.kind) {
    case "started":
      round = message.round;
      break;
    case "began":
      begun += 1;
      break;
    case "ended": {
      const { outcome, cpuMs, grownMiB } = message;
      total.cases += 1;
      total.rows += outcome.rows;
      total.invalid += outcome.invalid;
      total.formats[outcome.format] = (total.formats[outcome.format] ?? 0) + 1;
      const fault = outcome.fault ?? "none";
      total.faults[fault] = (total.faults[fault] ?? 0) + 1;
      total.slowestMs = Math.max(total.slowestMs, Math.round(cpuMs));
      total.mostGrownMiB = Math.max(total.mostGrownMiB, Math.round(grownMiB));
      break;
    }
    case "failed":
      keep(message.reason, message.file);
      break;
    default:
      message satisfies never;
  }
}

/** The processor time that the process took so far, in seconds; Linux only. */
function secondsOf(child: ChildProcess): number {
  try {
    const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

/** Until it ends by itself, hangs, or the time is over. */
async function watch(child: ChildProcess): Promise<void> {
  let [heard, atHeard] = [begun, 0];
  let hasEnded = false;
  child.on("message", (message) => take(message as CaseMessage));
  const exited = once(child, "exit").then(([code, signal]) => {
    if (!hasEnded && !isOver && code !== 0) keep(`the process ended with ${String(code ?? signal)}`);
    hasEnded = true;
  });
  let seconds = 0;
  while (!hasEnded) {
    await Promise.race([exited, pause(LOOK_MS)]);
    seconds = Math.max(seconds, secondsOf(child));
    if (begun !== heard) [heard, atHeard] = [begun, seconds];
    const hangs = seconds - atHeard > HANG_SECONDS;
    isOver ||= earlierSeconds + seconds >= Number(values.seconds);
    if (hasEnded || !(hangs || isOver)) continue;
    hasEnded = true;
    if (hangs) keep(`it hangs: ${HANG_SECONDS} s and no end`);
  }
  child.kill("SIGKILL");
  await exited;
  earlierSeconds += seconds;
}

const cases = fileURLToPath(new URL("cases.ts", import.meta.url));
try {
  while (!isOver) {
    const child = fork(cases, [directory, values.samples, String(round)], {
      execArgv: ["--max-old-space-size=384"],
      env: { PATH: process.env["PATH"], TMPDIR: directory },
    });
    await watch(child);
    round += 1;
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.stdout.write(
  `${JSON.stringify({ seconds: Math.round(earlierSeconds), ...total, failures }, undefined, 2)}\n`,
);
process.exitCode = failures.length > 0 ? 1 : 0;
