/**
 * A process stands still between its claim and its POST (a laptop that sleeps, a machine that swaps): SIGSTOP, and
 * SIGCONT when the time to send is over. The moment is met exactly: a proxy in front of Redis sees the claim go by,
 * and stops the worker before it can read the answer.
 */
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { rowKey } from "../../src/core/row.ts";
import { claimScript } from "../../src/store/redis/scripts/claim.ts";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import type { ReportFiles } from "../support/report-files.ts";
import type { AppliedRow } from "../support/sandbox.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import type { Traceload } from "../support/traceload.ts";
import { openStage, type Stage } from "./stage.ts";

const redis = await findRedis("a stopped worker", { restartable: true });

const ROWS = 90;
const SEND_WINDOW_MS = 1_000;
/** From the header's leaving to the sandbox's record, on a busy machine. */
const ON_THE_WAY_MS = 600;
const CLAIM = createHash("sha1").update(claimScript.lua).digest("hex");

describe.skipIf(redis === undefined)("a worker stopped between claim and POST", () => {
  test("sends none of the rows it had claimed when their time is over, and loses none", async () => {
    const stage = await open({ name: "stopped" });
    const { claims, report, record } = await stopAtClaims(stage, { stops: 2, stopMs: 2_000 });
    expect(audit({ record, report, rowsRead: ROWS })).toEqual([]);
    expect(lateRows(stage, claims.all, record)).toEqual([]);
    // Nobody took it for dead, so nothing is in doubt.
    expect(report.summary.counts).toMatchObject({ added: ROWS, unknown: 0 });
    expect(claims.held.size).toBeGreaterThanOrEqual(2);
  }, 90_000);

  test("stopped for so long that others took it for dead, still sends nothing twice", async () => {
    const times = ["--lease-ttl=2s", "--lock-time=2s", "--stalled-check=500ms"];
    const stage = await open({ name: "stopped-long", timeFlags: times });
    const { claims, report, record } = await stopAtClaims(stage, { stops: 1, stopMs: 5_000 });
    expect(audit({ record, report, rowsRead: ROWS })).toEqual([]);
    expect(lateRows(stage, claims.all, record)).toEqual([]);
    const inDoubt = report.rows.filter(({ status }) => status === "unknown");
    expect(inDoubt.filter((row) => !claims.byWorker.has(keyOf(stage, row.trace_id, row.span_id)))).toEqual(
      [],
    );
  }, 90_000);
});

function open(options: { name: string; timeFlags?: string[] }): Promise<Stage> {
  return openStage({
    ...options,
    rows: ROWS,
    redis,
    sandbox: ["--latency", "20ms"],
    importFlags: [`--send-window=${SEND_WINDOW_MS}ms`, "--rate=15/s"],
  });
}

interface Claims {
  /** Key of a row -> when a claim for it was sent to the store, each time. */
  all: Map<string, number[]>;
  /** Keys that the worker has claimed. */
  byWorker: Set<string>;
  /** Keys whose claim was answered while the worker stood still. */
  held: Set<string>;
}

async function stopAtClaims(
  stage: Stage,
  { stops, stopMs }: { stops: number; stopMs: number },
): Promise<{ claims: Claims; report: ReportFiles; record: AppliedRow[] }> {
  const targetPort = Number(new URL(stage.storeUrl).port);
  const keys = await keysOf(stage);
  const claims: Claims = { all: new Map(), byWorker: new Set(), held: new Set() };
  const note = (chunk: Buffer): string[] => {
    if (!chunk.includes(CLAIM)) return [];
    const claimed = keys.filter(({ bytes }) => chunk.includes(bytes)).map(({ key }) => key);
    for (const key of claimed) claims.all.set(key, [...(claims.all.get(key) ?? []), Date.now()]);
    return claimed;
  };

  let worker: Traceload | undefined;
  let left = stops;
  let nextStopAt = 0;
  const asked = new Map<number, string[]>();
  const watched = await startTcpProxy({ targetPort, onRequest: (chunk) => void note(chunk) });
  const stopping = await startTcpProxy({
    targetPort,
    onRequest: (chunk, connection) => {
      const claimed = note(chunk);
      for (const key of claimed) claims.byWorker.add(key);
      if (claimed.length > 0) asked.set(connection, claimed);
    },
    onReply: async (_chunk, connection, passOn) => {
      const claimed = asked.get(connection) ?? [];
      asked.delete(connection);
      if (claimed.length === 0 || left === 0 || worker === undefined || Date.now() < nextStopAt) return;
      left -= 1;
      for (const key of claimed) claims.held.add(key);
      await worker.kill("SIGSTOP");
      passOn();
      await pause(stopMs);
      await worker.kill("SIGCONT");
      nextStopAt = Date.now() + 500;
    },
  });
  stage.scene.atEnd(() => watched.close());
  stage.scene.atEnd(() => stopping.close());

  worker = stage.startWorker(`--store=redis://127.0.0.1:${stopping.port}`);
  await stage.untilServing(worker);
  const ended = await stage.startImport(`--store=redis://127.0.0.1:${watched.port}`).ended;
  expect({ stopsLeft: left }).toEqual({ stopsLeft: 0 });
  return { claims, report: await stage.report(ended), record: await stage.sandbox.record() };
}

/** Rows that were applied later than their last claim before that allows. */
function lateRows(stage: Stage, claims: Claims["all"], record: readonly AppliedRow[]): string[] {
  return record.flatMap(({ traceId, spanId, time }) => {
    const before = (claims.get(keyOf(stage, traceId, spanId)) ?? []).filter((claimedAt) => claimedAt <= time);
    const afterMs = time - Math.max(...before);
    return afterMs <= SEND_WINDOW_MS + ON_THE_WAY_MS ? [] : [`${traceId} ${spanId ?? ""}: ${afterMs} ms`];
  });
}

function keyOf(stage: Stage, traceId: string, spanId: string | undefined): string {
  return rowKey(stage.sandbox.url, {
    datasetGroupId: 42,
    traceId,
    spanId: spanId === "" ? undefined : spanId,
  });
}

async function keysOf(stage: Stage): Promise<{ key: string; bytes: Buffer }[]> {
  return stage.rows.map(([traceId, spanId]) => {
    const key = keyOf(stage, traceId, spanId);
    return { key, bytes: Buffer.from(key, "hex") };
  });
}
