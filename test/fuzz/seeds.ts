/** What the fuzzer begins with: the small exports of the tests, tables and lists, and the files of a folder. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { A, B, EXPORTS, S1, S2 } from "../support/exports.ts";
import { LLM_EXPORTS } from "../support/llm-exports.ts";

export interface Seed {
  name: string;
  bytes: Buffer;
}

/** Larger files are read so slowly that they would take the place of many cases. */
const MAX_BYTES = 128 * 1024;

const FIXTURES = path.join(import.meta.dirname, "../fixtures/exports");

const TEXTS: Readonly<Record<string, string>> = {
  csv: `name,trace_id,span_id\n"a, ""b""\nc",${A},${S1}\nn,${B},${S2}\n`,
  tsv: `trace_id\tspan_id\n${A}\t${S1}\n${B}\t\\N\n`,
  list: `${A}\n${B}\n`,
  drawn: ` trace_id | span_id \n---------+--------\n ${A} | ${S1}\n(1 row)\n`,
  report: `row,trace_id,span_id,status,run_id\n1,'=${A},${S1},failed,r\n`,
  ndjson: `{"trace_id":"${A}","attributes":{"a":[1,{"b":2}]}}\n{"trace_id":12345678901234567890}\n`,
  json: JSON.stringify({ rows: [{ trace_id: A, span_id: S1 }, { trace_id: B }], next: null }, null, 2),
  clickhouse: JSON.stringify({ meta: [{ name: "TraceId", type: "String" }], data: [[A], [B]], rows: 2 }),
  arrays: `["TraceId","SpanId"]\n["String","String"]\n["${A}","${S1}"]\n`,
  bigquery: `{"schema":{"fields":[{"name":"trace_id","type":"BYTES"}]},"rows":[{"f":[{"v":"AAAA"}]}],"totalRows":"2"}`,
  sequence: `\u001e{"context":{"trace_id":"0x${A}"}}\n\u001e{"context":{"trace_id":"${B}"}}\n`,
};

function ofTests(): Seed[] {
  const exports = [...EXPORTS, ...LLM_EXPORTS].map(({ format, what, document }) => ({
    name: `${format}: ${what}`,
    bytes: Buffer.from(typeof document === "string" ? document : JSON.stringify(document)),
  }));
  const texts = Object.entries(TEXTS).map(([name, text]) => ({ name, bytes: Buffer.from(text) }));
  const packed = texts.flatMap(({ name, bytes }) => [
    { name: `${name}, gzip`, bytes: gzipSync(bytes) },
    { name: `${name}, zstd`, bytes: zstdCompressSync(bytes) },
  ]);
  return [...exports, ...texts, ...packed];
}

function ofFolder(folder: string): Seed[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => ({ name, file: path.join(folder, name) }))
    .filter(({ file }) => statSync(file).isFile() && statSync(file).size <= MAX_BYTES)
    .map(({ name, file }) => ({ name, bytes: readFileSync(file) }));
}

/** The same list for the same folder, so that a case can be told by its numbers. */
export function fuzzSeeds(folder: string | undefined): Seed[] {
  return [...ofTests(), ...ofFolder(FIXTURES), ...(folder === undefined ? [] : ofFolder(folder))];
}
