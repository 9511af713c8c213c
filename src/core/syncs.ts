/**
 * Syncs: what a saved import is, and the port to what the store keeps of it. When a sync runs, and what a run of it
 * means, is decided in src/app/syncs/; the store keeps definitions, claims, one state and the history of ticks.
 */
import type { LeaseId, Token } from "./store.ts";

/** Ticks that come due while a run of the sync goes on. */
export const OVERLAP_POLICIES = ["skip", "queue-one", "cancel-running"] as const;
export type OverlapPolicy = (typeof OVERLAP_POLICIES)[number];

/** Ticks within the window that came due while nobody worked: one run for all of them, or one for each. */
export const CATCH_UP_POLICIES = ["once", "each"] as const;
export type CatchUpPolicy = (typeof CATCH_UP_POLICIES)[number];

export interface SyncSchedule {
  /** Five fields, or six with seconds in front. */
  cron: string;
  /** An IANA name. */
  timezone: string;
  /** Each tick comes up to so much later, always the same for the same tick. */
  jitterMs: number;
}

/** What decides when a sync runs, and what becomes of rows and watermark. */
export interface SyncPolicy {
  /** undefined: it runs only when somebody says so. */
  schedule: SyncSchedule | undefined;
  overlap: OverlapPolicy;
  catchUp: { run: CatchUpPolicy; windowMs: number };
  watermark: {
    /** Where the first window begins; undefined: at the beginning of time. */
    startMs: number | undefined;
    /** A window ends so long before its tick: rows that come late are still in it. */
    lagMs: number;
    /** A window begins so long before the last one's end: rows that came later still are read then. */
    overlapMs: number;
  };
  carry: { attempts: number; maxAgeMs: number };
  /** How long a trace that is not found may take to appear. */
  graceMs: number;
  /** Where all rows go; undefined: rows name their groups themselves. */
  datasetGroupId: number | undefined;
}

/** A sync as somebody applied it. */
export interface SyncDefinition {
  /** `[a-z0-9][a-z0-9-]{0,63}`. */
  name: string;
  /** The API's origin that its rows go to: only workers of the same one run it. */
  origin: string;
  /** As in the file, without secrets: JSON, opaque to the store. */
  text: Record<string, unknown>;
}

/** Who runs a sync now. */
export interface SyncClaim {
  owner: LeaseId;
  token: Token;
  ownerAlive: boolean;
}

export interface StoredSync extends SyncDefinition {
  /** Moves with each change of the definition or the state; never with a claim. */
  version: number;
  /** On the store's clock: when the definition was last changed. */
  appliedAt: number;
  /** What the use cases remember between two ticks: JSON, opaque to the store; undefined at first. */
  state: Record<string, unknown> | undefined;
  claim: SyncClaim | undefined;
}

/** What became of a tick, as it stands in the history. */
export interface StoredTick {
  /** `[A-Za-z0-9._-]{1,80}`, unique in the sync. */
  id: string;
  /** Orders the history: when it was due, in milliseconds since the epoch. */
  at: number;
  /** JSON, opaque to the store. */
  record: Record<string, unknown>;
}

export interface SyncChange {
  state?: Record<string, unknown>;
  /** Takes the place of the list of rows to carry: JSON, opaque to the store. */
  carried?: readonly unknown[];
  /** Added to the history, each in the place of one with the same id. */
  ticks?: readonly StoredTick[];
  /** Gives the claim back. */
  release?: boolean;
}

/** The most ticks that the history of a sync holds: the oldest go first. */
export const HISTORY_TICKS = 10_000;

export interface Syncs {
  /** All syncs in the order of their names, and a number that moves with every `applySyncs`. */
  listSyncs(): Promise<{ revision: number; syncs: StoredSync[] }>;
  getSync(name: string): Promise<StoredSync | undefined>;
  /**
   * Changes definitions, all of them or none: refused (`false`) when others were applied since `revision`. A sync that is
   * renamed keeps its state, its rows to carry and its history; then it is put. A sync that is removed loses them.
   * A repeat is refused: who was refused looks what there is now.
   */
  applySyncs(request: {
    revision: number;
    rename: readonly { from: string; to: string }[];
    put: readonly SyncDefinition[];
    remove: readonly string[];
  }): Promise<boolean>;
  /**
   * Lets one process at a time run a sync, and one sync at a time add to a dataset group: `busy` while a living process
   * has claimed this sync, or one of the same origin that adds to the same group (`datasetGroupId` undefined: to any).
   * The claim ends when it is given back (`release`), when the sync is renamed, or with the owner's lease. Its owner may
   * claim anew: then the token before is worth nothing any more. Repeatable. Refused to an owner whose lease is lost.
   */
  claimSync(request: {
    name: string;
    owner: LeaseId;
    token: Token;
    datasetGroupId: number | undefined;
  }): Promise<SyncClaimAnswer>;
  /**
   * Changes all that is given in one step. Refused (`false`), with nothing changed, when the sync is not there, its
   * version is another one, or (`token`) it is not claimed under that token. A repeat is refused: who was refused reads
   * what there is now.
   */
  changeSync(name: string, from: { version: number; token?: Token }, change: SyncChange): Promise<boolean>;
  /** The rows to carry, as they were last written. */
  readCarried(name: string): Promise<unknown[]>;
  /** Newest first. */
  readTicks(name: string, page: { limit: number; before?: number }): Promise<StoredTick[]>;
}

export type SyncClaimAnswer =
  | { kind: "claimed" }
  /** `by`: the sync that is claimed, this one or another of the same group. */
  | { kind: "busy"; by: string }
  | { kind: "gone" };
