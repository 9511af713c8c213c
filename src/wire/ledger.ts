/** What the ledger's commands work with: the store, looked after first, and the ledger's use cases. */
import { TraceloadError } from "../core/errors.ts";
import { withoutPassword } from "./command-flags.ts";
import { parseStoreUrl, storeExists, type StoreConnection } from "./store-connection.ts";
import { openSweptStore, type StoreSettings } from "./stores.ts";

/**
 * Opens the store, made if there is none unless it `mustExist` (then `store_unreachable`). Requests that were lost with
 * their process are known as such.
 */
export async function openLedgerStore(
  settings: StoreSettings,
  { mustExist }: { mustExist: boolean },
  onFault: (error: unknown) => void,
): Promise<StoreConnection> {
  const address = parseStoreUrl(settings.store);
  if (mustExist && !(await storeExists(address, onFault))) {
    const place = address.kind === "embedded" ? address.directory : withoutPassword(address.url);
    throw new TraceloadError("store_unreachable", `there is no store in ${place}`, {
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
} from "../app/ledger/decisions.ts";
export { viewEntry, type EntryView } from "../app/ledger/entry.ts";
export { exportLedger, type ExportedLedger } from "../app/ledger/export.ts";
export { checkLedgerFile, takeLedgerOver, type LedgerFile } from "../app/ledger/import.ts";
export { thisPerson } from "../app/process-identity.ts";
export { pruneGroup } from "../app/ledger/prune.ts";
export { targetOrigin } from "./origin.ts";
