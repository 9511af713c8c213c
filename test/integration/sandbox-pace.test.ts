/** Latency and the rate limit. */
import { afterEach, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { RateWindow } from "../../src/sandbox/rate-window.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/server.ts";
import { addTrace, addTraceBytes, API, call, eventually, openWire } from "../support/sandbox-caller.ts";
import { errorBody } from "./sandbox-shapes.ts";

const open: Sandbox[] = [];
afterEach(async () => {
  for (const sandbox of open.splice(0)) await sandbox.close();
});
async function start(options: SandboxOptions): Promise<Sandbox> {
  const sandbox = await startSandbox(options);
  open.push(sandbox);
  return sandbox;
}

test("the rate window lets through so many in any sliding second, and counts only those", () => {
  const window = new RateWindow(2);
  expect([window.admit(0), window.admit(400), window.admit(500), window.admit(900)]).toEqual([
    0, 0, 500, 100,
  ]);
  expect([window.admit(1000), window.admit(1100), window.admit(1400)]).toEqual([0, 300, 0]);
});

test.each([
  ["seconds", /^1$/],
  ["date", /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/],
  ["none", undefined],
] as const)(
  "a request beyond the limit is a 429 with %s to wait, and adds nothing",
  async (form, expected) => {
    const sandbox = await start({ rateLimitPerSecond: 3, rateLimitRetryAfter: form });
    const replies = await Promise.all(["a", "b", "c", "d"].map((traceId) => addTrace(sandbox.url, traceId)));
    const [refused, ...others] = replies.filter(({ status }) => status === 429);
    expect(others).toEqual([]);
    errorBody.parse(refused?.body);
    const retryAfter = refused?.headers.get("retry-after");
    if (expected === undefined) expect(retryAfter).toBeNull();
    else expect(retryAfter).toMatch(expected);
    expect(sandbox.record.count()).toBe(3);
  },
);

test("the limit counts reads, too, and not the control plane", async () => {
  const { url } = await start({ rateLimitPerSecond: 2 });
  await call(url, `${API}/datasets`);
  await addTrace(url, "t1");
  expect((await call(url, `${API}/traces/t1`)).status).toBe(429);
  expect((await call(url, "/_sandbox/stats")).status).toBe(200);
});

test("refused requests are not counted when a fault waits for the nth", async () => {
  const sandbox = await start({ rateLimitPerSecond: 1, script: [{ fault: "502", nth: 2 }] });
  const statuses = [await addTrace(sandbox.url, "a"), await addTrace(sandbox.url, "b")].map(
    ({ status }) => status,
  );
  expect(statuses).toEqual([201, 429]);
  await eventually(async () => (await addTrace(sandbox.url, "c")).status === 502);
});

test("a row is applied at the end of its latency, whether its caller is still there or not", async () => {
  const sandbox = await start({ latencyMs: [100, 150] });
  const wire = await openWire(sandbox.port);
  wire.socket.write(addTraceBytes("t1"));
  await eventually(() => sandbox.stats().addTraceArrivals === 1);
  expect(sandbox.record.count()).toBe(0);
  wire.socket.destroy();
  await wire.ended;
  await eventually(() => sandbox.record.count() === 1);
});

test("what is still under way when the sandbox closes is not applied", async () => {
  const sandbox = await start({ latencyMs: 60_000 });
  const wire = await openWire(sandbox.port);
  wire.socket.write(addTraceBytes("t1"));
  await eventually(() => sandbox.stats().addTraceArrivals === 1);
  await sandbox.close();
  await wire.ended;
  expect(wire.received()).toBe("");
});
