/**
 * Everything at once: an importer and workers killed at random moments, again and again, while the server fails one
 * request in twenty, a third of those after it had added the row. Small by default; TRACELOAD_FAULT_FULL=1 makes it
 * 20,000 rows and three workers, each process killed about every 5 s; TRACELOAD_FAULT_SEED moves the moments.
 * On Redis, or with TRACELOAD_FAULT_STORE=postgres on Postgres.
 */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/sandbox/random.ts";
import { audit } from "../support/audit.ts";
import type { ReportFiles } from "../support/report-files.ts";
import { findPostgres } from "../support/postgres-server.ts";
import { findRedis } from "../support/redis-server.ts";
import type { Ended, Traceload } from "../support/traceload.ts";
import { openStage, type Stage } from "./stage.ts";

const onPostgres = process.env["TRACELOAD_FAULT_STORE"] === "postgres";
const redis = onPostgres ? undefined : await findRedis("exactly once");
const postgres = onPostgres ? await findPostgres("exactly once") : undefined;

const FULL = process.env["TRACELOAD_FAULT_FULL"] === "1";
const SEED = Number(process.env["TRACELOAD_FAULT_SEED"] ?? 1);
const ROWS = FULL ? 20_000 : 400;
const WORKERS = FULL ? 3 : 1;
const MEAN_LIFE_MS = FULL ? 5_000 : 1_500;
const ROWS_A_LIFE = 5;
/** Killing ends when so many rows are there, so that somebody lives long enough to ask the server. */
const KILL_UNTIL = 0.9 * ROWS;
const TIMES = FULL
  ? ["--timeout=5s", "--send-window=2s", "--horizon=5s"]
  : ["--timeout=1s", "--send-window=500ms", "--horizon=1s"];
const TIMEOUT_MS = FULL ? 1_800_000 : 120_000;

describe.skipIf(redis === undefined && postgres === undefined)(
  `${ROWS} rows, ${WORKERS} workers beside the importer, all killed again and again, one request in twenty failing`,
  () => {
    test(
      "when the draft's rows carry their IDs: each row is there once, the report says so, and none is in doubt",
      async () => {
        const { stage, report } = await storm({ name: "exactly-once-ids", sandbox: ["--rows=ids"] });
        expect(audit({ record: await stage.sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
        expect(await stage.sandbox.record()).toHaveLength(ROWS);
        const { counts, state } = report.summary;
        expect({ state, landed: counts.added + counts.duplicate, unknown: counts.unknown }).toEqual({
          state: "finished",
          landed: ROWS,
          unknown: 0,
        });
      },
      TIMEOUT_MS,
    );

    // What the other two show in small, test/cli/verify and the tests beside this one show as well.
    test.runIf(FULL)(
      "when the draft's rows carry no IDs: nothing is there twice, and what could not be told is held, with its reason",
      async () => {
        const { stage, report } = await storm({ name: "exactly-once-opaque", sandbox: ["--rows=opaque"] });
        expect(audit({ record: await stage.sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
        expect(report.summary.state).toBe("finished");
        const held = report.rows.filter((row) => row.status === "unknown");
        expect(held.filter((row) => row.error_code === "" || row.error === "")).toEqual([]);
      },
      TIMEOUT_MS,
    );

    test.runIf(FULL)(
      "under --on-unknown hold: nothing is sent twice, and what is there is called added or unknown",
      async () => {
        const { stage, report } = await storm({
          name: "exactly-once-hold",
          sandbox: ["--rows=ids"],
          flags: ["--on-unknown=hold"],
        });
        expect(audit({ record: await stage.sandbox.record(), report, rowsRead: ROWS })).toEqual([]);
        const { counts, state } = report.summary;
        expect(state).toBe("finished");
        expect(counts.added + counts.duplicate + counts.unknown).toBe(ROWS);
        expect(counts.unknown).toBeGreaterThan(0);
      },
      TIMEOUT_MS,
    );
  },
);

interface Storm {
  name: string;
  sandbox: readonly string[];
  flags?: readonly string[];
}

/** Rages until nine rows in ten are there, then lets the same command, typed again, come to its end. */
async function storm({ name, sandbox, flags = [] }: Storm): Promise<{ stage: Stage; report: ReportFiles }> {
  const random = seededRandom(SEED);
  const stage = await openStage({
    name,
    redis,
    postgres,
    rows: ROWS,
    sandbox: ["--latency", "5ms..30ms", "--faults", "5%", "--seed", String(SEED), ...sandbox],
    importFlags: ["--rate=300/s", "--on-unknown=verify", ...TIMES, ...flags],
    timeFlags: ["--lease-ttl=3s"],
  });
  const stats = async () => (await stage.sandbox.stats()).applied;
  let raging = true;
  const rage = async (start: () => Traceload): Promise<Ended> => {
    for (;;) {
      const one = start();
      if (raging) {
        // A life counts from when rows arrive: on a slow machine nobody would live to send any.
        const before = await stats();
        const isAtWork = async () => !raging || (await stats()) >= before + ROWS_A_LIFE;
        await one.until(isAtWork).catch(() => one.ended);
        await Promise.race([one.ended, pause(MEAN_LIFE_MS * (0.5 + random()))]);
        if (raging) await one.kill("SIGKILL");
      }
      const ended = await one.ended;
      if (ended.signal !== "SIGKILL") return ended;
    }
  };
  const lives: Traceload[] = [];
  const workers = Array.from({ length: WORKERS }, (_, index) =>
    rage(() => (lives[index] = stage.startWorker())),
  );
  const importing = rage(() => stage.startImport());
  while ((await stats()) < KILL_UNTIL) {
    const over = await Promise.race([importing, pause(50)]);
    if (over !== undefined) throw new Error(`the import ended too early:\n${over.stdout}${over.stderr}`);
  }
  raging = false;
  const ended = await importing;
  for (const worker of lives) await worker.kill("SIGTERM");
  await Promise.all(workers);
  return { stage, report: await stage.report(ended) };
}
