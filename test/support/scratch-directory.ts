/** A directory of a test's own. */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ScratchDirectory {
  path(name: string): string;
  remove(): Promise<void>;
}

export function scratchDirectory(): ScratchDirectory {
  const root = mkdtempSync(join(tmpdir(), "traceload-test-"));
  return {
    path: (name) => join(root, name),
    remove: () => rm(root, { recursive: true, force: true }),
  };
}
