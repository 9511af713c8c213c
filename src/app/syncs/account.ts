/** Every tick that is due gets its record: it runs, it waits, it is skipped, or it was missed. */
import type { Store } from "../../core/store.ts";
import type { StoredSync, StoredTick, SyncPolicy, SyncSchedule } from "../../core/syncs.ts";
import { dueTicks, type DueTicks, nextDue } from "./due.ts";
import { type OpenTick, readState, type SyncState, type TickRecord } from "./state.ts";

export interface AccountParts {
  store: Pick<Store, "getSync" | "changeSync">;
  /** The store's time. */
  nowMs: () => number;
  /** Throws when the definition cannot be understood. */
  policyOf: (sync: StoredSync) => SyncPolicy;
}

/** Runs for ticks that were missed, at most, when each of them is made up for. */
const MOST_CAUGHT_UP = 100;
/** A tick that is looked at no later than this is not called made up for. */
const ON_TIME_MS = 10_000;

/**
 * Notes the sync's ticks that are due by now. Answers what there is of the sync then; undefined: nothing. Safe to
 * repeat, and beside other processes: of those that find the same tick due one notes it.
 */
export async function accountDue(parts: AccountParts, name: string): Promise<StoredSync | undefined> {
  const { store, policyOf, nowMs } = parts;
  for (;;) {
    const sync = await store.getSync(name);
    if (sync === undefined) return undefined;
    const noted = noteDue(sync, policyOf(sync), nowMs());
    if (noted === undefined) return sync;
    await store.changeSync(name, { version: sync.version }, noted);
  }
}

/** What the state and the history become by ticks that are due; undefined: nothing changes. */
export function noteDue(
  sync: StoredSync,
  policy: SyncPolicy,
  nowMs: number,
): { state: SyncState; ticks: StoredTick[] } | undefined {
  const { schedule } = policy;
  if (schedule === undefined) return undefined;
  const before = stateFor(sync, schedule);
  const due = dueTicks({ ...schedule, sync: sync.name }, before.cursor, nowMs);
  if (due.ticks.length === 0) {
    return before.scheduleKey === readState(sync).scheduleKey ? undefined : { state: before, ticks: [] };
  }
  const state: SyncState = { ...before, cursor: due.cursor, open: [...before.open] };
  const ticks = new Map<string, StoredTick>();
  const note = (id: string, record: TickRecord) => ticks.set(id, { id, at: record.due, record });
  const rest = (at: number, became: "skipped" | "missed", why: string) =>
    note(tickId(at), { due: at, kind: "scheduled", became, why });

  summedUp(due, (at, why) => rest(at, "missed", why));
  const { late, wanted } = chosen(policy, due.ticks, nowMs);
  for (const { at, why } of late) {
    if (before.paused) rest(at, "skipped", PAUSED);
    else rest(at, "missed", why);
  }
  for (const at of wanted) {
    const why = before.paused ? PAUSED : overlapOf(policy, before, state);
    if (why !== undefined) {
      rest(at, "skipped", why);
      continue;
    }
    const kind = nowMs - at > ON_TIME_MS ? "catch-up" : "scheduled";
    const tick: OpenTick = { id: tickId(at), due: at, kind };
    if (policy.overlap === "cancel-running") {
      state.open = state.open.flatMap((one) => givingWay(one, tick, note));
    }
    state.open.push(tick);
    note(tick.id, { due: at, kind, became: "waiting" });
  }
  return { state, ticks: [...ticks.values()] };
}

/** When the first tick that has no record was due; undefined: none is late. Then no worker looks at the sync. */
export function overdueSince(sync: StoredSync, schedule: SyncSchedule, nowMs: number): number | undefined {
  const due = nextDue({ ...schedule, sync: sync.name }, stateFor(sync, schedule).cursor);
  return nowMs - due > ON_TIME_MS ? due : undefined;
}

/** Ticks of another schedule are not this one's: it begins when it was applied. */
function stateFor(sync: StoredSync, schedule: SyncSchedule): SyncState {
  const state = readState(sync);
  const scheduleKey = JSON.stringify(schedule);
  if (scheduleKey === state.scheduleKey) return state;
  return { ...state, scheduleKey, cursor: sync.appliedAt };
}

const PAUSED = "the sync was paused";

/** Sorts as text the way it does in time, and says when it was due. */
export function tickId(at: number): string {
  return new Date(at).toISOString().replaceAll(":", "-");
}

function summedUp({ summedUpFrom, ticks }: DueTicks, miss: (at: number, why: string) => void): void {
  if (summedUpFrom === undefined) return;
  const until = new Date(ticks[0] ?? summedUpFrom).toISOString();
  miss(summedUpFrom, `no worker ran then, nor at any tick until ${until}, which are not listed one by one`);
}

interface Chosen {
  late: { at: number; why: string }[];
  wanted: number[];
}

/** Which of the ticks are to be run; the last one may be on time. */
function chosen({ catchUp }: SyncPolicy, ticks: readonly number[], nowMs: number): Chosen {
  const within = ticks.filter((at) => nowMs - at <= catchUp.windowMs);
  const late = ticks
    .slice(0, ticks.length - within.length)
    .map((at) => ({ at, why: "no worker ran then, and it is too long ago to be made up for" }));
  const most = catchUp.run === "once" ? 1 : MOST_CAUGHT_UP;
  const wanted = within.slice(-most);
  const [first = 0] = wanted;
  const why =
    catchUp.run === "once"
      ? `no worker ran then: the tick of ${new Date(first).toISOString()} stands in for it`
      : `no worker ran then, and no more than ${MOST_CAUGHT_UP} ticks are made up for`;
  return { late: [...late, ...within.slice(0, -most).map((at) => ({ at, why }))], wanted };
}

/** Why a tick is skipped; undefined: it is not. `before`: what was open when the ticks were looked at. */
function overlapOf(policy: SyncPolicy, before: SyncState, state: SyncState): string | undefined {
  const going = before.open.find(({ runId }) => runId !== undefined) ?? before.open[0];
  if (going === undefined) return undefined;
  const what =
    going.runId === undefined ? `the tick of ${dated(going)} still waits` : `run ${going.runId} went on`;
  switch (policy.overlap) {
    case "skip":
      return what;
    case "queue-one": {
      const waiting = state.open.find(({ runId }) => runId === undefined);
      return waiting === undefined
        ? undefined
        : `${what}, and the tick of ${dated(waiting)} waits for its end`;
    }
    case "cancel-running":
      return undefined;
    default:
      return policy.overlap satisfies never;
  }
}

/** A tick that runs is told to end; one that waits is over. */
function givingWay(
  one: OpenTick,
  next: OpenTick,
  note: (id: string, record: TickRecord) => void,
): OpenTick[] {
  if (one.runId !== undefined) return [{ ...one, cancelledBy: next.id }];
  const why = `it gave way to the tick of ${dated(next)}`;
  note(one.id, { due: one.due, kind: one.kind, became: "skipped", why });
  return [];
}

function dated({ due }: OpenTick): string {
  return new Date(due).toISOString();
}
