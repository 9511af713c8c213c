/**
 * How the store's data lies in Redis: which keys there are, and the numbers that scripts and adapters must agree on.
 * All keys share the hash tag `{prefix}`, so that a script finds all of them on one node of a cluster.
 *
 *   {p}:meta             hash    schema, the last sequence numbers given out (run, lease, group), the server's
 *                                run_id, and when its recovery is over
 *   {p}:leases           zset    lease -> when it runs out        {p}:holders   hash  lease -> holder, JSON
 *   {p}:runs             zset    run id -> run                    {p}:trash     hash  removed run -> its highest row
 *   {p}:r:<run>          hash    the run, its counts (c1..c8) and highest row
 *   {p}:r:<run>:w        hash    warning -> its place in order
 *   {p}:r:<run>:h        hash    halted group -> its place in order and why, JSON
 *   {p}:r:<run>:v        hash    group -> the last verdict on it, JSON
 *   {p}:r:<run>:s:<n>    string  1,000 results of 20 bytes
 *   {p}:r:<run>:i:<n>    hash    identity of 128 rows             {p}:r:<run>:t:<n>  hash  their texts
 *   {p}:l:<xxxx>         hash    ledger entries, by the first two bytes of their key
 *   {p}:n:<key>          list    what people decided about the entry of that key, with times: JSON
 *   {p}:sending          set     keys of the entries that are sending
 *   {p}:groups           hash    group key -> group               {p}:g:<group>      hash  its bookkeeping
 *   {p}:g:<group>:u      set     keys of the group's unknown entries
 *   {p}:limit:<name>     hash    next free slot, pause, answers, ceiling
 *   {p}:limit:<name>:s   hash    sender -> rate and last sign
 *   {p}:syncs            zset    name of a sync, all of one score: in the order of their names
 *   {p}:sync:<name>      hash    its definition, state, rows to carry and claim
 *   {p}:sync:<name>:t    zset    tick -> when it was due          {p}:sync:<name>:r  hash  tick -> its record, JSON
 *
 * Memory decides the shapes: small hashes stay listpacks (at most 128 fields per block of rows, values of at most
 * 64 bytes), and a string of fixed records costs nothing beside its bytes.
 */
import { STORED_STATUSES, type StoredStatus } from "../../core/status.ts";

/** Raised with every change of the layout; a store of a newer schema is refused. */
export const SCHEMA_VERSION = 1;

export const DEFAULT_PREFIX = "traceload";

/** Rows to a string of results, and bytes to a result. 20,000 bytes and the header just fit an allocator's class. */
export const CHUNK_ROWS = 1000;
export const RESULT_BYTES = 20;
/** Rows to a hash of identities; below every Redis version's limit for listpacks. */
export const BLOCK_ROWS = 128;

/** Bytes to a claim, and to a settlement, on their way to a script. */
export const CLAIM_RECORD = 46;
export const SETTLE_RECORD = 53;

/** Texts (code and message together) are cut here. */
export const MAX_TEXT_CHARS = 500;

export function statusNumber(status: StoredStatus): number {
  return STORED_STATUSES.indexOf(status) + 1;
}

export function statusOf(number: number): StoredStatus | undefined {
  return STORED_STATUSES[number - 1];
}

/**
 * Numbers that the claim script answers with. From `paused` on, the rest is the length of the pause in ms; below 0, the
 * number is what is left of the store's recovery.
 */
export const CLAIM_ANSWERS = {
  claimed: 1,
  stopped: 2,
  waitDraft: 3,
  waitSending: 4,
  done: 5,
  addedOwn: 6,
  addedBefore: 7,
  unknown: 8,
  paused: 1000,
} as const;

export const ENTRY_STATES = ["sending", "unknown", "added"] as const;

export const SETTLE_KINDS = ["added", "rejected", "failed", "unknown", "released"] as const;
