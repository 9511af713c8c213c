/**
 * A directory as one compressed file: a line of JSON that lists the files, then their bytes one after the other.
 * Written and read as a stream, so that neither needs the whole of it in memory.
 */
import { closeSync, createReadStream, createWriteStream, openSync, writeSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";

/** Of zstd: a tenth of the size, in a second; unpacking takes as long at any level. */
const LEVEL = 9;

interface PackIndex {
  /** The maker's mark: tells packs of one build from those of another. */
  stamp: string;
  directories: string[];
  files: { path: string; bytes: number }[];
}

/** Writes the pack under a temporary name first: a pack that is there is whole. */
export async function packDirectory(directory: string, file: string, stamp: string): Promise<void> {
  const index: PackIndex = { stamp, directories: [], files: [] };
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = relative(directory, join(entry.parentPath, entry.name)).split(sep).join("/");
    if (entry.isDirectory()) index.directories.push(path);
    else index.files.push({ path, bytes: (await stat(join(directory, path))).size });
  }
  index.directories.sort();
  index.files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const unfinished = `${file}.${process.pid}.tmp`;
  try {
    await pipeline(
      Readable.from(packBytes(directory, index)),
      createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: LEVEL } }),
      createWriteStream(unfinished),
    );
    await rename(unfinished, file);
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function* packBytes(directory: string, index: PackIndex): AsyncGenerator<Buffer> {
  yield Buffer.from(`${JSON.stringify(index)}\n`);
  for (const { path } of index.files) yield* createReadStream(join(directory, path));
}

/** The stamp of a pack; undefined when there is no pack or it is none of ours. */
export async function readStamp(file: string): Promise<string | undefined> {
  try {
    const { index, input } = await readIndex(file);
    input.destroy();
    return index.stamp;
  } catch {
    return undefined;
  }
}

/**
 * Writes the pack's files into `directory`, which must be new or empty. Hundreds of small files: waiting for each one
 * on another thread takes several times as long as writing it.
 */
export async function unpackInto(file: string, directory: string): Promise<void> {
  const { index, chunks } = await readIndex(file);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const path of index.directories) await mkdir(join(directory, path), { recursive: true, mode: 0o700 });
  let rest: Buffer = Buffer.alloc(0);
  for (const { path, bytes } of index.files) {
    const output = openSync(join(directory, path), "wx", 0o600);
    try {
      for (let missing = bytes; missing > 0;) {
        if (rest.length === 0) {
          const next = await chunks.next();
          if (next.done === true) throw new Error(`${file} ends in the middle of ${path}`);
          rest = next.value;
        }
        const written = writeSync(output, rest.subarray(0, missing));
        rest = rest.subarray(written);
        missing -= written;
      }
    } finally {
      closeSync(output);
    }
  }
}

interface OpenPack {
  index: PackIndex;
  input: Readable;
  chunks: AsyncGenerator<Buffer>;
}

async function readIndex(file: string): Promise<OpenPack> {
  const source = createReadStream(file);
  const input = source.pipe(createZstdDecompress());
  source.on("error", (error) => input.destroy(error));
  const iterator = input[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head: Buffer = Buffer.alloc(0);
  for (let end = -1; end < 0; end = head.indexOf(0x0a)) {
    const next = await iterator.next();
    if (next.done === true) throw new Error(`${file} has no index`);
    head = Buffer.concat([head, next.value]);
  }
  const end = head.indexOf(0x0a);
  const index = JSON.parse(head.toString("utf8", 0, end)) as PackIndex;
  return { index, input, chunks: remaining(head.subarray(end + 1), iterator) };
}

async function* remaining(first: Buffer, iterator: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
}
