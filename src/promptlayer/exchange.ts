/**
 * One request and its answer. Knows at every moment whether the request's header was handed to the socket, since that
 * alone decides whether the row may be sent again.
 */
import type { Dispatcher } from "undici";
import type { AttemptSignal } from "../core/outcome.ts";
import { bodyText, MAX_BODY_BYTES } from "./body-text.ts";
import { DialFailure } from "./dial.ts";
import type { Lane } from "./lanes.ts";
import { describeFault } from "../core/network-failure.ts";

export interface ExchangeRequest {
  method: "GET" | "POST";
  /** For messages. */
  host: string;
  path: string;
  /** Names and values in turn. */
  headers: string[];
  /** One buffer, written together with the header. */
  body: Buffer | null;
  timeoutMs: number;
  mayStillSend: () => boolean;
  signal: AbortSignal | undefined;
  /** What an abort still ends: only a request that has not left, or the wait for its answer, too. */
  abortable: "until-sent" | "always";
}

type Controller = Dispatcher.DispatchController;

/** Sends the request once over the lane, and gives the lane back or ends it. Never rejects. */
export function exchange(lane: Lane, request: ExchangeRequest): Promise<AttemptSignal> {
  return new Promise((resolve) => {
    new Exchange(lane, request, resolve).start();
  });
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #lane: Lane;
  readonly #request: ExchangeRequest;
  readonly #resolve: (signal: AttemptSignal) => void;
  readonly #timer: NodeJS.Timeout;
  #onAbort: (() => void) | undefined;
  #settled = false;
  #headerLeft = false;
  #status = 0;
  #retryAfter: string | undefined;
  #contentEncoding: string | undefined;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(lane: Lane, request: ExchangeRequest, resolve: (signal: AttemptSignal) => void) {
    this.#lane = lane;
    this.#request = request;
    this.#resolve = resolve;
    this.#timer = setTimeout(Exchange.#expire, request.timeoutMs, this);
  }

  start(): void {
    const { method, path, headers, body, signal } = this.#request;
    if (signal?.aborted === true) {
      this.#settle({ phase: "before-header", cause: "given up" });
      this.#lane.release();
      return;
    }
    // undici answers in the same turn only if it cannot send at all.
    this.#lane.client.dispatch({ method, path, headers, body }, this);
    if (
      signal === undefined ||
      this.#settled ||
      (this.#headerLeft && this.#request.abortable === "until-sent")
    ) {
      return;
    }
    this.#onAbort = () => this.#end(this.#broken("connection_lost", "given up"));
    signal.addEventListener("abort", this.#onAbort);
  }

  /** undici calls this synchronously before it writes the header; to abort here is to write nothing. */
  onRequestStart(controller: Controller): void {
    const refusal = this.#refusalToSend();
    if (refusal === undefined) {
      this.#headerLeft = true;
      if (this.#request.abortable === "until-sent") this.#forgetAbort();
      return;
    }
    this.#end(this.#broken("connection_lost", refusal));
    controller.abort(new Error(refusal));
  }

  onResponseStart(
    _controller: Controller,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // 102 and 103 announce the answer; they are none.
    if (status < 200) return;
    this.#status = status;
    this.#retryAfter = first(headers["retry-after"]);
    this.#contentEncoding = first(headers["content-encoding"]);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size <= MAX_BODY_BYTES) {
      this.#chunks.push(chunk);
      return;
    }
    this.#end(this.#broken("connection_lost", "the answer is too large"));
    controller.abort(new Error("the answer is too large"));
  }

  onResponseEnd(): void {
    if (this.#settled) return;
    this.#settle(this.#answered(bodyText(this.#chunks, this.#contentEncoding)));
    this.#lane.release();
  }

  onResponseError(_controller: Controller, error: Error): void {
    if (error instanceof DialFailure && error.proxyStatus === 407) {
      this.#status = 407;
      this.#end(this.#answered(""));
      return;
    }
    this.#end(
      this.#broken("connection_lost", error instanceof DialFailure ? error.message : describeFault(error)),
    );
  }

  #refusalToSend(): string | undefined {
    if (this.#settled) return "given up";
    // Should undici ever start a request twice, the second time must not write it.
    if (this.#headerLeft) return "the connection was lost";
    if (this.#request.signal?.aborted === true) return "given up";
    return this.#request.mayStillSend() ? undefined : "the send window had passed";
  }

  static #expire(this: void, exchange: Exchange): void {
    // After a pause of the process the answer may be waiting in the socket: it is read before the time counts.
    setImmediate(() => {
      const { host, timeoutMs } = exchange.#request;
      const missing = exchange.#headerLeft ? "no answer" : `no connection to ${host}`;
      exchange.#end(exchange.#broken("timeout", `${missing} within ${timeoutMs} ms`));
    });
  }

  /** What an exchange that broke off now amounts to. */
  #broken(reason: "timeout" | "connection_lost", cause: string): AttemptSignal {
    if (this.#status !== 0) return this.#answered(undefined);
    if (this.#headerLeft) return { phase: "after-header", reason, cause };
    return { phase: "before-header", cause };
  }

  #answered(body: string | undefined): AttemptSignal {
    return { phase: "answered", status: this.#status, retryAfter: this.#retryAfter, body };
  }

  /** Settles without a complete answer: the connection is of no more use. */
  #end(signal: AttemptSignal): void {
    if (this.#settled) return;
    this.#settle(signal);
    // undici may be in the middle of its own bookkeeping.
    queueMicrotask(() => this.#lane.discard());
  }

  #settle(signal: AttemptSignal): void {
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#forgetAbort();
    this.#resolve(signal);
  }

  #forgetAbort(): void {
    if (this.#onAbort === undefined) return;
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    this.#onAbort = undefined;
  }
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
