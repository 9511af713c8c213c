import { getEventListeners } from "node:events";
import { describe, expect, test, vi } from "vitest";
import { attempt, openApi, TEST_KEY } from "../support/api-under-test.ts";
import { LOCALHOST_CERT } from "../support/localhost-certificate.ts";
import { ADDED_BODY, httpAnswer, startRawServer } from "../support/raw-server.ts";
import { freePort } from "../support/test-server.ts";

describe("what is sent", () => {
  test("is one POST with the key, the row and nothing else", async () => {
    const server = await startRawServer(({ socket }) => socket.write(httpAnswer(201, ADDED_BODY)));
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}/` });
    const row = { datasetGroupId: 42, traceId: 'tr\u00FC"ce', spanId: "00sp" };
    const signal = await api.addTrace(row, { mayStillSend: () => true, timeoutMs: 5000 });
    expect(signal).toEqual({ phase: "answered", status: 201, retryAfter: undefined, body: ADDED_BODY });
    expect(server.requests).toHaveLength(1);
    const [request] = server.requests;
    expect(request?.head.split("\r\n")).toEqual([
      "POST /api/public/v2/dataset-versions/add-trace HTTP/1.1",
      `host: 127.0.0.1:${server.port}`,
      "connection: keep-alive",
      `x-api-key: ${TEST_KEY}`,
      "user-agent: traceload-test",
      "accept: application/json",
      "accept-encoding: identity",
      "content-type: application/json",
      expect.stringMatching(/^content-length: \d+$/u),
    ]);
    const body = Buffer.from(request?.body ?? "", "latin1").toString("utf8");
    expect(JSON.parse(body)).toEqual({ dataset_group_id: 42, trace_id: 'tr\u00FC"ce', span_id: "00sp" });
  });

  test("leaves the span out where there is none", async () => {
    const server = await startRawServer(({ socket }) => socket.write(httpAnswer(201, ADDED_BODY)));
    await attempt(openApi({ baseUrl: `http://127.0.0.1:${server.port}` }));
    expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({ dataset_group_id: 42, trace_id: "abc123" });
  });

  test("goes below the base URL's own path", async () => {
    const server = await startRawServer(({ socket }) => socket.write(httpAnswer(201, ADDED_BODY)));
    await attempt(openApi({ baseUrl: `http://127.0.0.1:${server.port}/gateway/pl//` }));
    expect(server.requests[0]?.head).toMatch(
      /^POST \/gateway\/pl\/api\/public\/v2\/dataset-versions\/add-trace /u,
    );
  });
});

describe("a request that did not leave", () => {
  test("is one whose host's name is unknown", async () => {
    const signal = await attempt(openApi({ baseUrl: "http://no-such-host.invalid" }));
    expect(signal).toEqual({
      phase: "before-header",
      cause: expect.stringMatching(/^no-such-host\.invalid: name /u),
    });
  });

  test("is one whose connection was refused", async () => {
    const port = await freePort();
    const signal = await attempt(openApi({ baseUrl: `http://127.0.0.1:${port}` }));
    expect(signal).toEqual({ phase: "before-header", cause: `127.0.0.1:${port}: connection refused` });
  });

  test("is one whose server's certificate nobody vouches for", async () => {
    const server = await startRawServer(() => {}, { tls: true });
    const signal = await attempt(openApi({ baseUrl: `https://localhost:${server.port}` }));
    expect(signal).toEqual({
      phase: "before-header",
      cause: expect.stringContaining("certificate is self-signed"),
    });
    expect(server.bytes).toBe(0);
  });

  test("is one whose server does not speak TLS", async () => {
    const server = await startRawServer(() => {}, {
      onConnect: (socket) => socket.end("220 mail.example ESMTP\r\n"),
    });
    const signal = await attempt(openApi({ baseUrl: `https://localhost:${server.port}` }));
    expect(signal).toEqual({ phase: "before-header", cause: expect.stringContaining("TLS failed") });
  });

  test("is one whose connection took too long to open", async () => {
    const server = await startRawServer(() => {});
    const api = openApi({ baseUrl: `https://localhost:${server.port}`, connectTimeoutMs: 50 });
    const signal = await attempt(api);
    expect(signal).toEqual({
      phase: "before-header",
      cause: `localhost:${server.port}: no connection within 50 ms`,
    });
  });

  test("is one whose whole time went by while the connection opened", async () => {
    const server = await startRawServer(() => {});
    const signal = await attempt(openApi({ baseUrl: `https://localhost:${server.port}` }), { timeoutMs: 50 });
    expect(signal).toEqual({
      phase: "before-header",
      cause: `no connection to localhost:${server.port} within 50 ms`,
    });
  });

  test("is one that was given up before it began", async () => {
    const server = await startRawServer(() => {});
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    const signal = await attempt(api, { signal: AbortSignal.abort() });
    expect(signal).toEqual({ phase: "before-header", cause: "given up" });
    expect(server.sockets).toHaveLength(0);
  });

  test("is one that was given up while its connection opened", async () => {
    const giveUp = new AbortController();
    const server = await startRawServer(() => {}, { onConnect: () => giveUp.abort() });
    const api = openApi({ baseUrl: `https://localhost:${server.port}` });
    const signal = await attempt(api, { signal: giveUp.signal });
    expect(signal).toEqual({ phase: "before-header", cause: "given up" });
  });

  test("is one that the guard held back on a new connection", async () => {
    const server = await startRawServer(({ socket }) => socket.write(httpAnswer(201, ADDED_BODY)));
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    const mayStillSend = vi.fn<() => boolean>(() => false);
    const signal = await attempt(api, { mayStillSend });
    expect(signal).toEqual({ phase: "before-header", cause: "the send window had passed" });
    expect(mayStillSend).toHaveBeenCalledOnce();
    await vi.waitFor(() => expect(server.sockets[0]?.destroyed).toBe(true));
    expect(server.bytes).toBe(0);
  });

  test("is one that the guard held back on a connection in use before, and the next one goes out", async () => {
    const server = await startRawServer(({ socket }) => socket.write(httpAnswer(201, ADDED_BODY)));
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    await attempt(api);
    const signal = await attempt(api, { mayStillSend: () => false });
    expect(signal.phase).toBe("before-header");
    expect(await attempt(api)).toMatchObject({ phase: "answered", status: 201 });
    expect(server.requests).toHaveLength(2);
  });

  test("is one whose guard broke", async () => {
    const server = await startRawServer(() => {});
    const mayStillSend = (): boolean => {
      throw new Error("no clock");
    };
    const signal = await attempt(openApi({ baseUrl: `http://127.0.0.1:${server.port}` }), { mayStillSend });
    expect(signal.phase).toBe("before-header");
    expect(server.bytes).toBe(0);
  });

  test("is one made after the client was closed", async () => {
    const api = openApi({ baseUrl: "http://127.0.0.1:9" });
    await api.close();
    expect(await attempt(api)).toEqual({ phase: "before-header", cause: "the client was closed" });
  });
});

describe("the guard", () => {
  test("is asked once, when the connection is open and nothing was written", async () => {
    const bytesWhenAsked: number[] = [];
    const server = await startRawServer(({ socket }) => socket.write(httpAnswer(201, ADDED_BODY)), {
      tls: true,
    });
    const mayStillSend = (): boolean => {
      bytesWhenAsked.push(server.bytes);
      return true;
    };
    const api = openApi({ baseUrl: `https://localhost:${server.port}`, ca: LOCALHOST_CERT });
    expect(await attempt(api, { mayStillSend })).toMatchObject({ phase: "answered", status: 201 });
    expect(bytesWhenAsked).toEqual([0]);
  });
});

describe("giving up after the header has left", () => {
  test("still awaits the answer", async () => {
    const giveUp = new AbortController();
    const server = await startRawServer(({ socket }) => {
      giveUp.abort();
      setImmediate(() => socket.write(httpAnswer(201, ADDED_BODY)));
    });
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    expect(await attempt(api, { signal: giveUp.signal })).toMatchObject({ phase: "answered", status: 201 });
  });

  test("leaves no listener behind on the signal, however the attempts end", async () => {
    const giveUp = new AbortController();
    const server = await startRawServer(({ socket }) => socket.write(httpAnswer(201, ADDED_BODY)));
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    await Promise.all(Array.from({ length: 8 }, () => attempt(api, { signal: giveUp.signal })));
    await attempt(api, { signal: giveUp.signal, mayStillSend: () => false });
    expect(getEventListeners(giveUp.signal, "abort")).toHaveLength(0);
  });
});

describe("many calls at once", () => {
  test("all go out at once, more of them than connections are kept, too", async () => {
    const waiting: (() => void)[] = [];
    const server = await startRawServer(({ socket }) => {
      waiting.push(() => socket.write(httpAnswer(201, ADDED_BODY)));
      if (waiting.length === 20) for (const answer of waiting) answer();
    });
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}`, connections: 4 });
    const signals = await Promise.all(Array.from({ length: 20 }, () => attempt(api)));
    expect(signals.every((signal) => signal.phase === "answered")).toBe(true);
    await vi.waitFor(() => expect(server.sockets.filter((socket) => !socket.destroyed)).toHaveLength(4));
  });

  test("closing waits for those that have left", async () => {
    const server = await startRawServer(() => {});
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    const pending = attempt(api);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    const closed = api.close();
    server.sockets[0]?.write(httpAnswer(201, ADDED_BODY));
    await closed;
    expect(await pending).toMatchObject({ phase: "answered", status: 201 });
  });
});
