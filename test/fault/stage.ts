/**
 * Where a fault happens: a sandbox, a store, a file of rows, and commands whose times are set to seconds. All
 * stores are served alike; a server is one that may be killed.
 */
import { SETTINGS } from "../../config/settings.ts";
import type { Traceload } from "../support/traceload.ts";
import { readReport, type ReportFiles } from "../support/report-files.ts";
import type { PostgresServer, PostgresSource } from "../support/postgres-server.ts";
import type { RedisServer, RedisSource } from "../support/redis-server.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { type OwnSandbox, startTestSandbox, type TestSandbox } from "../support/sandbox.ts";
import { openScene, type Scene } from "../support/scene.ts";
import type { Ended } from "../support/traceload.ts";

export interface StageOptions {
  name: string;
  rows: number;
  /** Neither of them: the embedded store. */
  redis?: RedisSource | undefined;
  postgres?: PostgresSource | undefined;
  /** What Redis may forget when it dies; nothing by default. */
  appendfsync?: "always" | "everysec";
  /** Flags of the sandbox. */
  sandbox?: readonly string[];
  /** Flags of every import, after (and so before) those of the stage. */
  importFlags?: readonly string[];
  /** Flags of every import and every worker. */
  timeFlags?: readonly string[];
}

export interface Stage<S extends TestSandbox = OwnSandbox> {
  readonly scene: Scene;
  readonly sandbox: S;
  readonly redis: RedisServer | undefined;
  /** The server that the store is on; undefined for the embedded one. */
  readonly server: RedisServer | PostgresServer | undefined;
  /** Reaches the stage's store. */
  readonly storeUrl: string;
  readonly file: string;
  /** Trace and span of each row in the file. */
  readonly rows: readonly (readonly [traceId: string, spanId: string])[];
  startImport(...flags: string[]): Traceload;
  startWorker(...flags: string[]): Traceload;
  /** What `startWorker` starts, for a worker in an environment of its own. */
  workerArguments(...flags: string[]): string[];
  /** Waits until the server holds so many rows. */
  untilApplied(rows: number, beside: Traceload): Promise<void>;
  /** Waits until the worker serves runs of this store. */
  untilServing(worker: Traceload): Promise<void>;
  report(ended: Ended): Promise<ReportFiles>;
}

/** Another one moves the moments at which the faults come. */
export const SEED = Number(process.env["TRACELOAD_FAULT_SEED"] ?? 1);

/** Requests that each process has in flight, at most. */
export const CONCURRENCY = 8;

/**
 * Seconds instead of minutes. Lease and lock must outlast a busy machine's pauses: a process that only seems dead
 * makes its rows unknown, rightly, and these tests would blame the fault for it.
 */
const TIMES = ["--lease-ttl=10s", "--lock-time=5s", "--stalled-check=1s", "--sweep-interval=300ms"] as const;

/** What a fault leaves in doubt stays so for the test to see. */
const HOLD = "onUnknown" in SETTINGS ? ["--on-unknown=hold"] : [];

export function openStage(options: StageOptions): Promise<Stage> {
  return openStageWith(startTestSandbox, options);
}

/** For a sandbox of another kind. */
export async function openStageWith<S extends TestSandbox>(
  startSandbox: (scene: Scene, flags?: readonly string[]) => Promise<S>,
  options: StageOptions,
): Promise<Stage<S>> {
  const scene = await openScene(options.name);
  const redis = await options.redis?.start({
    appendonly: "yes",
    appendfsync: options.appendfsync ?? "always",
  });
  const server = redis ?? (await options.postgres?.start());
  if (server !== undefined) {
    if (server.directory !== undefined) scene.alsoKeep(server.directory);
    scene.atEnd(() => server.stop());
  }
  const sandbox = await startSandbox(scene, options.sandbox);
  const rows = rowIds(options.rows);
  const file = await scene.write("rows.csv", csvOf(rows));
  const storeUrl = server?.url ?? `pglite:${scene.directory}/store`;
  const common = [
    `--base-url=${sandbox.url}`,
    `--store=${storeUrl}`,
    `--concurrency=${CONCURRENCY}`,
    ...TIMES,
    ...(options.timeFlags ?? []),
  ];
  const workerArguments = (...flags: string[]) => ["worker", ...common, ...flags];
  return {
    scene,
    sandbox,
    redis,
    server,
    storeUrl,
    file,
    rows,
    startImport: (...flags) =>
      scene.start([
        "import",
        file,
        "--dataset-group=42",
        "--json",
        "--rate=unlimited",
        "--timeout=10s",
        "--retry-base=50ms",
        "--retry-cap=500ms",
        ...HOLD,
        ...common,
        ...(options.importFlags ?? []),
        ...flags,
      ]),
    startWorker: (...flags) => scene.start(workerArguments(...flags)),
    workerArguments,
    untilApplied: (rows, beside) => beside.until(async () => (await sandbox.stats()).applied >= rows),
    untilServing: (worker) => worker.until(() => worker.stderr().includes("serving runs")),
    report: (ended) => readReport(scene.directory, ended),
  };
}
