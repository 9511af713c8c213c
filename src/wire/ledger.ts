/** What the ledger's commands work with: the store, looked after first, and the ledger's use cases. */
import { existsSync } from "node:fs";
import type { Settings } from "../../config/settings.ts";
import { TraceloadError } from "../core/errors.ts";
import { parseStoreUrl, type StoreConnection } from "./store-connection.ts";
import { openSweptStore } from "./stores.ts";

/**
 * Opens the store, made if there is none unless it `mustExist` (then `store_unreachable`). Requests that were lost with
 * their process are known as such.
 */
export async function openLedgerStore(
  settings: Settings,
  { mustExist }: { mustExist: boolean },
  onFault: (error: unknown) => void,
): Promise<StoreConnection> {
  const address = parseStoreUrl(settings.store);
  if (mustExist && address.kind === "embedded" && !existsSync(address.directory)) {
    throw new TraceloadError("store_unreachable", `there is no store in ${address.directory}`, {
      next: "name the one that is meant: --store pglite:DIRECTORY, redis://host:6379 or postgres://host/database",
    });
  }
  return openSweptStore(settings, onFault);
}

export {
  countByEntry,
  decideRow,
  decideSources,
  followInRuns,
  keyed,
  noRows,
  type Decision,
  type DecidedRows,
  type DecisionPlan,
  type FollowedRun,
  type RowsByEntry,
} from "../app/ledger-decisions.ts";
export { viewEntry, type EntryView } from "../app/ledger-entry.ts";
export { exportLedger, type ExportedLedger } from "../app/ledger-export.ts";
export { checkLedgerFile, takeLedgerOver, type LedgerFile } from "../app/ledger-import.ts";
export { thisPerson } from "../app/process-identity.ts";
export { pruneGroup } from "../app/ledger-prune.ts";
export { targetOrigin } from "./origin.ts";
