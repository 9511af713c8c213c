/** What the shared pace is told as: in the progress, and by status from another process. */
import { expect, test } from "vitest";
import { findRedis } from "../support/redis-server.ts";
import { openStage } from "../fault/stage.ts";

const redis = await findRedis("pace", { restartable: true, optional: true });
const PACE = /"pace":\{"phase":"(slowed|climbing)"/;

test("a run that is refused too often says so in its progress and in status, and is not refused out of rows", async () => {
  const rows = 160;
  const stage = await openStage({
    name: "slowed",
    rows,
    redis,
    sandbox: ["--latency", "10ms", "--fault", "429@20..60"],
    importFlags: ["--rate=20/s", "--progress=json"],
  });
  const running = stage.startImport();
  let seen: Record<string, unknown> = {};
  await running.until(async () => {
    if (!PACE.test(running.stderr())) return false;
    const { stdout } = await stage.scene.run([
      "status",
      "latest",
      "--json",
      `--store=${stage.storeUrl}`,
      "--progress=none",
    ]);
    seen = stdout.startsWith("{") ? (JSON.parse(stdout) as Record<string, unknown>) : {};
    return typeof seen["pace"] === "object" && seen["pace"] !== null;
  });
  expect(seen["pace"]).toMatchObject({
    phase: expect.stringMatching(/slowed|climbing/),
    text: expect.stringMatching(/^(slowed to|climbing back, at) [\d.]+\/s/),
  });
  const ended = await running.ended;
  expect(ended.code).toBe(0);
  expect(ended.stderr).toMatch(PACE);
}, 90_000);

test("--rate auto begins low and says what it tries", async () => {
  const stage = await openStage({
    name: "auto",
    rows: 120,
    redis,
    sandbox: ["--latency", "10ms"],
    importFlags: ["--rate=auto", "--progress=json"],
  });
  const ended = await stage.startImport().ended;
  expect(ended.code).toBe(0);
  expect(ended.stderr).toMatch(/"pace":\{"phase":"probing".*"text":"probing \d+\/s"/);
  const arrivals = (await stage.sandbox.arrivals()).toSorted((a, b) => a - b);
  const first = arrivals[0] ?? Number.NaN;
  expect(arrivals.filter((at) => at < first + 1_000).length).toBeLessThanOrEqual(7);
}, 90_000);
