/**
 * The sandbox of a test, on a free port, in the test's own process: what it recorded is what commands are judged by.
 * One that is to be killed is a process of its own: sandbox-process.ts.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { SandboxStats } from "../../src/sandbox/control.ts";
import { parseLogEvent } from "../../src/sandbox/log-event.ts";
import { startSandbox } from "../../src/sandbox/server.ts";
import { parseSandboxFlags } from "../../src/sandbox/settings.ts";
import type { TraceChange } from "../../src/sandbox/traces.ts";
import type { Scene } from "./scene.ts";

/** A row that the server holds. */
export interface AppliedRow {
  datasetGroupId: number;
  traceId: string;
  spanId: string | undefined;
  /** Milliseconds since the epoch. */
  time: number;
}

export interface TestSandbox {
  readonly url: string;
  readonly recordFile: string;
  /** Every row ever applied, in order, read from the file. */
  record(): Promise<AppliedRow[]>;
  stats(): Promise<SandboxStats>;
  /** When each add-trace request arrived, in milliseconds since the epoch. */
  arrivals(): Promise<number[]>;
}

export interface OwnSandbox extends TestSandbox {
  /** Answers all that comes from now on. */
  forgetFaults(): void;
  /** Says from now on which traces there are. */
  setTraces(change: TraceChange): void;
}

/** `flags` as `traceload sandbox` takes them. Closes with its scene. */
export async function startTestSandbox(scene: Scene, flags: readonly string[] = []): Promise<OwnSandbox> {
  const recordFile = recordFileOf(scene);
  const sandbox = await startSandbox({ ...parseSandboxFlags(namedFlags(flags)), recordFile });
  scene.atEnd(() => sandbox.close());
  return {
    url: sandbox.url,
    recordFile,
    record: () => readRecord(recordFile),
    stats: () => Promise.resolve(sandbox.stats({ duplicates: false })),
    arrivals: () => Promise.resolve(sandbox.arrivalsMs()),
    setTraces: (change) => sandbox.setTraces(change),
    forgetFaults: () => sandbox.addFaults([], { replace: true }),
  };
}

export function recordFileOf(scene: Scene): string {
  return path.join(scene.directory, "sandbox-record.ndjson");
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

const MANY: ReadonlySet<string> = new Set(["fault", "missing", "key"]);

/** `--name value` and `--name=value` as the command line's parser hands them on. */
function namedFlags(args: readonly string[]): Record<string, unknown> {
  const flags: Record<string, unknown> = {};
  const words = args.flatMap((arg) => {
    const at = arg.startsWith("--") ? arg.indexOf("=") : -1;
    return at === -1 ? [arg] : [arg.slice(0, at), arg.slice(at + 1)];
  });
  for (let index = 0; index + 1 < words.length; index += 2) {
    const name = (words[index] ?? "")
      .slice(2)
      .replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const value = words[index + 1];
    const before = flags[name];
    flags[name] = MANY.has(name) ? [...(Array.isArray(before) ? before : []), value] : value;
  }
  return flags;
}
