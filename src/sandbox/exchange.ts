/** One request and the ways to answer it, well or badly; on node:http or on a bare socket. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answer, send, sendHalf } from "./answers.ts";

export interface Exchange {
  readonly apiKey: string | undefined;
  readonly contentType: string | undefined;
  send(answer: Answer): void;
  /** Sends the headers of the whole answer and half of its body, then ends the connection. */
  sendHalf(answer: Answer): void;
  /** Ends the connection without an answer; with `reset`, by a TCP reset. */
  cut(reset: boolean): void;
}

export function httpExchange(request: IncomingMessage, response: ServerResponse): Exchange {
  const key = request.headers["x-api-key"];
  return {
    apiKey: typeof key === "string" ? key : undefined,
    contentType: request.headers["content-type"],
    send: (answer) => send(response, answer),
    sendHalf: (answer) => sendHalf(response, answer),
    cut: (reset) => {
      if (reset) response.socket?.resetAndDestroy();
      else response.socket?.destroy();
    },
  };
}
