/** A store to look into: its runs and their reports, without a queue, an API or a place in it. */
import type { Settings } from "../../config/settings.ts";
import { runNotFound } from "../app/find-run.ts";
import { sweepUpTheDead } from "../app/presence.ts";
import { thisProcess } from "../app/process-identity.ts";
import { readSnapshot, type Snapshot } from "./snapshot.ts";
import { openStoreConnection, parseStoreUrl, storeExists, type StoreConnection } from "./store-connection.ts";

export type StoreSettings = Pick<Settings, "store" | "leaseTtl">;

/** Opens the store, made if there is none. */
export async function openStore(
  settings: StoreSettings,
  onFault: (error: unknown) => void,
): Promise<StoreConnection> {
  // 30 s, as the sending protocol has it: who has not come back by then has long lost its lease.
  const patience = { recoveryMs: 2 * settings.leaseTtl };
  return openStoreConnection(parseStoreUrl(settings.store), onFault, patience);
}

/** Undefined where there is none yet, since looking must not create one. */
export async function openStoreIfThere(
  settings: StoreSettings,
  onFault: (error: unknown) => void,
): Promise<StoreConnection | undefined> {
  const isThere = await storeExists(parseStoreUrl(settings.store), onFault);
  return isThere ? openSweptStore(settings, onFault) : undefined;
}

/** For who names a run. Throws `run_not_found` where there is no store yet. */
export async function openStoreOfRuns(
  settings: StoreSettings,
  onFault: (error: unknown) => void,
): Promise<StoreConnection> {
  const connection = await openStoreIfThere(settings, onFault);
  if (connection !== undefined) return connection;
  throw runNotFound("there is no store yet, and so no run", "traceload import --help");
}

/** Opens the store, made if there is none. Requests that were lost with their process are known as such. */
export async function openSweptStore(
  settings: StoreSettings,
  onFault: (error: unknown) => void,
): Promise<StoreConnection> {
  const connection = await openStore(settings, onFault);
  try {
    await sweepUpTheDead(connection.store, thisProcess());
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** What the owner of an embedded store last told of it; undefined for other stores, and where nothing was told. */
export async function storeSnapshot(settings: Settings): Promise<Snapshot | undefined> {
  const address = parseStoreUrl(settings.store);
  return address.kind === "embedded" ? readSnapshot(address.directory) : undefined;
}

export { namedRun } from "../app/find-run.ts";
export { readPace } from "./run-pace.ts";
