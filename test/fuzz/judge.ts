/** Reads bytes as a source, whatever they are, and says what reading may never do. */
import { Readable } from "node:stream";
import { TraceloadError } from "../../src/core/errors.ts";
import type { SourceOptions, SourceRow } from "../../src/core/source.ts";
import { choicesOf } from "../../src/sources/choices.ts";
import { compileConditions } from "../../src/sources/conditions.ts";
import { openSources } from "../../src/sources/open.ts";
import { parquetFormat } from "../../src/sources/formats/parquet.ts";
import { parquetSource } from "../../src/sources/parquet.ts";
import { ReadingNotes } from "../../src/sources/reading-notes.ts";
import { INVALID_ROW_CODES, MAX_ID_CHARS } from "../../src/sources/row-problems.ts";
import { RowMaker } from "../../src/sources/rows.ts";
import { DEFAULT_OPTIONS } from "../support/source-reading.ts";

export interface Case {
  file: string;
  bytes: Buffer;
  options: Partial<SourceOptions>;
  /** The file is read from standard input, too, in pieces of so many bytes. */
  pieceBytes: number | undefined;
}

export interface Outcome {
  format: string;
  rows: number;
  invalid: number;
  /** What ended the reading. */
  fault: string | undefined;
}

interface Read {
  format: string;
  rows: SourceRow[];
  fault: TraceloadError | undefined;
}

/** What may end the reading of one file that does not change. */
const FAULTS = new Set(["source_format", "source_columns", "source_unreadable"]);
/** Damaged bytes that keep the decoder of Parquet busy are given up after this. */
const PARQUET_MS = 5_000;
const PARQUET = Buffer.from("PAR1");

/** Throws where reading does what it never may. */
export async function judge({ file, bytes, options, pieceBytes }: Case): Promise<Outcome> {
  const chosen: SourceOptions = { ...DEFAULT_OPTIONS, ...options };
  // Both would say where the trace's ID stands.
  if (chosen.map?.trace !== undefined) chosen.traceColumn = undefined;
  const before = prototypes();
  const isParquet = bytes.subarray(0, 4).equals(PARQUET) && ["auto", "parquet"].includes(chosen.format);
  const read = isParquet ? await readParquet(file, chosen) : await readAs(file, chosen, Readable.from([]));
  for (const row of read.rows) judgeRow(row);
  judgeDistinct(read, chosen);
  if (!isParquet && pieceBytes !== undefined) {
    const pieces = () => Readable.from(piecesOf(bytes, pieceBytes), { objectMode: false });
    judgeAlike(read, await readAs("-", chosen, pieces(), pieces), file);
  }
  if (prototypes() !== before) throw new Error("a prototype was changed");
  const invalid = read.rows.filter((row) => row.invalid !== undefined).length;
  return { format: read.format, rows: read.rows.length, invalid, fault: read.fault?.code };
}

function* piecesOf(bytes: Buffer, pieceBytes: number): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes);
}

async function readAs(
  name: string,
  options: SourceOptions,
  stdin: Readable,
  stdinAgain?: () => Readable,
): Promise<Read> {
  const { signal } = new AbortController();
  const environment = stdinAgain === undefined ? { stdin } : { stdin, stdinAgain };
  const read: Read = { format: "", rows: [], fault: undefined };
  try {
    const sources = await openSources([name], options, environment);
    const [plan] = await sources.plan(signal);
    read.format = plan?.format ?? "";
    for await (const rows of sources.rows(signal)) read.rows.push(...rows);
  } catch (error) {
    read.fault = faultOf(error);
  }
  return read;
}

async function readParquet(file: string, options: SourceOptions): Promise<Read> {
  const { signal } = new AbortController();
  const read: Read = { format: "Parquet", rows: [], fault: undefined };
  const conditions = await compileConditions(options.where ?? []);
  const choices = choicesOf(options);
  const chosen = [
    ...Object.values(choices).map((choice) => choice?.path),
    ...conditions.map((one) => one.field),
  ];
  const maker = new RowMaker(
    { index: 0, name: file, format: parquetFormat },
    { options, choices, conditions },
    new ReadingNotes(),
  );
  try {
    const source = parquetSource(
      {
        path: file,
        chosen: chosen.flatMap((path) => path?.name ?? []),
        onBytes: () => undefined,
        pieceMs: PARQUET_MS,
      },
      signal,
    );
    for await (const records of source.format.records(source.text, file)) maker.take(records, read.rows);
    maker.end(read.rows);
  } catch (error) {
    read.fault = faultOf(error);
  }
  return read;
}

function faultOf(error: unknown): TraceloadError {
  if (error instanceof TraceloadError && FAULTS.has(error.code)) return error;
  throw error;
}

function judgeRow({ line, traceId, spanId, datasetGroupId, invalid }: SourceRow): void {
  const fail = (what: string): never => {
    throw new Error(`a row is ${what}: ${JSON.stringify({ line, traceId, spanId, invalid })}`);
  };
  if (!Number.isInteger(line) || line < 1) fail("on no line");
  for (const text of [traceId, spanId, datasetGroupId]) if (typeof text !== "string") fail("not of texts");
  if (invalid !== undefined) {
    if (!Object.hasOwn(INVALID_ROW_CODES, invalid.code)) fail("invalid without a known code");
    if (traceId.length + spanId.length + invalid.message.length > 5_000) fail("longer than a report takes");
    return;
  }
  if (traceId === "" || traceId.length > MAX_ID_CHARS || spanId.length > MAX_ID_CHARS) fail("not checked");
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  if (/[\u0000-\u001f]/.test(traceId) || !traceId.isWellFormed()) fail("not checked");
}

function judgeDistinct({ format, rows }: Read, { unit }: SourceOptions): void {
  if (unit !== "trace" || format === "Parquet") return;
  const valid = rows.filter((row) => row.invalid === undefined);
  const keys = new Set(valid.map(({ datasetGroupId, traceId }) => `${datasetGroupId}:${traceId}`));
  if (keys.size !== valid.length) throw new Error("a trace came twice");
}

function judgeAlike(whole: Read, pieces: Read, file: string): void {
  const text = ({ format, rows, fault }: Read): string =>
    JSON.stringify({ format, rows, fault: fault?.message }).replaceAll(file, "standard input");
  const [one, other] = [text(whole), text(pieces)];
  if (one === other) return;
  // A checksum that is wrong at the end comes to light before the text's own fault, or behind it.
  const faults = [whole.fault?.message ?? "", pieces.fault?.message ?? ""];
  if (!faults.includes("") && faults.some((fault) => fault.includes("is a damaged "))) return;
  let at = 0;
  while (one.charAt(at) === other.charAt(at)) at += 1;
  const shown = [one, other].map((text) => text.slice(Math.max(0, at - 80), at + 80));
  throw new Error(`in pieces it reads otherwise: ${shown.join(" | ")}`);
}

/** What every object inherits, as a text that shows each change. */
function prototypes(): string {
  return [Object.prototype, Array.prototype, String.prototype, Function.prototype, Map.prototype]
    .map((prototype) => Object.getOwnPropertyNames(prototype).join())
    .join(";");
}
