/** Requests in every shape that HTTP allows: the fast path must not show. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Sandbox, startSandbox } from "../../src/sandbox/server.ts";
import { ADD_TRACE, addTraceBytes, exchangeBytes, openWire } from "../support/sandbox-caller.ts";

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox();
});
afterEach(() => sandbox.close());
const applied = (): string[] => sandbox.record.rows().map(({ traceId }) => traceId);
const answers = (received: string): string[] => received.match(/HTTP\/1\.1 \d+/g) ?? [];
const GET_TRACE = "GET /api/public/v2/traces/t1 HTTP/1.1\r\nHost: sandbox\r\nX-API-Key: k\r\n\r\n";

describe("add-trace", () => {
  test("is served over and over on one connection, which the answer says is kept", async () => {
    const wire = await openWire(sandbox.port);
    for (let count = 1; count <= 3; count++) {
      wire.socket.write(addTraceBytes(`t${count}`));
      const received = await wire.until((text) => answers(text).length === count);
      expect(received).toMatch(/connection: keep-alive/i);
    }
    expect(applied()).toEqual(["t1", "t2", "t3"]);
    wire.socket.destroy();
  });

  test("is understood byte by byte, and with its body apart", async () => {
    const wire = await openWire(sandbox.port);
    for (const byte of addTraceBytes("t1")) {
      await new Promise<void>((resolve) => wire.socket.write(byte, () => resolve()));
    }
    await wire.until((text) => answers(text).length === 1);
    const apart = await openWire(sandbox.port);
    const [head = "", body = ""] = addTraceBytes("t2").split("\r\n\r\n");
    await new Promise<void>((resolve) => apart.socket.write(`${head}\r\n\r\n`, () => resolve()));
    apart.socket.write(body);
    await apart.until((text) => answers(text).length === 1);
    expect(applied()).toEqual(["t1", "t2"]);
    for (const { socket } of [wire, apart]) socket.destroy();
  });

  test("is answered in order when requests come before the answers", async () => {
    const wire = await openWire(sandbox.port);
    const traceIds = Array.from({ length: 20 }, (_, at) => `t${at}`);
    wire.socket.write(traceIds.map((traceId) => addTraceBytes(traceId)).join(""));
    await wire.until((text) => answers(text).length === 20);
    expect(applied()).toEqual(traceIds);
    wire.socket.destroy();
  });

  test("may have other requests before, between and behind it on one connection", async () => {
    const wire = await openWire(sandbox.port);
    const requests = [addTraceBytes("t1"), GET_TRACE, addTraceBytes("t2"), GET_TRACE];
    for (const [at, request] of requests.entries()) {
      wire.socket.write(request);
      await wire.until((text) => answers(text).length === at + 1);
    }
    expect(answers(wire.received())).toEqual(
      ["201", "200", "201", "200"].map((status) => `HTTP/1.1 ${status}`),
    );
    wire.socket.destroy();

    const piped = await openWire(sandbox.port);
    piped.socket.write(requests.join(""));
    await piped.until((text) => answers(text).length === 4);
    expect(applied()).toEqual(["t1", "t2", "t1", "t2"]);
    piped.socket.destroy();
  });

  test("may come in chunks", async () => {
    const [head = "", body = ""] = addTraceBytes("t1", { headers: "Connection: close\r\n" }).split(
      "\r\n\r\n",
    );
    const chunked = head.replace(/Content-Length: \d+/, "Transfer-Encoding: chunked");
    const half = Math.floor(body.length / 2);
    const chunks = [body.slice(0, half), body.slice(half), ""].map(
      (chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`,
    );
    const { received } = await exchangeBytes(sandbox.port, `${chunked}\r\n\r\n${chunks.join("")}`);
    expect(answers(received)).toEqual(["HTTP/1.1 201"]);
    expect(applied()).toEqual(["t1"]);
  });

  test("waits for the word to go on when it is asked for", async () => {
    const wire = await openWire(sandbox.port);
    const [head = "", body = ""] = addTraceBytes("t1", { headers: "Expect: 100-continue\r\n" }).split(
      "\r\n\r\n",
    );
    wire.socket.write(`${head}\r\n\r\n`);
    await wire.until((text) => text.startsWith("HTTP/1.1 100"));
    wire.socket.write(body);
    await wire.until((text) => answers(text).length === 2);
    expect(applied()).toEqual(["t1"]);
    wire.socket.destroy();
  });

  test("closes the connection when the caller asks for that", async () => {
    const { received } = await exchangeBytes(
      sandbox.port,
      addTraceBytes("t1", { headers: "Connection: close\r\n" }),
    );
    expect(received).toMatch(/^HTTP\/1\.1 201 .*connection: close/is);
  });

  test("adds nothing when its body breaks off", async () => {
    const wire = await openWire(sandbox.port);
    wire.socket.end(addTraceBytes("t1").slice(0, -1));
    await wire.ended;
    expect(applied()).toEqual([]);
  });
});

describe("what is not HTTP", () => {
  test.each([
    ["a stray text", "hello\r\n\r\n"],
    ["a head without a host", `POST ${ADD_TRACE} HTTP/1.1\r\nContent-Length: 0\r\n\r\n`],
    ["two lengths", addTraceBytes("t1", { headers: "Content-Length: 1\r\n" })],
    ["a negative length", `POST ${ADD_TRACE} HTTP/1.1\r\nHost: s\r\nContent-Length: -1\r\n\r\n`],
    ["a head without an end", `POST ${ADD_TRACE} HTTP/1.1\r\nX: ${"x".repeat(70_000)}`],
  ])("such as %s is turned away and adds nothing", async (_what, bytes) => {
    const { received } = await exchangeBytes(sandbox.port, bytes);
    expect(received).toMatch(/^HTTP\/1\.1 4(00|31) /);
    expect(applied()).toEqual([]);
  });
});

test("an idle connection is closed after the set time, and closing the sandbox cuts the others", async () => {
  const hasty = await startSandbox({ keepAliveMs: 50 });
  const idle = await openWire(hasty.port);
  idle.socket.write(addTraceBytes("t1"));
  await idle.ended;
  expect(answers(idle.received())).toEqual(["HTTP/1.1 201"]);
  const kept = await openWire(sandbox.port);
  await Promise.all([hasty.close(), sandbox.close(), kept.ended]);
});

test("a port that is taken is refused with a way out", async () => {
  await expect(startSandbox({ port: sandbox.port })).rejects.toMatchObject({
    code: "wrong_usage",
    message: expect.stringContaining(String(sandbox.port)),
  });
});
