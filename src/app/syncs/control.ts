/** What people do to a sync: start a run of it, pause it, resume it. */
import { TraceloadError } from "../../core/errors.ts";
import type { StoredSync } from "../../core/syncs.ts";
import { accountDue, type AccountParts, tickId } from "./account.ts";
import { type OpenTick, readState, type SyncState } from "./state.ts";

/** A window that somebody named; undefined parts: the sync's own. */
export interface NamedWindow {
  since: number | undefined;
  until: number | undefined;
}

export function syncNotFound(name: string): TraceloadError {
  return new TraceloadError("sync_not_found", `there is no sync ${JSON.stringify(name)} in this store`, {
    next: "traceload sync list\ntraceload sync apply   (takes over what traceload.yaml says)",
  });
}

/**
 * Opens a tick for now. Throws `sync_not_found`, and `sync_running` when a tick of the sync is open already that nobody
 * may be told to carry on instead (a named window).
 */
export async function openManualTick(
  parts: AccountParts,
  name: string,
  window: NamedWindow,
): Promise<{ tick: OpenTick; isNew: boolean }> {
  const { store, nowMs } = parts;
  const isBackfill = window.since !== undefined || window.until !== undefined;
  for (;;) {
    const sync = await accountDue(parts, name);
    if (sync === undefined) throw syncNotFound(name);
    const state = readState(sync);
    const [first] = state.open;
    if (first !== undefined) {
      if (!isBackfill && first.isBackfill !== true) return { tick: first, isNew: false };
      throw syncRunning(
        name,
        first.runId === undefined ? "a tick of it waits" : `run ${first.runId} goes on`,
      );
    }
    const now = nowMs();
    const tick: OpenTick = {
      id: `${tickId(now)}-manual`,
      due: now,
      kind: "manual",
      ...(isBackfill ? { isBackfill } : {}),
      ...(window.since === undefined ? {} : { since: window.since }),
      ...(window.until === undefined ? {} : { until: window.until }),
    };
    const record = { due: now, kind: tick.kind, became: "waiting" as const };
    const change = {
      state: { ...state, open: [tick] },
      ticks: [{ id: tick.id, at: now, record }],
    };
    if (await store.changeSync(name, { version: sync.version }, change)) return { tick, isNew: true };
  }
}

export function syncRunning(name: string, why: string): TraceloadError {
  return new TraceloadError("sync_running", `sync ${name} cannot be run now: ${why}`, {
    next: `traceload sync list\ntraceload sync history ${name}`,
  });
}

/**
 * Ticks that come due are skipped from now on, or run again. What was due before is noted as it was then. Answers whether
 * anything changed. Throws `sync_not_found`.
 */
export async function setPaused(parts: AccountParts, name: string, paused: boolean): Promise<boolean> {
  for (;;) {
    const sync: StoredSync | undefined = await accountDue(parts, name);
    if (sync === undefined) throw syncNotFound(name);
    const state: SyncState = readState(sync);
    if (state.paused === paused) return false;
    if (await parts.store.changeSync(name, { version: sync.version }, { state: { ...state, paused } }))
      return true;
  }
}
