/**
 * Run as a process of its own: reads generated input of the kind named by the first argument from a stream, and prints
 * how many rows came out and by how many MiB the resident memory grew.
 */
import { Readable } from "node:stream";
import { openSources } from "../../src/sources/open.ts";
import { DEFAULT_OPTIONS } from "./source-reading.ts";

const MIB = 1024 * 1024;

const id = (row: number): string => (row * 7_919_000_003).toString(16).padStart(32, "0");

function* rows(head: string, row: (id: string) => string, tail: string): Generator<string> {
  yield head;
  for (let from = 0; from < 200_000; from += 1000) {
    yield Array.from({ length: 1000 }, (_, index) => row(id(from + index + 1))).join("");
  }
  yield tail;
}

function* longLine(head: string, tail: string, character = "x"): Generator<string> {
  yield head;
  for (let part = 0; part < 200; part += 1) yield character.repeat(MIB);
  yield tail;
}

const KINDS: Record<string, () => Generator<string>> = {
  csv: () => rows("trace_id,span_id\n", (text) => `${text},${text.slice(16)}\n`, ""),
  "empty csv": () => rows("trace_id,span_id\n", () => ",\n", "t1,s1\n"),
  ndjson: () => rows("", (text) => `{"trace_id":"${text}"}\n`, ""),
  json: () => rows('{"data":[{}', (text) => `,{"trace_id":"${text}"}`, "]}"),
  "long csv": () => longLine("trace_id,x\nt1,", "\nt2,y\n"),
  "many cells of csv": () => longLine("trace_id,x\nt1,", "\nt2,y\n", ","),
  "long quoted csv": () => longLine('trace_id,x\nt1,"', '"\nt2,y\n'),
  "long ndjson": () => longLine('{"trace_id":"t1"}\n{"trace_id":"', '"}\n'),
  "long json": () => longLine('[{"trace_id":"t1"},{"trace_id":"', '"}]'),
};

const kind = KINDS[process.argv[2] ?? ""];
if (kind === undefined) throw new Error(`one of ${Object.keys(KINDS).join(", ")}`);

const before = process.memoryUsage.rss();
let peak = before;
let count = 0;
function* measured(pieces: Generator<string>): Generator<Buffer> {
  for (const piece of pieces) {
    peak = Math.max(peak, process.memoryUsage.rss());
    yield Buffer.from(piece);
  }
}
const stdin = Readable.from(measured(kind()), { objectMode: false });
const sources = await openSources(["-"], DEFAULT_OPTIONS, { stdin });
for await (const batch of sources.rows(new AbortController().signal)) count += batch.length;
process.stdout.write(JSON.stringify({ rows: count, grownMib: Math.round((peak - before) / MIB) }));
