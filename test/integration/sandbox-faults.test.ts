/** Each fault as it looks on the wire, and what the record says became of the row. */
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { FaultScript } from "../../src/sandbox/fault-script.ts";
import { DEFAULT_FAULT_MIX, parseFault } from "../../src/sandbox/fault.ts";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { seededRandom } from "../../src/sandbox/random.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/server.ts";
import {
  addTrace,
  addTraceBytes,
  call,
  eventually,
  exchangeBytes,
  openWire,
} from "../support/sandbox-caller.ts";

const open: Sandbox[] = [];
afterEach(async () => {
  for (const sandbox of open.splice(0)) await sandbox.close();
});
async function start(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = await startSandbox(options);
  open.push(sandbox);
  return sandbox;
}
const withFault = (fault: string): Promise<Sandbox> => start({ script: [{ fault, nth: 1 }] });

/** Both ways a request can be served: straight from the socket, and, with a repeated header, by node:http. */
const PATHS = [
  ["on the fast path", ""],
  ["by node:http", "Accept: a\r\nAccept: b\r\n"],
] as const;

describe.each(PATHS)("a fault %s", (_path, headers) => {
  test.each([
    ["429", 429, "not applied"],
    ["500", 500, "not applied"],
    ["502", 502, "not applied"],
    ["503", 503, "not applied"],
    ["504", 504, "not applied"],
    ["408", 408, "not applied"],
    ["401", 401, "not applied"],
    ["503-after-apply", 503, "applied"],
    ["500-after-apply", 500, "applied"],
    ["redirect", 302, "not applied"],
    ["404-html", 404, "not applied"],
  ])("%s is answered as %d without a Retry-After, the row %s", async (fault, status, fate) => {
    const sandbox = await withFault(fault);
    const wire = await openWire(sandbox.port);
    wire.socket.write(addTraceBytes("t1", { headers }));
    const received = await wire.until((text) => text.includes("\r\n\r\n"));
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(received).not.toMatch(/retry-after/i);
    expect(sandbox.record.count()).toBe(fate === "applied" ? 1 : 0);
    wire.socket.destroy();
  });

  test.each([
    ["429-retry-after:2", 429, "2"],
    ["503-retry-after:0", 503, "0"],
  ])("%s carries its Retry-After", async (fault, status, seconds) => {
    const sandbox = await withFault(fault);
    const wire = await openWire(sandbox.port);
    wire.socket.write(addTraceBytes("t1", { headers }));
    const received = await wire.until((text) => text.includes("\r\n\r\n"));
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(received).toMatch(new RegExp(`\r\nretry-after: ${seconds}\r\n`, "i"));
    expect(sandbox.record.count()).toBe(0);
    wire.socket.destroy();
  });

  test.each([
    ["close-before-apply", "end", 0],
    ["close-after-apply", "end", 1],
    ["reset-before-apply", "reset", 0],
    ["reset-after-apply", "reset", 1],
  ])("%s sends not one byte and ends by %s", async (fault, how, applied) => {
    const sandbox = await withFault(fault);
    const { received, ended } = await exchangeBytes(sandbox.port, addTraceBytes("t1", { headers }));
    expect({ received, ended }).toEqual({ received: "", ended: how });
    expect(sandbox.record.count()).toBe(applied);
  });

  test("half-body promises the whole answer, sends half of it, and the row is applied", async () => {
    const sandbox = await withFault("half-body");
    const { received } = await exchangeBytes(sandbox.port, addTraceBytes("t1", { headers }));
    const [head = "", body = ""] = received.split("\r\n\r\n");
    const promised = Number(/content-length: (\d+)/i.exec(head)?.[1]);
    expect(head).toMatch(/^HTTP\/1\.1 201 /);
    expect(body.length).toBeGreaterThan(0);
    expect(body.length).toBeLessThan(promised);
    expect(sandbox.record.count()).toBe(1);
  });

  test.each([
    ["hang", 0],
    ["hang-after-apply", 1],
  ])("%s leaves the connection open without a byte", async (fault, applied) => {
    const sandbox = await withFault(fault);
    const wire = await openWire(sandbox.port);
    wire.socket.write(addTraceBytes("t1", { headers }));
    await eventually(() => sandbox.stats().requests["add-trace"]?.["silence"] === 1);
    expect(sandbox.record.count()).toBe(applied);
    expect([wire.received(), wire.socket.destroyed]).toEqual(["", false]);
    await sandbox.close();
    await wire.ended;
    expect(wire.received()).toBe("");
  });

  test("apply-late applies the row after the caller has gone, and answers nothing", async () => {
    const sandbox = await withFault("apply-late:150");
    const wire = await openWire(sandbox.port);
    wire.socket.write(addTraceBytes("t1", { headers }));
    await eventually(() => sandbox.stats().pendingLate === 1);
    wire.socket.destroy();
    await wire.ended;
    expect([sandbox.record.count(), wire.received()]).toEqual([0, ""]);
    await eventually(() => sandbox.record.count() === 1);
    expect(sandbox.stats().pendingLate).toBe(0);
  });
});

describe("an answer that is not what it should be", () => {
  test.each([
    ["html", 0],
    ["html-after-apply", 1],
  ])("%s is a page under a 200", async (fault, applied) => {
    const sandbox = await withFault(fault);
    const reply = await addTrace(sandbox.url, "t1");
    expect([reply.status, reply.headers.get("content-type")]).toEqual([200, "text/html"]);
    expect(reply.body).toMatch(/^<html>/);
    expect(sandbox.record.count()).toBe(applied);
  });

  test.each([
    ["success-false", 0],
    ["success-false-after-apply", 1],
  ])("%s is a 200 that claims failure", async (fault, applied) => {
    const sandbox = await withFault(fault);
    const reply = await addTrace(sandbox.url, "t1");
    expect(reply).toMatchObject({ status: 200, body: { success: false } });
    expect(sandbox.record.count()).toBe(applied);
  });

  test("wrong-mode confirms the row with the other mode", async () => {
    const sandbox = await start({ script: [{ fault: "wrong-mode", nth: [1, 2] }] });
    expect((await addTrace(sandbox.url, "t1")).body).toMatchObject({ success: true, mode: "span" });
    expect((await addTrace(sandbox.url, "t1", { spanId: "s" })).body).toMatchObject({ mode: "trace" });
    expect(sandbox.record.count()).toBe(2);
  });

  test("slow is the right answer, and the row is applied long before it", async () => {
    const sandbox = await withFault("slow:200");
    const reply = addTrace(sandbox.url, "t1");
    await eventually(() => sandbox.record.count() === 1);
    expect(sandbox.stats().requests["add-trace"]).toBeUndefined();
    expect((await reply).status).toBe(201);
  });

  test("an after-apply fault on a row that is refused adds nothing", async () => {
    const sandbox = await start({ script: [{ fault: "503-after-apply", nth: 1 }], missingTrace: () => true });
    expect((await addTrace(sandbox.url, "t1")).status).toBe(503);
    expect(sandbox.record.count()).toBe(0);
  });
});

describe("refuse", () => {
  test("answers the request, then accepts no connection for a while, then serves again", async () => {
    const sandbox = await withFault("refuse:200");
    const first = await openWire(sandbox.port);
    const idle = await openWire(sandbox.port);
    first.socket.write(addTraceBytes("t1"));
    await first.ended;
    expect(first.received()).toMatch(/^HTTP\/1\.1 201 .*connection: close/is);

    const refused = await new Promise<string | undefined>((resolve) => {
      const socket = connect({ port: sandbox.port, host: "127.0.0.1" });
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.on("connect", () => resolve("connected"));
    });
    expect(refused).toBe("ECONNREFUSED");
    idle.socket.write(addTraceBytes("t2"));
    await idle.ended;
    expect(idle.received()).toMatch(/^HTTP\/1\.1 201 /);

    await eventually(async () => (await addTrace(sandbox.url, "t3").catch(() => undefined))?.status === 201);
    expect(sandbox.record.rows().map(({ traceId }) => traceId)).toEqual(["t1", "t2", "t3"]);
  });

  test("does not keep the sandbox from closing", async () => {
    const sandbox = await start();
    sandbox.refuseConnections(60_000);
    await sandbox.close();
  });
});

describe("the script", () => {
  test("meets the nth request, a range, a trace, a span, and whatever a predicate says", async () => {
    const sandbox = await start({
      script: [
        { fault: "500", nth: 2 },
        { fault: "502", nth: [4, 5] },
        { fault: "503", traceId: "x" },
        { fault: "504", spanId: "s9", times: 2 },
        { fault: "408", matches: ({ traceId }) => traceId?.startsWith("p") ?? false },
      ],
    });
    const statuses: number[] = [];
    const send = async (traceId: string, spanId?: string): Promise<void> => {
      const { status } = await addTrace(sandbox.url, traceId, spanId === undefined ? {} : { spanId });
      statuses.push(status);
    };
    for (const traceId of ["a", "a", "x", "a", "a", "x", "p1", "p2"]) await send(traceId);
    for (let time = 0; time < 3; time++) await send("a", "s9");
    expect(statuses).toEqual([201, 500, 503, 502, 502, 201, 408, 201, 504, 504, 201]);
  });

  test("can be added to and replaced over the wire while the sandbox runs", async () => {
    const { url } = await start({ script: [{ fault: "500", traceId: "a" }] });
    const script = [{ fault: "429-retry-after:1", trace_id: "b" }];
    const added = await call(url, "/_sandbox/faults", { key: null, body: { script, replace: true } });
    expect(added.status).toBe(200);
    expect((await addTrace(url, "a")).status).toBe(201);
    expect((await addTrace(url, "b")).status).toBe(429);
  });

  test("refuses a fault it does not know, at start and over the wire, and lists those there are", async () => {
    await expect(startSandbox({ script: [{ fault: "explode", nth: 1 }] })).rejects.toMatchObject({
      code: "wrong_usage",
      next: expect.stringContaining("close-after-apply"),
    });
    const { url } = await start();
    const reply = await call(url, "/_sandbox/faults", { body: { script: [{ fault: "explode" }] } });
    expect(reply.status).toBe(422);
  });
});

describe("chance", () => {
  const sequence = (seed: number): (string | undefined)[] => {
    const script = new FaultScript([], { rate: 0.2, kinds: undefined, random: seededRandom(seed) });
    return Array.from(
      { length: 2000 },
      (_, at) => script.choose({ nth: at + 1, traceId: undefined, spanId: undefined })?.kind,
    );
  };

  test("is the same for the same seed and another for another", () => {
    expect(sequence(7)).toEqual(sequence(7));
    expect(sequence(7)).not.toEqual(sequence(8));
  });

  test("strikes about as often as was asked, with every kind of the mix", () => {
    const faults = sequence(7).filter((kind) => kind !== undefined);
    expect(faults.length).toBeGreaterThan(340);
    expect(faults.length).toBeLessThan(460);
    expect(new Set(faults)).toEqual(new Set(DEFAULT_FAULT_MIX));
  });

  test("draws only from faults that there are", () => {
    expect(DEFAULT_FAULT_MIX.filter((kind) => parseFault(kind) === undefined)).toEqual([]);
  });
});
