/** A receiver of notices: it keeps what came, and checks signatures as the guide prints it. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readFile } from "node:fs/promises";

export const NOTICES_GUIDE = new URL("../../docs/guide/notices.md", import.meta.url);

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** `nth` counts from 1. */
export type Answer = (response: ServerResponse, nth: number) => void;

export interface Receiver {
  readonly received: readonly Received[];
  readonly url: string;
  close(): Promise<void>;
}

export async function startReceiver(answer: Answer): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { url: path = "", headers } = request;
      received.push({ path, headers, body: Buffer.concat(chunks).toString() });
      answer(response, received.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    received,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=hush-hush`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Check = (headers: IncomingHttpHeaders, body: string, secret: string, nowSeconds?: number) => boolean;

/** The guide's JavaScript, run as it is printed. */
export async function guidesCheck(): Promise<Check> {
  const code = /```js\n([\s\S]*?)```/.exec(await readFile(NOTICES_GUIDE, "utf8"))?.[1] ?? "";
  const module = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    isFromTraceload: Check;
  };
  return module.isFromTraceload;
}
