/**
 * A worker dies at each step of a row's way: `kill -9` at the very moment, which proxies before Redis and before the API
 * see. One row at a time, so that it is known which one it was.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { type RowKey, rowKey } from "../../src/core/row.ts";
import { seededRandom } from "../../src/sandbox/random.ts";
import { claimScript } from "../../src/store/redis/scripts/claim.ts";
import { settleScript } from "../../src/store/redis/scripts/settle.ts";
import { openRedisStore } from "../../src/store/redis/store.ts";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { callsOf } from "../support/script-calls.ts";
import { startTcpProxy, type Cut } from "../support/tcp-proxy.ts";
import type { Traceload } from "../support/traceload.ts";
import { openStage, SEED, type Stage } from "./stage.ts";

const redis = await findRedis("a worker killed at its POST", { restartable: true });

const callsClaim = callsOf(claimScript);
const callsSettle = callsOf(settleScript);

/** What becomes of the row that the worker had in hand; `there`: whether the server has it in the end. */
interface Fate {
  status: "added" | "unknown";
  there: boolean;
}

const MOMENTS = {
  "with its claim granted and not told": { status: "unknown", there: false },
  "with the request on its way": { status: "unknown", there: false },
  "with half of the request sent": { status: "unknown", there: false },
  "when the server has applied it": { status: "unknown", there: true },
  "with the answer come and not read": { status: "unknown", there: true },
  "before its settlement reaches the store": { status: "unknown", there: true },
  "with its settlement done and not told": { status: "added", there: true },
  // The last: its row is taken up again, and must not meet the next moment.
  "before its claim reaches the store": { status: "added", there: true },
} as const satisfies Record<string, Fate>;
type Moment = keyof typeof MOMENTS;
const NAMES = Object.keys(MOMENTS) as Moment[];

const ROWS = 80;

describe.skipIf(redis === undefined)("a worker killed at each step of a row's way", () => {
  test("leaves at most that row unknown, and never has it sent twice", async () => {
    const random = seededRandom(SEED);
    const stage = await openStage({
      name: "killed-at-post",
      rows: ROWS,
      redis,
      importFlags: ["--rate=50/s"],
      timeFlags: ["--lock-time=1s", "--stalled-check=300ms", "--concurrency=1"],
    });
    const victims = await openVictims(stage);
    const detached = await stage.startImport("--detach", `--base-url=${victims.baseUrl}`).ended;
    expect(JSON.parse(detached.stdout)).toMatchObject({ state: "draining", counts: { read: ROWS } });
    const met = new Map<string, Moment>();
    for (const moment of NAMES) {
      // Not at the first: the first call of a script only loads it.
      met.set(await victims.killOneAt(moment, 2 + Math.floor(random() * 3)), moment);
    }
    const last = victims.start();
    await last.until(() => /run \S+: finished/.test(last.stderr()));

    const report = await stage.report(
      await stage.scene.run(["report", "latest", "--json", `--store=${stage.storeUrl}`]),
    );
    const record = await stage.sandbox.record();
    expect(audit({ record, report, rowsRead: ROWS })).toEqual([]);
    const there = new Set(record.map(({ traceId }) => traceId));
    const fates = report.rows
      .filter(({ trace_id: traceId, status }) => met.has(traceId) || status !== "added")
      .map(({ trace_id: traceId, status }) => `${met.get(traceId)}: ${status}, ${there.has(traceId)}`);
    const expected = NAMES.map((name) => `${name}: ${MOMENTS[name].status}, ${MOMENTS[name].there}`);
    expect(fates.sort()).toEqual(expected.sort());
  }, 120_000);
});

interface Victims {
  readonly baseUrl: string;
  start(): Traceload;
  /** Starts a worker and kills it at that moment of its `nth` row; answers the trace of the row. */
  killOneAt(moment: Moment, nth: number): Promise<string>;
}

/** Workers with a proxy on either side. */
async function openVictims(stage: Stage): Promise<Victims> {
  let worker: Traceload | undefined;
  let moment: Moment | undefined;
  let rowsLeft = 0;
  let claimed = "";
  let died = Promise.withResolvers<string>();
  const posting = new Map<number, string>();
  const settling = new Set<number>();
  const claiming = new Set<number>();
  const claimedBefore = new Set<string>();
  const strike = (at: Moment, traceId: string, cut: Cut | undefined): Cut | undefined => {
    if (moment !== at || rowsLeft > 0) return undefined;
    moment = undefined;
    void worker?.kill("SIGKILL");
    died.resolve(traceId);
    return cut;
  };
  const nothing: Cut = { bytes: 0, end: "close" };

  const api = await startTcpProxy({
    targetPort: Number(new URL(stage.sandbox.url).port),
    onRequest: (chunk, connection) => {
      const traceId = /"trace_id":"([^"]+)"/.exec(chunk.toString("latin1"))?.[1];
      if (traceId === undefined) return undefined;
      posting.set(connection, traceId);
      const half = { bytes: Math.floor(chunk.length / 2), end: "close" } as const;
      return (
        strike("with the request on its way", traceId, nothing) ??
        strike("with half of the request sent", traceId, half)
      );
    },
    onReply: async (_chunk, connection, passOn) => {
      const traceId = posting.get(connection);
      posting.delete(connection);
      if (traceId === undefined) return undefined;
      if (moment === "with the answer come and not read" && rowsLeft <= 0) {
        await worker?.kill("SIGSTOP");
        passOn();
        strike("with the answer come and not read", traceId, undefined);
        return undefined;
      }
      return strike("when the server has applied it", traceId, nothing);
    },
  });
  stage.scene.atEnd(() => api.close());
  const baseUrl = `http://127.0.0.1:${api.port}`;
  const keyOf = (wanted: string) => {
    const [traceId, spanId] = stage.rows.find(([traceId]) => traceId === wanted) ?? [wanted, ""];
    return rowKey(baseUrl, { datasetGroupId: 42, traceId, spanId: spanId === "" ? undefined : spanId });
  };
  const keys = stage.rows.map(([traceId]) => ({ traceId, key: Buffer.from(keyOf(traceId), "hex") }));
  const ledger = await openLedger(stage);

  const store = await startTcpProxy({
    targetPort: Number(new URL(stage.storeUrl).port),
    onRequest: (chunk, connection) => {
      const settles = callsSettle(chunk);
      const claims = callsClaim(chunk);
      if (settles) {
        const cut = strike("before its settlement reaches the store", claimed, nothing);
        if (cut !== undefined) return cut;
        // Beside the next claim, it would be two rows that the kill meets.
        if (!claims) settling.add(connection);
      }
      if (!claims) return undefined;
      const traceId = keys.find(({ key }) => chunk.includes(key))?.traceId ?? "";
      // A job of the dead brings rows along that have their result: their claims are in vain.
      if (claimedBefore.has(traceId)) return undefined;
      claimed = traceId;
      rowsLeft -= 1;
      const cut = settles ? undefined : strike("before its claim reaches the store", claimed, nothing);
      if (cut !== undefined) return cut;
      claimedBefore.add(claimed);
      claiming.add(connection);
      return undefined;
    },
    onReply: async (_chunk, connection) => {
      const settled = settling.delete(connection);
      if (!settled && !claiming.delete(connection)) return undefined;
      const at = settled ? "with its settlement done and not told" : "with its claim granted and not told";
      if (moment !== at || rowsLeft > 0) return undefined;
      // The reply may be to an earlier command: the worker stands still until the store has this one.
      await worker?.kill("SIGSTOP");
      await ledger.untilState(keyOf(claimed), settled ? "added" : "sending");
      return strike(at, claimed, nothing);
    },
  });
  stage.scene.atEnd(() => store.close());

  const start = () => stage.startWorker(`--base-url=${baseUrl}`, `--store=redis://127.0.0.1:${store.port}`);
  return {
    baseUrl,
    start,
    killOneAt: async (wanted, nth) => {
      moment = wanted;
      rowsLeft = nth;
      claimed = "";
      died = Promise.withResolvers();
      worker = start();
      const victim = worker;
      const traceId = await Promise.race([
        died.promise,
        victim.ended.then(({ stderr }) => Promise.reject(new Error(`it ended too early: ${stderr}`))),
      ]);
      await victim.kill("SIGKILL");
      return traceId;
    },
  };
}

async function openLedger(stage: Stage): Promise<{ untilState(key: RowKey, state: string): Promise<void> }> {
  const client = new Redis(stage.storeUrl, { replyMapping: "legacy" });
  stage.scene.atEnd(async () => client.disconnect());
  const store = await openRedisStore({ client, prefix: "traceload" });
  return {
    untilState: async (key, state) => {
      while ((await store.lookup([key]))[0]?.state !== state) await pause(5);
    },
  };
}
