/** The answer to a POST breaks off, at each place where it can, by an end or by a reset. */
import { expect, test } from "vitest";
import { audit } from "../support/audit.ts";
import { findRedis } from "../support/redis-server.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { openStage } from "./stage.ts";

const redis = await findRedis("cut answers", { restartable: true, optional: true });

/** How much of the answer comes through, from its first byte to all but its last. */
const PLACES: readonly ((answer: Buffer) => number)[] = [
  () => 0,
  () => "HTTP/1.1 2".length,
  (answer) => answer.indexOf("\r\n") + 2,
  (answer) => Math.floor(answer.indexOf("\r\n\r\n") / 2),
  (answer) => answer.indexOf("\r\n\r\n") + 4,
  (answer) => Math.floor((answer.indexOf("\r\n\r\n") + 4 + answer.length) / 2),
  (answer) => answer.length - 1,
];
const ENDS = ["close", "reset"] as const;
const CUTS = PLACES.flatMap((place) => ENDS.map((end) => ({ place, end })));

test("an answer that breaks off, wherever it does, leaves its row unknown and no other", async () => {
  const rows = 70;
  const stage = await openStage({ name: "answer-cut", rows, redis });
  const posting = new Map<number, string>();
  const cut: string[] = [];
  let answers = 0;
  const proxy = await startTcpProxy({
    targetPort: Number(new URL(stage.sandbox.url).port),
    onRequest: (chunk, connection) => {
      const traceId = /"trace_id":"([^"]+)"/.exec(chunk.toString("latin1"))?.[1];
      if (traceId !== undefined) posting.set(connection, traceId);
    },
    onReply: (answer, connection) => {
      const traceId = posting.get(connection);
      posting.delete(connection);
      if (traceId === undefined) return undefined;
      answers += 1;
      const next = answers % 3 === 0 ? CUTS[cut.length] : undefined;
      if (next === undefined) return undefined;
      cut.push(traceId);
      return { bytes: next.place(answer), end: next.end };
    },
  });
  stage.scene.atEnd(() => proxy.close());

  const ended = await stage.startImport(`--base-url=http://127.0.0.1:${proxy.port}`).ended;
  const report = await stage.report(ended);
  expect(audit({ record: await stage.sandbox.record(), report, rowsRead: rows })).toEqual([]);
  expect(cut.length).toBe(CUTS.length);
  const inDoubt = report.rows.filter(({ status }) => status === "unknown");
  expect(inDoubt.map((row) => row.trace_id).sort()).toEqual(cut.sort());
  expect(report.summary.counts).toMatchObject({ added: rows - cut.length, unknown: cut.length });
  // Cut off, each was applied; and none was sent again.
  expect((await stage.sandbox.arrivals()).length).toBe(rows);
  expect(ended.code).toBe(6);
}, 60_000);
