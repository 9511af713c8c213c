/**
 * `node test/manifest/check.ts FOLDER`: reads every file that the folder's MANIFEST.csv counts, and compares what comes
 * out, by `--unit span` and by `--unit trace`, with the pairs in EXPECTED. Prints what is right, wrong and refused;
 * ends with 1 when something is wrong.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "csv-parse/sync";
import { TraceloadError } from "../../src/core/errors.ts";
import type { SourceOptions } from "../../src/core/source.ts";
import { plainId } from "../../src/sources/id-form.ts";
import { fromProtoBytes } from "../../src/sources/json/ids.ts";
import { openSources } from "../../src/sources/open.ts";

const [folder = "."] = process.argv.slice(2);
const OPTIONS: SourceOptions = {
  format: "auto",
  traceColumn: undefined,
  spanColumn: undefined,
  groupColumn: undefined,
  unit: "span",
  rootOnly: false,
  padIds: false,
  datasetGroupId: 1,
  skip: 0,
  limit: undefined,
};

interface Listed {
  path: string;
  expected_trace_count: string;
  expected_span_count: string;
}

interface Reading {
  format: string;
  ids: Set<string>;
  invalid: Map<string, number>;
}

async function read(file: string, unit: "span" | "trace"): Promise<Reading> {
  const signal = new AbortController().signal;
  const sources = await openSources([file], { ...OPTIONS, unit }, { stdin: process.stdin });
  const [plan] = await sources.plan(signal);
  const reading: Reading = { format: plan?.format ?? "", ids: new Set(), invalid: new Map() };
  for await (const rows of sources.rows(signal)) {
    for (const { traceId, spanId, invalid } of rows) {
      if (invalid === undefined) reading.ids.add(unit === "span" ? `${traceId}\t${spanId}` : traceId);
      else reading.invalid.set(invalid.code, (reading.invalid.get(invalid.code) ?? 0) + 1);
    }
  }
  return reading;
}

/** IDs in EXPECTED are as the file writes them; those of zeros alone name nothing, and are left out. */
function asSent(id: string, bytes: 8 | 16, format: string): string {
  return plainId(format.startsWith("OTLP") ? String(fromProtoBytes(id, bytes)) : id);
}

type Pairs = [trace: string, span: string][];

/** undefined: the folder holds only the counts of that file. */
function expectedPairs(file: string, format: string): Pairs | undefined {
  const list = path.join(folder, "EXPECTED", `${file.replaceAll("/", "__")}.tsv`);
  if (!existsSync(list)) return undefined;
  return readFileSync(list, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !/^(?:0{16,})?\t/.test(line))
    .map((line) => {
      const [trace = "", span = ""] = line.split("\t");
      return [asSent(trace, 16, format), asSent(span, 8, format)];
    });
}

function difference(what: string, expected: readonly string[], found: ReadonlySet<string>): string[] {
  const wanted = new Set(expected);
  const missing = [...wanted].filter((id) => !found.has(id));
  const extra = [...found].filter((id) => !wanted.has(id));
  const [one] = [...missing, ...extra];
  if (one === undefined) return [];
  return [`${what}: ${missing.length} missing, ${extra.length} too many, such as ${JSON.stringify(one)}`];
}

function countFaults(what: string, expected: string, found: ReadonlySet<string>): string[] {
  return Number(expected) === found.size ? [] : [`${what}: ${found.size}, not ${expected}`];
}

/** What is wrong with the file's rows; nothing: they are right. Throws what reading throws. */
async function faultsOf(listed: Listed): Promise<string[]> {
  const file = path.join(folder, listed.path);
  const traces = await read(file, "trace");
  // A list without spans refuses to be read by them.
  const spans = await read(file, "span").catch(() => ({ ...traces, ids: new Set<string>() }));
  const pairs = expectedPairs(listed.path, traces.format);
  if (pairs === undefined) {
    return [
      ...countFaults("traces", listed.expected_trace_count, traces.ids),
      ...countFaults("spans", listed.expected_span_count, spans.ids),
    ];
  }
  const named = pairs.filter(([, span]) => span !== "").map((pair) => pair.join("\t"));
  return [
    ...difference(
      "traces",
      pairs.map(([trace]) => trace),
      traces.ids,
    ),
    ...difference("spans", named, spans.ids),
  ];
}

const counts = { right: 0, wrong: 0, refused: 0 };
const manifest = parse(readFileSync(path.join(folder, "MANIFEST.csv")), {
  columns: true,
}) as unknown as Listed[];
for (const listed of manifest.filter(({ expected_trace_count: expected }) => expected !== "")) {
  let verdict: keyof typeof counts = "right";
  let said = "";
  try {
    said = (await faultsOf(listed)).join("; ");
    if (said !== "") verdict = "wrong";
  } catch (error) {
    if (!(error instanceof TraceloadError)) throw error;
    said = error.message;
    // What names no trace is to be refused.
    verdict = listed.expected_trace_count === "0" ? "right" : "refused";
  }
  counts[verdict] += 1;
  process.stdout.write(`${`${verdict.padEnd(8)} ${listed.path}  ${said}`.trimEnd()}\n`);
}
process.stdout.write(`${JSON.stringify(counts)}\n`);
process.exitCode = counts.wrong > 0 ? 1 : 0;
