import { once } from "node:events";
import { describe, expect, test, vi } from "vitest";
import { attempt, openApi } from "../support/api-under-test.ts";
import { ADDED_BODY, httpAnswer, startRawServer } from "../support/raw-server.ts";

describe("a connection in use before", () => {
  test("carries the next request", async () => {
    const server = await startRawServer(({ socket }) => socket.write(httpAnswer(201, ADDED_BODY)));
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    for (let n = 0; n < 5; n += 1) await attempt(api);
    expect(server.sockets).toHaveLength(1);
  });

  test("that is reset under the next request loses it, and the request is not sent again", async () => {
    const server = await startRawServer(({ socket }) => {
      if (server.requests.length === 1) socket.write(httpAnswer(201, ADDED_BODY));
      else socket.resetAndDestroy();
    });
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    await attempt(api);
    const signal = await attempt(api);
    expect(signal).toMatchObject({ phase: "after-header", reason: "connection_lost" });
    expect(server.requests.map((request) => request.connection)).toEqual([1, 1]);
    await api.close();
    expect(server.requests).toHaveLength(2);
  });

  test("that closes without an answer loses the request, and it is not sent again", async () => {
    const server = await startRawServer(({ socket }) => {
      if (server.requests.length % 2 === 1) socket.write(httpAnswer(201, ADDED_BODY));
      else socket.end();
    });
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    const phases: string[] = [];
    for (let n = 0; n < 20; n += 1) phases.push((await attempt(api)).phase);
    expect(phases).toEqual(Array.from({ length: 10 }, () => ["answered", "after-header"]).flat());
    expect(server.requests).toHaveLength(20);
  });

  test("that the server closed while it was idle is replaced, and no request is lost", async () => {
    const server = await startRawServer(({ socket }) => {
      socket.write(httpAnswer(201, ADDED_BODY), () => setImmediate(() => socket.end()));
    });
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    for (let n = 0; n < 10; n += 1) {
      expect(await attempt(api)).toMatchObject({ phase: "answered", status: 201 });
      const socket = server.sockets.at(-1);
      if (socket !== undefined && !socket.closed) await once(socket, "close");
    }
    expect(server.requests).toHaveLength(10);
  });

  test("that says goodbye with a 408 while it is idle does not answer the next request", async () => {
    const server = await startRawServer(({ socket }) => {
      const goodbye = (): unknown => socket.end(httpAnswer(408, "", ["connection: close"]));
      socket.write(httpAnswer(201, ADDED_BODY), () => setImmediate(goodbye));
    });
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    await attempt(api);
    const [socket] = server.sockets;
    if (socket !== undefined && !socket.closed) await once(socket, "close");
    expect(await attempt(api)).toMatchObject({ phase: "answered", status: 201 });
  });

  test("is closed by the client when idle, even if the server would keep it for longer", async () => {
    const server = await startRawServer(({ socket }) =>
      socket.write(httpAnswer(201, ADDED_BODY, ["connection: keep-alive", "keep-alive: timeout=600"])),
    );
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}`, keepAliveMs: 50 });
    await attempt(api);
    await vi.waitFor(() => expect(server.sockets[0]?.destroyed).toBe(true), { timeout: 5000 });
    expect(await attempt(api)).toMatchObject({ phase: "answered", status: 201 });
    expect(server.sockets).toHaveLength(2);
  });

  test("is not used again if the server announces a shorter time than the close takes", async () => {
    const server = await startRawServer(({ socket }) =>
      socket.write(httpAnswer(201, ADDED_BODY, ["connection: keep-alive", "keep-alive: timeout=0"])),
    );
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    await attempt(api);
    await attempt(api);
    expect(server.sockets).toHaveLength(2);
  });
});

describe("after a failure", () => {
  test("the next request goes over a connection of its own, and gets its own answer", async () => {
    const server = await startRawServer(({ socket }) => {
      if (server.requests.length !== 2) socket.write(httpAnswer(201, ADDED_BODY));
    });
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    await attempt(api);
    expect(await attempt(api, { timeoutMs: 100 })).toMatchObject({
      phase: "after-header",
      reason: "timeout",
    });
    expect(await attempt(api)).toMatchObject({ phase: "answered", status: 201 });
    expect(server.requests.map((request) => request.connection)).toEqual([1, 1, 2]);
  });

  test("a server that comes back is reached again", async () => {
    let serving = false;
    const server = await startRawServer(({ socket }) => socket.write(httpAnswer(201, ADDED_BODY)), {
      onConnect: (socket) => void (serving || socket.resetAndDestroy()),
    });
    const api = openApi({ baseUrl: `http://127.0.0.1:${server.port}` });
    expect((await attempt(api)).phase).not.toBe("answered");
    serving = true;
    expect(await attempt(api)).toMatchObject({ phase: "answered", status: 201 });
  });
});
