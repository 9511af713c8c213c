/** The small numbers that statuses and entry states are stored as. Numbers once given are never given another meaning. */
import type { EntryState } from "../../core/store.ts";
import type { StoredStatus } from "../../core/status.ts";

export const STATUS_CODES = {
  queued: 0,
  added: 1,
  duplicate: 2,
  invalid: 3,
  rejected: 4,
  failed: 5,
  unknown: 6,
  unprocessed: 7,
} as const satisfies Record<StoredStatus, number>;

export const ENTRY_CODES = { sending: 1, unknown: 2, added: 3 } as const satisfies Record<EntryState, number>;

const STATUSES = new Map<number, StoredStatus>(
  Object.entries(STATUS_CODES).map(([status, code]) => [code, status as StoredStatus]),
);
const ENTRY_STATES = new Map<number, EntryState>(
  Object.entries(ENTRY_CODES).map(([state, code]) => [code, state as EntryState]),
);

export function statusOf(code: number): StoredStatus {
  const status = STATUSES.get(code);
  if (status === undefined) throw new Error(`stored status ${code} has no name`);
  return status;
}

export function entryStateOf(code: number): EntryState {
  const state = ENTRY_STATES.get(code);
  if (state === undefined) throw new Error(`stored entry state ${code} has no name`);
  return state;
}
