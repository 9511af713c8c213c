/** Answers as the sandbox sends them, in the shapes of the API's contract. */
import type { ServerResponse } from "node:http";

export interface Answer {
  status: number;
  /** Names and values in turn, as Node's raw headers. */
  headers?: readonly string[];
  contentType?: string;
  body: string;
}

/** One entry of a 422's `detail`. */
export interface Complaint {
  loc: (string | number)[];
  msg: string;
  type: string;
}

export function json(status: number, value: unknown): Answer {
  return { status, body: JSON.stringify(value) };
}

/** The contract's ErrorResponse. */
export function failure(status: number, message: string, headers: readonly string[] = []): Answer {
  return { ...json(status, { success: false, message }), headers };
}

export function unprocessable(complaints: readonly Complaint[]): Answer {
  return json(422, { detail: complaints });
}

/** What a gateway or a stray web server says: a page, no JSON. */
export function page(status: number, title: string, headers: readonly string[] = []): Answer {
  const body = `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
  return { status, headers, contentType: "text/html", body };
}

export function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, [...headersOf(answer)]);
  response.end(answer.body);
}

/** Sends the headers of the whole answer and half of its body, then ends the connection. */
export function sendHalf(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, [...headersOf(answer)]);
  response.write(answer.body.slice(0, Math.floor(answer.body.length / 2)), () => response.socket?.destroy());
}

/** Names and values in turn. */
export function headersOf(answer: Answer): string[] {
  const length = String(Buffer.byteLength(answer.body));
  return [
    "content-type",
    answer.contentType ?? "application/json",
    "content-length",
    length,
    ...(answer.headers ?? []),
  ];
}
