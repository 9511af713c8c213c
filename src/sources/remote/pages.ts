/** The pages of an answer one after the other, as one stream of bytes. Ends where no page follows, never runs in a circle. */
import { createHash } from "node:crypto";
import { TraceloadError } from "../../core/errors.ts";
import { withHead } from "../bytes.ts";
import { excerpt } from "../record.ts";
import type { HttpClient, HttpParts, HttpQuestion } from "./http-exchange.ts";
import { refusePage } from "./http-refusal.ts";
import { cursorOf, nextQuestion, type Paging, parseLossless } from "./paging.ts";

/** A page is held whole where its cursor stands in it. */
const MOST_PAGE_BYTES = 16 * 1024 * 1024;
const MOST_PAGES = 1_000_000;
const FIRST_LINE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

export interface PagesSource {
  client: HttpClient;
  parts: HttpParts;
  paging: Paging;
  first: HttpQuestion;
}

/** Throws TraceloadErrors only. Rows of the pages before a fault were given. */
export async function* pagesBytes(
  { client, parts, paging, first }: PagesSource,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { name } = parts;
  const seen = new Set<string>();
  let question = first;
  let header: Buffer | undefined;
  for (let number = 1; number <= MOST_PAGES; number += 1) {
    const answer = await client.ask(question, signal);
    const page = { held: undefined as unknown };
    const { head, all } = await withHead(answer.bytes, FIRST_LINE_BYTES);
    refusePage(head, parts);
    const firstLine = firstLineOf(head);
    const skipped =
      number > 1 && header !== undefined && firstLine?.equals(header) === true ? header.length : 0;
    if (number === 1) header = firstLine;
    if (paging.cursor.kind === "header") yield* endingLine(withoutFirst(all, skipped));
    else {
      const bytes = await heldPage(name, all);
      page.held = parseLossless(bytes.toString("utf8").replace(/^\uFEFF/, ""));
      if (page.held === undefined) throw notJson(name, number, bytes);
      yield bytes;
      yield Buffer.from("\n");
    }
    const cursor = cursorOf(paging, answer, page.held);
    if (cursor === undefined) return;
    question = nextQuestion(name, paging, question, cursor);
    const asked = digestOf(question);
    if (seen.has(asked)) throw inCircle(name, number, parts.secrets.redact(shownCursor(cursor)));
    seen.add(asked);
  }
  throw new TraceloadError("source_refused", `${name}: after ${MOST_PAGES} pages there is still another one`);
}

/** JSON and NDJSON repeat no first line but by chance of equal rows; tables repeat the names of their columns. */
function firstLineOf(head: Buffer): Buffer | undefined {
  const end = head.indexOf(NEWLINE);
  const line = end === -1 ? undefined : head.subarray(0, end + 1);
  const begins = line?.toString("latin1").trimStart()[0];
  return begins === "{" || begins === "[" ? undefined : line;
}

async function heldPage(name: string, chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > MOST_PAGE_BYTES) {
      throw new TraceloadError("source_too_large", `${name}: a page is larger than 16 MiB`, {
        next: "Ask for fewer records at a time.",
      });
    }
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

async function* withoutFirst(chunks: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const chunk of chunks) {
    const skipped = Math.min(left, chunk.length);
    left -= skipped;
    if (skipped < chunk.length) yield chunk.subarray(skipped);
  }
}

async function* endingLine(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let last: number | undefined;
  for await (const chunk of chunks) {
    last = chunk.at(-1) ?? last;
    yield chunk;
  }
  if (last !== undefined && last !== NEWLINE) yield Buffer.from("\n");
}

function digestOf({ url, headers, body }: HttpQuestion): string {
  const asked = JSON.stringify([url.href, headers, body]);
  return createHash("sha256").update(asked).digest("base64").slice(0, 22);
}

function shownCursor(cursor: unknown): string {
  return typeof cursor === "string" ? cursor : JSON.stringify(cursor);
}

function inCircle(name: string, number: number, cursor: string): TraceloadError {
  return new TraceloadError(
    "source_refused",
    `${name}: page ${number} leads to one that was asked for before: ${excerpt(cursor)}`,
    { next: "Check --page-cursor and --page-into: the server may not look at the place the cursor is put." },
  );
}

function notJson(name: string, number: number, bytes: Buffer): TraceloadError {
  const begins = excerpt(bytes.subarray(0, 200).toString("utf8"));
  return new TraceloadError("source_format", `${name}: page ${number} is not one JSON document: ${begins}`, {
    next: "Where the answer is CSV or NDJSON, a header has to name the next page: --page-cursor header:NAME",
  });
}
