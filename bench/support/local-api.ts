/** The API that benchmarks send to: the sandbox, in a process of its own, without latency unless told otherwise. */
import { setTimeout as pause } from "node:timers/promises";
import type { Scene, Usage } from "./scene.ts";

export interface LocalApi {
  readonly url: string;
  /** When each POST arrived, in milliseconds since the epoch. */
  arrivals(): Promise<number[]>;
  /** When each row was applied, likewise, in order. */
  applied(): Promise<number[]>;
  stop(): Promise<Usage | undefined>;
}

export async function startLocalApi(scene: Scene, flags: readonly string[] = []): Promise<LocalApi> {
  const sandbox = scene.traceload(["sandbox", "--port", "0", ...flags]);
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
    applied: async () => {
      const lines = (await (await fetch(`${url}/_sandbox/record`)).text()).split("\n");
      return lines.flatMap((line) => {
        const time: unknown = line === "" ? undefined : (JSON.parse(line) as Record<string, unknown>)["time"];
        if (typeof time === "string") return [Date.parse(time)];
        return typeof time === "number" ? [time] : [];
      });
    },
    stop: async () => {
      sandbox.kill("SIGTERM");
      return (await sandbox.ended).usage;
    },
  };
}
