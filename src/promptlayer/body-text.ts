/** The text of a small answer body, whatever it was packed in. */
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";

/** Larger answers are given up. The API's own are a few hundred bytes; a page of datasets has some hundred KiB. */
export const MAX_BODY_BYTES = 1024 * 1024;

const UNPACK: Readonly<Record<string, (packed: Buffer, options: { maxOutputLength: number }) => Buffer>> = {
  gzip: gunzipSync,
  "x-gzip": gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
};

/** `undefined` when it cannot be unpacked, or would be too large. */
export function bodyText(chunks: readonly Buffer[], contentEncoding: string | undefined): string | undefined {
  const packed = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  const encoding = contentEncoding?.trim().toLowerCase() ?? "";
  if (encoding === "" || encoding === "identity" || packed.length === 0) return toText(packed);
  const unpack = UNPACK[encoding];
  if (unpack === undefined) return undefined;
  try {
    return toText(unpack(packed, { maxOutputLength: MAX_BODY_BYTES }));
  } catch {
    return undefined;
  }
}

function toText(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}
