/** A disk of a few megabytes that a test can fill up: a tmpfs of its own, where this user may mount one. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, open, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface SmallDisk {
  readonly directory: string;
  /** Takes all the room that is left. */
  fillUp(): Promise<void>;
  /** Gives it back. */
  makeRoom(): Promise<void>;
  /** Nothing may use it any more. */
  remove(): Promise<void>;
}

const BLOCK_BYTES = 64 * 1024;
const SMALLEST_BLOCK_BYTES = 1024;

/** Whether there can be small disks here; if not, a line says why. */
export async function findSmallDisks(suite: string): Promise<boolean> {
  try {
    const disk = await mountSmallDisk(1);
    await disk.remove();
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim().split("\n").at(-1) : String(error);
    process.stderr.write(`skipped: ${suite}: needs to mount a tmpfs (Linux, as root): ${reason}\n`);
    return false;
  }
}

/** `over`: an existing directory that the disk takes the place of, with what is in it. */
export async function mountSmallDisk(megabytes: number, over?: string): Promise<SmallDisk> {
  const directory = await mkdtemp(path.join(tmpdir(), "traceload-disk-"));
  const mount = (...args: string[]) => run("mount", [...args, directory]);
  try {
    await mount("-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs");
  } catch (error) {
    await rmdir(directory);
    throw error;
  }
  if (over !== undefined) {
    await cp(over, directory, { recursive: true });
    await run("mount", ["--bind", directory, over]);
  }
  const filler = path.join(directory, "filler");
  return {
    directory,
    fillUp: async () => {
      await mkdir(filler, { recursive: true });
      const handle = await open(path.join(filler, "bytes"), "a");
      try {
        for (let bytes = BLOCK_BYTES; bytes >= SMALLEST_BLOCK_BYTES;) {
          // A write may be cut short before one is refused.
          const written = await handle.write(Buffer.alloc(bytes)).then(
            ({ bytesWritten }) => bytesWritten,
            (error: unknown) => {
              if (error instanceof Error && "code" in error && error.code === "ENOSPC") return 0;
              throw error;
            },
          );
          if (written < bytes) bytes /= 2;
        }
      } finally {
        await handle.close();
      }
    },
    makeRoom: () => rm(filler, { recursive: true, force: true }),
    remove: async () => {
      if (over !== undefined) await run("umount", [over]);
      await run("umount", [directory]);
      await rmdir(directory);
    },
  };
}
