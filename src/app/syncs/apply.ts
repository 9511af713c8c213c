/** Makes the store's syncs those of a file: what differs is told first, and done all or nothing. */
import type { Store } from "../../core/store.ts";
import type { StoredSync, SyncDefinition } from "../../core/syncs.ts";

export interface KeyChange {
  /** As in the file: `schedule.cron`. */
  key: string;
  /** JSON; undefined: it is not there. */
  before: string | undefined;
  after: string | undefined;
}

export type SyncDifference =
  | { kind: "add" | "remove" | "keep"; name: string }
  | { kind: "change"; name: string; changes: KeyChange[] }
  /** One is gone, and another that says the same is new: it keeps watermark and history. */
  | { kind: "rename"; name: string; from: string };

export interface SyncPlan {
  revision: number;
  differences: SyncDifference[];
  rename: { from: string; to: string }[];
  put: SyncDefinition[];
  remove: string[];
}

/** `prune`: what the file does not name is removed; else it is kept, and told. */
export function planSyncs(
  { revision, syncs }: { revision: number; syncs: readonly StoredSync[] },
  wanted: readonly SyncDefinition[],
  { prune }: { prune: boolean },
): SyncPlan {
  const plan: SyncPlan = { revision, differences: [], rename: [], put: [], remove: [] };
  const stored = new Map(syncs.map((sync) => [sync.name, sync]));
  const gone = new Map(stored);
  for (const { name } of wanted) gone.delete(name);
  for (const sync of wanted) {
    const before = stored.get(sync.name);
    if (before === undefined) {
      const old = prune ? [...gone.values()].find((one) => isSame(one, sync)) : undefined;
      if (old === undefined) plan.differences.push({ kind: "add", name: sync.name });
      else {
        gone.delete(old.name);
        plan.rename.push({ from: old.name, to: sync.name });
        plan.differences.push({ kind: "rename", name: sync.name, from: old.name });
      }
      plan.put.push(sync);
      continue;
    }
    if (isSame(before, sync)) continue;
    plan.differences.push({ kind: "change", name: sync.name, changes: changesOf(before, sync) });
    plan.put.push(sync);
  }
  for (const { name } of gone.values()) {
    plan.differences.push({ kind: prune ? "remove" : "keep", name });
    if (prune) plan.remove.push(name);
  }
  return plan;
}

/** Whether there is nothing to be done. */
export function isEmpty({ rename, put, remove }: SyncPlan): boolean {
  return rename.length + put.length + remove.length === 0;
}

/** Refused (`false`) when others were applied since the plan was made: make another one. */
export function applyPlan(
  store: Pick<Store, "applySyncs">,
  { revision, rename, put, remove }: SyncPlan,
): Promise<boolean> {
  return store.applySyncs({ revision, rename, put, remove });
}

function isSame(one: SyncDefinition, other: SyncDefinition): boolean {
  return changesOf(one, other).length === 0;
}

function changesOf(before: SyncDefinition, after: SyncDefinition): KeyChange[] {
  const [old, now] = [before, after].map(({ origin, text }) => flattened({ "base-url": origin, ...text }));
  const keys = [...new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])].sort();
  return keys
    .map((key) => ({ key, before: old?.get(key), after: now?.get(key) }))
    .filter((change) => change.before !== change.after);
}

/** Every value by the keys that lead to it; lists are one value. */
function flattened(value: unknown, prefix = ""): Map<string, string> {
  const flat = new Map<string, string>();
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    flat.set(prefix, JSON.stringify(value));
    return flat;
  }
  for (const [key, inner] of Object.entries(value)) {
    for (const [place, text] of flattened(inner, prefix === "" ? key : `${prefix}.${key}`))
      flat.set(place, text);
  }
  return flat;
}
