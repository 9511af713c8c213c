import { describe, expect, test, vi } from "vitest";
import { attempt, openApi, TEST_KEY } from "../support/api-under-test.ts";
import { LOCALHOST_CERT } from "../support/localhost-certificate.ts";
import { ADDED_BODY, httpAnswer, type RawServer, startRawServer } from "../support/raw-server.ts";
import { startTunnelProxy } from "../support/tunnel-proxy.ts";

const startApiServer = (): Promise<RawServer> =>
  startRawServer(({ socket }) => socket.write(httpAnswer(201, ADDED_BODY)), { tls: true });

describe("through a proxy", () => {
  test.each([
    ["http", false],
    ["https", true],
  ])("that speaks %s, requests go in a tunnel in which it sees nothing", async (scheme, tls) => {
    const server = await startApiServer();
    const proxy = await startTunnelProxy({ tls });
    const api = openApi({
      baseUrl: `https://localhost:${server.port}`,
      proxy: `${scheme}://us%40er:pa%3Ass@localhost:${proxy.port}`,
      ca: LOCALHOST_CERT,
    });
    for (let n = 0; n < 3; n += 1)
      expect(await attempt(api)).toMatchObject({ phase: "answered", status: 201 });
    expect(server.requests).toHaveLength(3);
    expect(server.requests[0]?.head).toContain(`host: localhost:${server.port}`);
    expect(server.requests[0]?.head).not.toContain("proxy-authorization");
    expect(proxy.requests).toHaveLength(1);
    const [connectRequest] = proxy.requests;
    expect(connectRequest?.head).toContain(
      `proxy-authorization: Basic ${Buffer.from("us@er:pa:ss").toString("base64")}`,
    );
    expect(connectRequest?.head).not.toContain(TEST_KEY);
  });

  test("the guard is asked when the tunnel stands, and can still hold the request back", async () => {
    const server = await startApiServer();
    const proxy = await startTunnelProxy();
    const api = openApi({
      baseUrl: `https://localhost:${server.port}`,
      proxy: `http://localhost:${proxy.port}`,
      ca: LOCALHOST_CERT,
    });
    const mayStillSend = vi.fn<() => boolean>(() => proxy.requests.length === 0);
    expect(await attempt(api, { mayStillSend })).toMatchObject({ phase: "before-header" });
    expect(mayStillSend).toHaveBeenCalledOnce();
    expect(server.bytes).toBe(0);
  });

  test("a proxy that wants a password has answered 407", async () => {
    const proxy = await startRawServer(({ socket }) =>
      socket.end(httpAnswer(407, "<h1>Who are you?</h1>", ["proxy-authenticate: Basic"])),
    );
    const api = openApi({ baseUrl: "https://api.example", proxy: `http://127.0.0.1:${proxy.port}` });
    expect(await attempt(api)).toEqual({ phase: "answered", status: 407, retryAfter: undefined, body: "" });
  });

  test.each([403, 502, 503])("a proxy that answers %i to the tunnel has sent nothing on", async (status) => {
    const proxy = await startRawServer(({ socket }) => socket.end(httpAnswer(status, "no")));
    const api = openApi({ baseUrl: "https://api.example", proxy: `http://u:secret@127.0.0.1:${proxy.port}` });
    expect(await attempt(api)).toEqual({
      phase: "before-header",
      cause: `proxy 127.0.0.1:${proxy.port}: answered ${status} instead of opening a tunnel`,
    });
  });

  test("a proxy that hangs up has sent nothing on, and is not called again and again", async () => {
    const proxy = await startRawServer(({ socket }) => socket.end());
    const api = openApi({ baseUrl: "https://api.example", proxy: `http://127.0.0.1:${proxy.port}` });
    expect(await attempt(api)).toEqual({
      phase: "before-header",
      cause: expect.stringContaining("connection closed by the other side"),
    });
    expect(proxy.sockets).toHaveLength(1);
  });

  test("a proxy that never answers has sent nothing on", async () => {
    const proxy = await startRawServer(() => {});
    const api = openApi({
      baseUrl: "https://api.example",
      proxy: `http://127.0.0.1:${proxy.port}`,
      connectTimeoutMs: 50,
    });
    expect(await attempt(api)).toEqual({
      phase: "before-header",
      cause: `127.0.0.1:${proxy.port}: no connection within 50 ms`,
    });
    await vi.waitFor(() => expect(proxy.sockets[0]?.destroyed).toBe(true));
  });

  test("a plain http base URL is asked for by its whole address", async () => {
    const proxy = await startRawServer(({ socket }) => socket.write(httpAnswer(201, ADDED_BODY)));
    const api = openApi({ baseUrl: "http://api.example/v", proxy: `http://u:p@127.0.0.1:${proxy.port}` });
    expect(await attempt(api)).toMatchObject({ phase: "answered", status: 201 });
    const lines = proxy.requests[0]?.head.split("\r\n");
    expect(lines?.[0]).toBe("POST http://api.example/v/api/public/v2/dataset-versions/add-trace HTTP/1.1");
    expect(lines).toContain("host: api.example");
    expect(lines).toContain(`proxy-authorization: Basic ${Buffer.from("u:p").toString("base64")}`);
  });
});
