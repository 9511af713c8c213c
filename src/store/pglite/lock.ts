/**
 * The lock on an embedded store's directory: one process at a time. A lock is a numbered file that names its owner,
 * and the highest number counts. Whoever finds its owner ended takes the next number by an exclusive creation, so of
 * several that try at once only one gets it; the highest file is never deleted, so a late comer finds it.
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
import { TraceloadError } from "../../core/errors.ts";
import type { LeaseHolder } from "../../core/store.ts";
import { codeOf } from "../sql/connection.ts";
import { hasEnded, identifyProcess } from "./process-identity.ts";

interface LockContent {
  owner: LeaseHolder;
  released: boolean;
}

export interface DirectoryLock {
  release(): Promise<void>;
}

const LOCK_FILE = /^lock\.(\d+)$/;
/** A lock file that cannot be read is being written, unless it is older than this. */
const UNREADABLE_MS = 10_000;

/** Takes the directory, which is made if it is missing. Throws `store_locked` while another process has it. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  await mkdir(directory, { recursive: true });
  const owner = await identifyProcess(process.pid);
  const draft = join(directory, `lock-${randomUUID()}.tmp`);
  for (;;) {
    const current = await highestLock(directory);
    if (current > 0) await assertFree(directory, current);
    const path = lockPath(directory, current + 1);
    if (!(await createExclusively(draft, path, { owner, released: false }))) continue;
    if ((await highestLock(directory)) > current + 1) {
      // The one we looked at was released, taken and released again meanwhile.
      await rm(path, { force: true });
      continue;
    }
    for (const number of await lockNumbers(directory)) {
      if (number <= current) await rm(lockPath(directory, number), { force: true });
    }
    return {
      async release() {
        try {
          await writeFile(draft, JSON.stringify({ owner, released: true }));
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

async function assertFree(directory: string, number: number): Promise<void> {
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
  if (released || (await hasEnded(owner))) return;
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
