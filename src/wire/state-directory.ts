/** Where a store's user keeps what belongs beside it: the embedded store's own directory, else `.traceload` here. */
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import type { Settings } from "../../config/settings.ts";
import { removeSpool } from "../sources/spool.ts";
import { parseStoreUrl } from "./store-connection.ts";

export function stateDirectory(settings: Pick<Settings, "store">): string {
  const address = parseStoreUrl(settings.store);
  return address.kind === "embedded" ? address.directory : path.resolve(".traceload");
}

/** The copy of a run's standard input. */
export function spoolFile(settings: Pick<Settings, "store">, runId: string): string {
  return path.join(stateDirectory(settings), "spool", `${runId}.stdin`);
}

/** The copy of what a server answered to a run's source at that place. */
export function copyFile(settings: Pick<Settings, "store">, runId: string, index: number): string {
  return path.join(stateDirectory(settings), "spool", `${runId}.${index}.answer`);
}

/** For a run that is over, or removed. */
export async function forgetSpool(settings: Pick<Settings, "store">, runId: string): Promise<void> {
  const spool = spoolFile(settings, runId);
  await removeSpool(spool);
  const directory = path.dirname(spool);
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    // A run's name holds no dot.
    if (name.startsWith(`${runId}.`)) await rm(path.join(directory, name), { force: true });
  }
}
