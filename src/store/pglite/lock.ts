/**
 * The lock on an embedded store's directory: one process at a time. A lock is a numbered file that names its owner,
 * and the highest number counts. Whoever finds its owner ended takes the next number by an exclusive creation, so of
 * several that try at once only one gets it; the highest file is never deleted, so a late comer finds it.
 *
 * The owner touches its file all the while. Only that tells another container, where its pid says nothing, that it lives.
 */
import { randomUUID } from "node:crypto";
import {
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TraceloadError } from "../../core/errors.ts";
import type { LeaseHolder } from "../../core/store.ts";
import { codeOf } from "../sql/connection.ts";
import { bootId, hasEnded, identifyProcess, pidNamespace } from "./process-identity.ts";

interface LockContent {
  owner: LeaseHolder;
  /** What the owner's pid is counted in. */
  pids?: string;
  released: boolean;
}

export interface DirectoryLock {
  release(): Promise<void>;
}

const LOCK_FILE = /^lock\.(\d+)$/;
/** A lock file that cannot be read is being written, unless it is older than this. */
const UNREADABLE_MS = 10_000;
const TOUCH_MS = 1_000;
/** An owner in another container that has not touched its file for so many times in a row has ended. */
const MISSED_TOUCHES = 15;

/**
 * Takes the directory, which is made if it is missing. Throws `store_locked` while another process has it. Waits for a
 * while where the last owner was of another container, and has ended without a word.
 */
export async function lockDirectory(
  directory: string,
  { touchMs = TOUCH_MS }: { touchMs?: number } = {},
): Promise<DirectoryLock> {
  await mkdir(directory, { recursive: true });
  const owner = await identifyProcess(process.pid);
  const pids = await pidNamespace();
  const draft = join(directory, `lock-${randomUUID()}.tmp`);
  for (;;) {
    const current = await highestLock(directory);
    if (current > 0) await assertFree(directory, current, touchMs);
    const path = lockPath(directory, current + 1);
    if (!(await createExclusively(draft, path, { owner, pids, released: false }))) continue;
    if ((await highestLock(directory)) > current + 1) {
      // The one we looked at was released, taken and released again meanwhile.
      await rm(path, { force: true });
      continue;
    }
    for (const number of await lockNumbers(directory)) {
      if (number <= current) await rm(lockPath(directory, number), { force: true });
    }
    const touching = setInterval(() => {
      const now = new Date();
      utimes(path, now, now).catch(() => undefined);
    }, touchMs).unref();
    return {
      async release() {
        clearInterval(touching);
        try {
          await writeFile(draft, JSON.stringify({ owner, pids, released: true }));
          await rename(draft, path);
        } catch {
          // No space left: an empty lock that is old counts as free, too.
          await truncate(path);
          await utimes(path, 0, 0);
        }
      },
    };
  }
}

/** The living process that has the directory, if there is one. */
export async function lockOwner(directory: string): Promise<LeaseHolder | undefined> {
  const current = await highestLock(directory).catch(() => 0);
  const content = current > 0 ? await readLock(lockPath(directory, current)) : undefined;
  if (content === undefined || content.released || (await hasEnded(content.owner))) return undefined;
  return content.owner;
}

async function assertFree(directory: string, number: number, touchMs: number): Promise<void> {
  const path = lockPath(directory, number);
  const content = await readLock(path);
  if (content === undefined) {
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => Number.POSITIVE_INFINITY,
    );
    if (age > UNREADABLE_MS) return;
    throw new TraceloadError("store_locked", `${directory} is just being taken by another process`, {
      next: "try again in a few seconds",
    });
  }
  const { owner, released } = content;
  if (released) return;
  if ((await hasEnded(owner)) && !((await isElsewhere(content)) && (await isTouched(path, touchMs)))) return;
  throw new TraceloadError(
    "store_locked",
    `${directory} is in use by process ${owner.pid} on ${owner.host}; an embedded store serves one process at a time`,
    {
      next: [
        "traceload status    shows that process's run without opening the store",
        "wait for it to end, or name another store: --store pglite:<directory>, --store redis://…, --store postgres://…",
        `if ${owner.host} is gone for good: rm ${path}`,
      ].join("\n"),
    },
  );
}

/** Whether the owner's pid is another container's, and means nothing here. */
async function isElsewhere({ owner, pids }: LockContent): Promise<boolean> {
  return pids !== undefined && pids !== (await pidNamespace()) && owner.bootId === (await bootId());
}

async function isTouched(path: string, touchMs: number): Promise<boolean> {
  const touchedMs = () =>
    stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
  const before = await touchedMs();
  for (let missed = 0; missed < MISSED_TOUCHES; missed += 1) {
    await sleep(touchMs);
    if ((await touchedMs()) !== before) return true;
  }
  return false;
}

/** Creation and content are one step: a file that is there is complete. */
async function createExclusively(draft: string, path: string, content: LockContent): Promise<boolean> {
  const text = JSON.stringify(content);
  await writeFile(draft, text);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    // Some file systems know no links; there a reader may see the file before its content.
    return await writeFile(path, text, { flag: "wx" }).then(
      () => true,
      (fault: unknown) => {
        if (codeOf(fault) === "EEXIST") return false;
        throw fault;
      },
    );
  } finally {
    await rm(draft, { force: true });
  }
}

async function readLock(path: string): Promise<LockContent | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  try {
    const content = JSON.parse(text) as LockContent;
    return typeof content.owner.pid === "number" ? content : undefined;
  } catch {
    return undefined;
  }
}

async function lockNumbers(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names.flatMap((name) => {
    const number = LOCK_FILE.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

async function highestLock(directory: string): Promise<number> {
  return Math.max(0, ...(await lockNumbers(directory)));
}

function lockPath(directory: string, number: number): string {
  return join(directory, `lock.${number}`);
}
