import type { Dispatcher } from "undici";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AttemptSignal } from "../../src/core/outcome.ts";
import { exchange } from "../../src/promptlayer/exchange.ts";
import type { Lane } from "../../src/promptlayer/lanes.ts";

class StubController implements Dispatcher.DispatchController {
  aborted = false;
  paused = false;
  reason: Error | null = null;
  rawHeaders = null;
  rawTrailers = null;

  pause(): void {}
  resume(): void {}
  abort(reason: Error): void {
    this.aborted = true;
    this.reason = reason;
  }
}

interface Started {
  handler: Dispatcher.DispatchHandler;
  ended: string[];
  signal: Promise<AttemptSignal>;
}

/** An exchange whose HTTP client does nothing by itself: the test calls the handler as undici would. */
function start(timeoutMs: number): Started {
  const handlers: Dispatcher.DispatchHandler[] = [];
  const ended: string[] = [];
  const lane: Lane = {
    client: {
      dispatch: (_options, handler) => {
        handlers.push(handler);
        return true;
      },
    },
    release: () => ended.push("released"),
    discard: () => ended.push("discarded"),
  };
  const signal = exchange(lane, {
    method: "POST",
    host: "api.example",
    path: "/",
    headers: [],
    body: null,
    timeoutMs,
    mayStillSend: () => true,
    signal: undefined,
    abortable: "until-sent",
  });
  const [handler] = handlers;
  if (handler === undefined) throw new Error("nothing was dispatched");
  return { handler, ended, signal };
}

describe("an exchange", () => {
  test("whose request is started a second time writes nothing then, and its outcome stays open", async () => {
    const { handler, ended, signal } = start(1000);
    const first = new StubController();
    const second = new StubController();
    handler.onRequestStart?.(first, null);
    handler.onRequestStart?.(second, null);
    expect([first.aborted, second.aborted]).toEqual([false, true]);
    expect(await signal).toEqual({
      phase: "after-header",
      reason: "connection_lost",
      cause: "the connection was lost",
    });
    await Promise.resolve();
    expect(ended).toEqual(["discarded"]);
  });

  test("that ended in time gives its connection back, once", async () => {
    const { handler, ended, signal } = start(1000);
    const controller = new StubController();
    handler.onRequestStart?.(controller, null);
    handler.onResponseStart?.(controller, 201, {});
    handler.onResponseEnd?.(controller, {});
    handler.onResponseError?.(controller, new Error("closed"));
    expect(await signal).toMatchObject({ phase: "answered", status: 201, body: "" });
    await Promise.resolve();
    expect(ended).toEqual(["released"]);
  });
});

describe("an exchange whose time is up", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("takes the answer that waits in the socket, as after a pause of the process", async () => {
    const { handler, signal } = start(1000);
    const controller = new StubController();
    handler.onRequestStart?.(controller, null);
    vi.advanceTimersToNextTimer();
    handler.onResponseStart?.(controller, 201, {});
    handler.onResponseData?.(controller, Buffer.from("{}"));
    handler.onResponseEnd?.(controller, {});
    vi.runAllTimers();
    expect(await signal).toMatchObject({ phase: "answered", status: 201, body: "{}" });
  });

  test("before its connection was there never starts its request", async () => {
    const { handler, signal } = start(1000);
    vi.runAllTimers();
    expect(await signal).toEqual({
      phase: "before-header",
      cause: "no connection to api.example within 1000 ms",
    });
    const late = new StubController();
    handler.onRequestStart?.(late, null);
    expect(late.aborted).toBe(true);
  });
});
