/** Knows files by their first bytes: what is unpacked on the way, and what is refused by name. */
import { TraceloadError } from "../core/errors.ts";

export type Compression = "gzip" | "zstd" | undefined;

/** Bytes enough to tell every kind below. */
export const SIGNATURE_BYTES = 512;

interface Refusal {
  title: string;
  /** Bytes as hex, at `offset` (0 unless given). */
  hex: string;
  offset?: number;
  next: string;
}

const EXPORT_AS_TEXT = "Export the IDs as CSV or NDJSON and import that file.";

const REFUSED: readonly Refusal[] = [
  { title: "a PNG image", hex: "89504e470d0a1a0a", next: "Check the file name." },
  { title: "a JPEG image", hex: "ffd8ff", next: "Check the file name." },
  { title: "a PDF document", hex: "255044462d", next: EXPORT_AS_TEXT },
  {
    title: "a zip archive or an Excel workbook (.xlsx)",
    hex: "504b0304",
    next: "Of a workbook, save the sheet as CSV UTF-8 (with the ID columns formatted as text). Unpack an archive with unzip.",
  },
  { title: "an old Excel workbook (.xls)", hex: "d0cf11e0a1b11ae1", next: "Save the sheet as CSV UTF-8." },
  {
    title: "an SQLite database",
    hex: "53514c69746520666f726d6174203300",
    next: `sqlite3 -csv -header FILE "select trace_id, span_id from TABLE" | traceload import -`,
  },
  {
    title: "a Parquet file",
    hex: "50415231",
    next: "It is read from a file by its name alone, unpacked: its index stands at its end. Save it: traceload import spans.parquet",
  },
  { title: "an Avro file", hex: "4f626a01", next: EXPORT_AS_TEXT },
  { title: "an Arrow file", hex: "4152524f57310000", next: EXPORT_AS_TEXT },
  { title: "a tar archive", hex: "7573746172", offset: 257, next: "Unpack it: tar -xf FILE" },
  { title: "a bzip2 file", hex: "314159265359", offset: 4, next: "bunzip2 -c FILE | traceload import -" },
  { title: "an xz file", hex: "fd377a585a00", next: "xz -dc FILE | traceload import -" },
  { title: "an LZ4 file", hex: "04224d18", next: "lz4 -dc FILE | traceload import -" },
];

function hasBytes(head: Buffer, hex: string, offset: number): boolean {
  return head.subarray(offset, offset + hex.length / 2).toString("hex") === hex;
}

export function compressionOf(head: Buffer): Compression {
  if (hasBytes(head, "1f8b", 0)) return "gzip";
  if (hasBytes(head, "28b52ffd", 0)) return "zstd";
  if (head.length >= 4 && isSkippableZstdFrame(head.readUInt32LE(0))) return "zstd";
  return undefined;
}

/** RFC 8878 section 3.1.2: sixteen magic numbers announce frames to be skipped. */
export function isSkippableZstdFrame(magic: number): boolean {
  return magic >>> 4 === 0x184d2a5;
}

/** Throws `source_format` for a kind of file that is known and not read. */
export function refuseBinary(head: Buffer, source: string): void {
  for (const { title, hex, offset = 0, next } of REFUSED) {
    if (!hasBytes(head, hex, offset)) continue;
    throw new TraceloadError("source_format", `${source} is ${title}, not a table or JSON`, {
      next: next.replace("FILE", source),
    });
  }
}
