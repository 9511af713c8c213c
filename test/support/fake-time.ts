/** A process whose machine clock a test sets while it runs: libfaketime (Debian's package of that name). */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const PLACES = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
  "/usr/lib/faketime/libfaketime.so.1",
  "/usr/lib64/faketime/libfaketime.so.1",
  "/usr/local/lib/faketime/libfaketime.so.1",
];

export interface WallClock {
  /** For the process's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on it is so much later there than it is, or earlier. Its monotonic clock never moves. */
  setOffset(seconds: number): Promise<void>;
}

const HOUR_SECONDS = 3_600;

/**
 * Answers how to make clocks; undefined where the library is missing or shifts nothing (then a line says how to enable
 * the suite). Under `CI=true` that is a failure.
 */
export async function findFakeTime(
  suite: string,
): Promise<{ makeClock(directory: string): Promise<WallClock> } | undefined> {
  const library = PLACES.find((place) => existsSync(place));
  const lacks =
    library === undefined
      ? "there is no libfaketime: install it (apt-get install libfaketime)"
      : (await shiftsNode(library))
        ? undefined
        : `${library} does not shift this Node's clock`;
  if (library !== undefined && lacks === undefined) {
    return { makeClock: (directory) => makeClock(library, directory) };
  }
  const line = `${suite}: ${lacks}`;
  if (process.env["CI"] === "true") throw new Error(line);
  process.stderr.write(`skipped: ${line}\n`);
  return undefined;
}

async function makeClock(library: string, directory: string): Promise<WallClock> {
  const file = path.join(directory, "clock-offset");
  const setOffset = async (seconds: number) => {
    // In one step: the process must not read half a number.
    await writeFile(`${file}.new`, `${seconds < 0 ? "" : "+"}${seconds}`);
    await rename(`${file}.new`, file);
  };
  await setOffset(0);
  const env = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    // The times of files are not this machine's clock.
    NO_FAKE_STAT: "1",
  };
  return { env, setOffset };
}

async function shiftsNode(library: string): Promise<boolean> {
  const directory = await mkdtemp(path.join(tmpdir(), "traceload-clock-"));
  try {
    const clock = await makeClock(library, directory);
    await clock.setOffset(HOUR_SECONDS);
    const { stdout } = await run(process.execPath, ["-p", "Date.now()"], { env: clock.env });
    return Number(stdout) > Date.now() + (HOUR_SECONDS / 2) * 1000;
  } catch {
    return false;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
