/** The sandbox on a free port, as `traceload sandbox` would run it: what it recorded is what the other commands are judged by. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { SandboxStats } from "../../src/sandbox/control.ts";
import { parseLogEvent } from "../../src/sandbox/log-event.ts";
import type { Scene } from "./scene.ts";
import type { Traceload } from "./traceload.ts";

/** A row that the server holds. */
export interface AppliedRow {
  datasetGroupId: number;
  traceId: string;
  spanId: string | undefined;
  /** Milliseconds since the epoch. */
  time: number;
}

export interface SandboxProcess {
  readonly url: string;
  readonly process: Traceload;
  readonly recordFile: string;
  /** Every row ever applied, in order, read from the file. */
  record(): Promise<AppliedRow[]>;
  stats(): Promise<SandboxStats>;
  /** When each add-trace request arrived, in milliseconds since the epoch. */
  arrivals(): Promise<number[]>;
  /** Rules in the control plane's own notation. */
  addFaults(script: readonly Record<string, unknown>[], options?: { replace: boolean }): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL("sandbox-program.ts", import.meta.url));

export async function startSandboxProcess(
  scene: Scene,
  flags: readonly string[] = [],
): Promise<SandboxProcess> {
  const recordFile = path.join(scene.directory, "sandbox-record.ndjson");
  const sandbox = scene.start(["--record", recordFile, ...flags], { program: PROGRAM });
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
    addFaults: async (script, { replace } = { replace: false }) => {
      await ask("faults", { script, replace });
    },
  };
}

/** Lines with an event are no rows: groups, drafts, saves. */
export async function readRecord(file: string): Promise<AppliedRow[]> {
  const lines = (await readFile(file, "utf8")).split("\n");
  return lines.flatMap((line) => {
    const event = parseLogEvent(line);
    if (event === undefined || "event" in event) return [];
    return {
      datasetGroupId: event.dataset_group_id,
      traceId: event.trace_id,
      spanId: event.span_id ?? undefined,
      time: event.time,
    };
  });
}
