/** Reads a request's body, up to the size that the API would ever need. */
import type { IncomingMessage } from "node:http";

export const BODY_LIMIT_BYTES = 1 << 20;

/** Calls back once: with the text, or with undefined for a body beyond the limit. Never for one that broke off. */
export function readBody(request: IncomingMessage, done: (text: string | undefined) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    const within = bytes <= BODY_LIMIT_BYTES;
    bytes += chunk.length;
    if (bytes <= BODY_LIMIT_BYTES) chunks.push(chunk);
    else if (within) done(undefined);
  });
  request.on("end", () => {
    if (bytes > BODY_LIMIT_BYTES) return;
    const [first] = chunks;
    done(
      first !== undefined && chunks.length === 1 ? first.toString("utf8") : Buffer.concat(chunks).toString(),
    );
  });
}
