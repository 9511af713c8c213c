/**
 * The built command in processes that have it loaded already: for commands that a test only waits for. Loading it takes
 * more than half of a short command's time. What is killed, told to stop, given an input or flags of Node's own is
 * started as a person starts it: traceload.ts.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Ended } from "./traceload.ts";

export interface ResidentRequest {
  args: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
}

export type ResidentAnswer = Pick<Ended, "stdout" | "stderr"> & { code: number };

export interface ResidentRun {
  readonly ended: Promise<Ended>;
  /** Ends the process together with the command, where that still goes on. */
  abandon(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL("resident-process.ts", import.meta.url));
/** Each embedded store that was opened leaves some memory behind. */
const RUNS_EACH = 30;

interface Resident {
  child: ChildProcess;
  runs: number;
}

/** Those that have nothing to do. They end with this process. */
const idle: Resident[] = [];

/** As many at once as are asked for, each in a process of its own. */
export function runResident(request: ResidentRequest): ResidentRun {
  const resident = idle.pop() ?? { child: startResident(), runs: 0 };
  const { child } = resident;
  child.ref();
  child.channel?.ref();
  const exit = once(child, "exit");
  const answered = once(child, "message").then(([answer]: unknown[]): Ended => {
    resident.runs += 1;
    if (resident.runs < RUNS_EACH) rest(resident);
    else child.kill();
    return { ...(answer as ResidentAnswer), signal: null };
  });
  const died = exit.then(([code, signal]: unknown[]): Ended => {
    throw new Error(`traceload ${request.args.join(" ")} took its process along: ${String(code ?? signal)}`);
  });
  died.catch(() => undefined);
  child.send(request);
  let over = false;
  const ended = Promise.race([answered, died]).finally(() => (over = true));
  return {
    ended,
    abandon: async () => {
      if (over) return;
      child.kill("SIGKILL");
      await exit;
    },
  };
}

function startResident(): ChildProcess {
  const child = fork(PROGRAM, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    execArgv: ["--max-semi-space-size=16"],
  });
  child.setMaxListeners(0);
  return child;
}

function rest(resident: Resident): void {
  resident.child.unref();
  resident.child.channel?.unref();
  idle.push(resident);
}
