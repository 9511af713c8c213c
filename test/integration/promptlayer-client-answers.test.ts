import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import type { AttemptSignal } from "../../src/core/outcome.ts";
import { attempt, openApi, TEST_KEY } from "../support/api-under-test.ts";
import { LOCALHOST_CERT } from "../support/localhost-certificate.ts";
import {
  ADDED_BODY,
  httpAnswer,
  type RawRequest,
  type RawServer,
  startRawServer,
} from "../support/raw-server.ts";

/** One attempt against a server that answers so. */
async function attemptAt(answer: (request: RawRequest) => void): Promise<AttemptSignal> {
  const server = await startRawServer(answer);
  const signal = await attempt(openApi({ baseUrl: `http://127.0.0.1:${server.port}` }));
  expect(server.requests).toHaveLength(1);
  return signal;
}

/**
 * One attempt of little time against a server that answers so. It goes over a connection that is open already, so that
 * none of its time is spent on opening one.
 */
async function shortAttemptAt(
  answer: (request: RawRequest) => void,
  options: { tls?: boolean } = {},
): Promise<{ signal: AttemptSignal; server: RawServer }> {
  const server = await startRawServer((request) => {
    if (server.requests.length > 1) answer(request);
    else request.socket.write(httpAnswer(201, ADDED_BODY));
  }, options);
  const scheme = options.tls === true ? "https" : "http";
  const api = openApi({ baseUrl: `${scheme}://localhost:${server.port}`, ca: LOCALHOST_CERT });
  await attempt(api);
  const signal = await attempt(api, { timeoutMs: 100 });
  expect(server.requests.map((request) => request.connection)).toEqual([1, 1]);
  return { signal, server };
}

describe("after the header has left", () => {
  test("a reset before the answer is a lost connection", async () => {
    const signal = await attemptAt(({ socket }) => socket.resetAndDestroy());
    expect(signal).toEqual({ phase: "after-header", reason: "connection_lost", cause: "connection reset" });
  });

  test("a close before the answer is a lost connection", async () => {
    const signal = await attemptAt(({ socket }) => socket.end());
    expect(signal).toMatchObject({ phase: "after-header", reason: "connection_lost" });
  });

  test("a close in the middle of the answer's header is a lost connection", async () => {
    const signal = await attemptAt(({ socket }) => socket.end("HTTP/1.1 201 Created\r\ncontent-le"));
    expect(signal).toMatchObject({ phase: "after-header", reason: "connection_lost" });
  });

  test("an answer that is not HTTP is a lost connection", async () => {
    const signal = await attemptAt(({ socket }) => socket.end("+OK hello\r\n"));
    expect(signal).toMatchObject({ phase: "after-header", reason: "connection_lost" });
  });

  test.each([false, true])(
    "silence is a timeout, and the connection is reset, not only closed (TLS: %s)",
    async (tls) => {
      const { signal, server } = await shortAttemptAt(() => {}, { tls });
      expect(signal).toEqual({ phase: "after-header", reason: "timeout", cause: "no answer within 100 ms" });
      await vi.waitFor(() => expect(server.errors).toEqual(["ECONNRESET"]));
    },
  );

  test("an answer that is announced and never comes is a timeout", async () => {
    const { signal } = await shortAttemptAt(({ socket }) =>
      socket.write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
    );
    expect(signal).toMatchObject({ phase: "after-header", reason: "timeout" });
  });
});

describe("an answer without a whole body", () => {
  const half = `HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{"success": true,`;

  test("keeps its status when the body stops coming", async () => {
    const { signal } = await shortAttemptAt(({ socket }) => socket.write(half));
    expect(signal).toEqual({ phase: "answered", status: 201, retryAfter: undefined, body: undefined });
  });

  test("keeps its status when the connection closes in the body", async () => {
    const signal = await attemptAt(({ socket }) => socket.end(half));
    expect(signal).toEqual({ phase: "answered", status: 201, retryAfter: undefined, body: undefined });
  });

  test("keeps its status when the connection is reset in the body", async () => {
    const signal = await attemptAt(({ socket }) => socket.write(half, () => socket.resetAndDestroy()));
    expect(signal.phase === "answered" ? signal.body : signal.phase).toSatisfy(
      // The reset may overtake what was written before it.
      (seen) => seen === undefined || seen === "after-header",
    );
  });

  test("keeps its status when a chunk breaks off", async () => {
    const signal = await attemptAt(({ socket }) =>
      socket.end("HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{"),
    );
    expect(signal).toEqual({ phase: "answered", status: 201, retryAfter: undefined, body: undefined });
  });

  test("is given up when it is too large, and the connection with it", async () => {
    const server = await startRawServer(({ socket }) => {
      socket.write("HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\nretry-after: 9\r\n\r\n");
      const block = `10000\r\n${"x".repeat(0x10000)}\r\n`;
      const pour = (): void => {
        while (!socket.destroyed && socket.write(block));
        socket.once("drain", pour);
      };
      pour();
    });
    const signal = await attempt(openApi({ baseUrl: `http://127.0.0.1:${server.port}` }));
    expect(signal).toEqual({ phase: "answered", status: 400, retryAfter: "9", body: undefined });
    await vi.waitFor(() => expect(server.sockets[0]?.destroyed).toBe(true));
  });
});

describe("an answer", () => {
  test("in gzip is unpacked, though it was not asked for", async () => {
    const signal = await attemptAt(({ socket }) =>
      socket.write(httpAnswer(201, gzipSync(ADDED_BODY), ["content-encoding: gzip"])),
    );
    expect(signal).toMatchObject({ status: 201, body: ADDED_BODY });
  });

  test.each([
    ["half a gzip", gzipSync(ADDED_BODY).subarray(0, 20), "gzip"],
    ["a bomb", gzipSync(Buffer.alloc(8 * 1024 * 1024)), "gzip"],
    ["an unknown packing", Buffer.from(ADDED_BODY), "lzma"],
  ])("in %s has no body", async (_name, body, encoding) => {
    const signal = await attemptAt(({ socket }) =>
      socket.write(httpAnswer(201, body, [`content-encoding: ${encoding}`])),
    );
    expect(signal).toMatchObject({ phase: "answered", status: 201, body: undefined });
  });

  test("in pieces is put together", async () => {
    const signal = await attemptAt(({ socket }) => {
      const answer = httpAnswer(201, '{"message":"\u00FC"}');
      let at = 0;
      const next = (): void => {
        if (at < answer.length) socket.write(answer.subarray(at, ++at), next);
      };
      next();
    });
    expect(signal).toMatchObject({ status: 201, body: '{"message":"\u00FC"}' });
  });

  test("in HTML is handed on as it is", async () => {
    const signal = await attemptAt(({ socket }) => socket.write(httpAnswer(502, "<h1>Bad Gateway</h1>")));
    expect(signal).toMatchObject({ status: 502, body: "<h1>Bad Gateway</h1>" });
  });

  test("of 204 has an empty body", async () => {
    const signal = await attemptAt(({ socket }) => socket.write("HTTP/1.1 204 No Content\r\n\r\n"));
    expect(signal).toMatchObject({ phase: "answered", status: 204, body: "" });
  });

  test("after early hints is the one that counts", async () => {
    const signal = await attemptAt(({ socket }) =>
      socket.write(
        Buffer.concat([
          Buffer.from("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
          httpAnswer(201, ADDED_BODY),
        ]),
      ),
    );
    expect(signal).toMatchObject({ phase: "answered", status: 201, body: ADDED_BODY });
  });

  test("that asks to come back later is handed on with its time", async () => {
    const signal = await attemptAt(({ socket }) => socket.write(httpAnswer(429, "{}", ["Retry-After: 17"])));
    expect(signal).toEqual({ phase: "answered", status: 429, retryAfter: "17", body: "{}" });
  });

  test("that redirects is not followed", async () => {
    const elsewhere = await startRawServer(({ socket }) => socket.write(httpAnswer(201, ADDED_BODY)));
    const signal = await attemptAt(({ socket }) =>
      socket.write(httpAnswer(307, "", [`location: http://127.0.0.1:${elsewhere.port}/`])),
    );
    expect(signal).toMatchObject({ phase: "answered", status: 307 });
    expect(elsewhere.sockets).toHaveLength(0);
  });

  test("that comes before the request was read counts", async () => {
    const server = await startRawServer(() => {}, {
      onConnect: (socket) => {
        socket.once("data", () => {
          socket.pause();
          socket.write(httpAnswer(413, '{"message":"too large"}', ["connection: close"]));
        });
      },
    });
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    const row = { datasetGroupId: 1, traceId: "x".repeat(8 * 1024 * 1024), spanId: undefined };
    const signal = await api.addTrace(row, { mayStillSend: () => true, timeoutMs: 10_000 });
    expect(signal).toMatchObject({ phase: "answered", status: 413, body: '{"message":"too large"}' });
  });

  test("that repeats the key comes without it", async () => {
    const signal = await attemptAt(({ socket }) =>
      socket.write(httpAnswer(401, JSON.stringify({ message: `unknown key ${TEST_KEY}!` }))),
    );
    expect(signal).toMatchObject({ status: 401, body: '{"message":"unknown key [key]!"}' });
  });
});
