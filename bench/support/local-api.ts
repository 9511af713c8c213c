/** The API that benchmarks send to: the sandbox, in a process of its own, without latency. */
import { setTimeout as pause } from "node:timers/promises";
import type { Scene, Usage } from "./scene.ts";

export interface LocalApi {
  readonly url: string;
  /** When each POST arrived, in milliseconds since the epoch. */
  arrivals(): Promise<number[]>;
  stop(): Promise<Usage | undefined>;
}

export async function startLocalApi(scene: Scene): Promise<LocalApi> {
  const sandbox = scene.traceload(["sandbox", "--port", "0"]);
  while (!sandbox.stdout().includes("\n")) {
    const ended = await Promise.race([sandbox.ended, pause(20)]);
    if (ended !== undefined) throw new Error(`the sandbox did not start:\n${ended.stderr}`);
  }
  const url = sandbox.stdout().trim();
  return {
    url,
    arrivals: async () => {
      const response = await fetch(`${url}/_sandbox/arrivals`);
      return (await response.json()) as number[];
    },
    stop: async () => {
      sandbox.kill("SIGTERM");
      return (await sandbox.ended).usage;
    },
  };
}
