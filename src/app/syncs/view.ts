/** Syncs as people look at them: what each did last, when it comes next, how far behind it is. */
import type { UndeliveredNotice } from "../../core/notices.ts";
import type { StoredSync, SyncPolicy } from "../../core/syncs.ts";
import { overdueSince } from "./account.ts";
import { nextDue } from "./due.ts";
import { readState, type SyncHealth, type SyncState } from "./state.ts";

export interface SyncView {
  name: string;
  origin: string;
  schedule: { cron: string; timezone: string } | undefined;
  /** `waiting`: for a worker, or for another sync of its dataset group. */
  state: "idle" | "running" | "waiting" | "paused";
  health: SyncHealth;
  datasetGroupId: number | undefined;
  /** The run that goes on. */
  runId: string | undefined;
  last: SyncState["last"];
  /** On the store's clock; undefined: it is not scheduled. */
  nextAt: number | undefined;
  /** When a tick was due that no worker has noticed. */
  overdueSince: number | undefined;
  /** Rows before this time are settled or carried; undefined: none were read yet. */
  watermark: number | undefined;
  /** How long ago that is. */
  lagMs: number | undefined;
  /** Notices that a webhook has not had yet. */
  undelivered: UndeliveredNotice[];
  appliedAt: number;
}

export function viewSyncs(
  { syncs }: { syncs: readonly StoredSync[] },
  { policyOf, nowMs }: { policyOf: (sync: StoredSync) => SyncPolicy; nowMs: number },
): SyncView[] {
  return syncs.map((sync) => {
    const { schedule, datasetGroupId } = policyOf(sync);
    const state = readState(sync);
    const [open] = state.open;
    const { watermark } = state;
    return {
      name: sync.name,
      origin: sync.origin,
      schedule: schedule && { cron: schedule.cron, timezone: schedule.timezone },
      state: stateOf(state, sync.claim?.ownerAlive === true),
      health: state.health,
      datasetGroupId,
      runId: open?.runId,
      last: state.last,
      nextAt:
        schedule === undefined || state.paused ? undefined : nextDue({ ...schedule, sync: sync.name }, nowMs),
      overdueSince: schedule === undefined || state.paused ? undefined : overdueSince(sync, schedule, nowMs),
      watermark,
      lagMs: watermark === undefined ? undefined : Math.max(0, nowMs - watermark),
      undelivered: Object.values(state.told ?? {}).flatMap(({ undelivered }) => undelivered ?? []),
      appliedAt: sync.appliedAt,
    };
  });
}

function stateOf({ open, paused }: SyncState, isClaimed: boolean): SyncView["state"] {
  const [first] = open;
  if (first === undefined) return paused ? "paused" : "idle";
  return first.runId !== undefined && isClaimed ? "running" : "waiting";
}
