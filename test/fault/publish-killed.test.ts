/** A worker dies while it publishes the draft of a detached run: with the request on its way, or with its answer. */
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { Run } from "../../src/core/store.ts";
import { parseLogEvent } from "../../src/sandbox/log-event.ts";
import { findRedis } from "../support/redis-server.ts";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import type { Traceload } from "../support/traceload.ts";
import { openStage } from "./stage.ts";

const redis = await findRedis("a worker killed while it publishes", { restartable: true });
const ROWS = 20;

describe.skipIf(redis === undefined)("a worker killed while it publishes", () => {
  test("is followed by one that publishes the draft once, and records its version", async () => {
    const stage = await openStage({ name: "publish-killed", rows: ROWS, redis });
    const { scene, sandbox } = stage;
    let worker: Traceload;
    let dies: "before" | "after" | undefined;
    const api = await startTcpProxy({
      targetPort: Number(new URL(sandbox.url).port),
      onRequest: async (chunk) => {
        if (dies !== "before" || !isSave(chunk)) return undefined;
        dies = undefined;
        await worker.kill("SIGKILL");
        return { bytes: 0, end: "reset" };
      },
      onReply: async (chunk) => {
        if (dies !== "after" || !chunk.includes("save job queued")) return undefined;
        dies = undefined;
        await worker.kill("SIGKILL");
        return { bytes: 0, end: "reset" };
      },
    });
    scene.atEnd(() => api.close());
    const to = [`--base-url=http://127.0.0.1:${api.port}`, `--store=${stage.storeUrl}`];

    const versions: (number | null | undefined)[] = [];
    for (const [nth, moment] of (["after", "before"] as const).entries()) {
      const rows = rowIds(ROWS * (nth + 1)).slice(ROWS * nth);
      const file = await scene.write(`${nth}.csv`, csvOf(rows));
      const runId = `run-${nth}`;
      const flags = ["--rate=unlimited", "--detach", "--publish=if-clean", "--publish-wait=2s"];
      const handed = await scene.run(["import", file, "-g", "42", `--run-id=${runId}`, ...flags, ...to]);
      expect(handed.code).toBe(4);
      dies = moment;
      worker = stage.startWorker(...to);
      const status = async () =>
        JSON.parse((await scene.run(["status", runId, "--json", ...to])).stdout) as Run;
      await worker.ended;
      expect((await status()).verdicts).toMatchObject([{ publication: { state: "asked" } }]);
      worker = stage.startWorker(...to);
      await worker.until(async () => (await status()).state === "finished");
      const { counts, verdicts } = await status();
      expect([counts.added, verdicts]).toMatchObject([ROWS, [{ publication: { state: "published" } }]]);
      versions.push(verdicts[0]?.publication?.versionNumber);
      expect(await saves(sandbox.recordFile)).toBe(nth + 1);
      await worker.kill("SIGTERM");
      await worker.ended;
    }
    expect(versions).toEqual([2, 3]);
  }, 120_000);
});

function isSave(chunk: Buffer): boolean {
  return chunk.includes("POST ") && chunk.includes("save-draft");
}

/** How often the sandbox was asked to publish. */
async function saves(recordFile: string): Promise<number> {
  const events = (await readFile(recordFile, "utf8")).split("\n").map(parseLogEvent);
  return events.filter((event) => event !== undefined && "event" in event && event.event === "save").length;
}
