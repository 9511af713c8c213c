/** Where a store's user keeps what belongs beside it: the embedded store's own directory, else `.traceload` here. */
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

/** For a run that is over, or removed. */
export function forgetSpool(settings: Pick<Settings, "store">, runId: string): Promise<void> {
  return removeSpool(spoolFile(settings, runId));
}
