/** The sandbox as a process of its own, for tests that kill it. */
import type { SandboxStats } from "../../src/sandbox/control.ts";
import { readRecord, recordFileOf, type TestSandbox } from "./sandbox.ts";
import type { Scene } from "./scene.ts";
import type { Traceload } from "./traceload.ts";

export interface SandboxProcess extends TestSandbox {
  readonly process: Traceload;
}

/** `flags` are those of `traceload sandbox`; `--port` lets another one take the place of one that was killed. */
export async function startSandboxProcess(
  scene: Scene,
  flags: readonly string[] = [],
): Promise<SandboxProcess> {
  const recordFile = recordFileOf(scene);
  const sandbox = scene.start(["sandbox", "--record", recordFile, ...flags]);
  await sandbox.until(() => sandbox.stdout().includes("\n"));
  const url = sandbox.stdout().trim();
  const ask = async (name: string, body?: unknown): Promise<unknown> => {
    const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`${url}/_sandbox/${name}`, options);
    if (!response.ok) throw new Error(`the sandbox refused ${name}: ${await response.text()}`);
    return response.json();
  };
  return {
    url,
    process: sandbox,
    recordFile,
    record: () => readRecord(recordFile),
    stats: async () => (await ask("stats?duplicates=no")) as SandboxStats,
    arrivals: async () => (await ask("arrivals")) as number[],
  };
}
