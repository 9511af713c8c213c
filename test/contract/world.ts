/**
 * A small world for random operations: two workers, two runs that load the same rows, three rows of which two share
 * a key, one group. The same calls can be played on a store and on the in-memory model.
 */
import { vi } from "vitest";
import { groupKey, type GroupKey, type RowKey } from "../../src/core/row.ts";
import type { RunState } from "../../src/core/status.ts";
import type {
  ClaimAnswer,
  GroupPhase,
  LeaseId,
  LedgerNote,
  NewRow,
  PortableEntry,
  Run,
  Settlement,
  Store,
  Token,
} from "../../src/core/store.ts";
import { aHolder, aRun, DRAFT, facts, LONG_MS, queuedRow } from "../support/store-fixtures.ts";

/** The answer to a verdict that came too late. */
export const REFUSED = "refused";

export interface PlannedClaim {
  run: number;
  row: number;
  token: Token;
  /** A worker, and which of its lives; each life has a lease. */
  owner: string;
  /** The time of the claim is over when the call has been played. */
  past: boolean;
  paused: boolean;
}

export type Call =
  | { do: "claim"; claim: PlannedClaim }
  | { do: "settle"; claim: PlannedClaim; settlement: Settlement; attempts: number }
  | { do: "sweep" }
  | { do: "end-lease"; owner: string }
  | { do: "change-run"; run: number; state: RunState; from: RunState[] | undefined }
  | { do: "mark-unprocessed"; run: number }
  | { do: "put-rows"; run: number }
  | {
      do: "set-group";
      phase: Exclude<GroupPhase, "new">;
      draftDatasetId: number | undefined;
      baseline: number | undefined;
    }
  | { do: "remove-run"; run: number }
  | { do: "lock" | "unlock"; owner: string }
  /** What a verifier reads; its verdict comes some calls later. */
  | { do: "read-doubt"; reading: number }
  | {
      do: "commit-verdict";
      kind: "landed" | "absent" | "resend";
      reading: number;
      /** One row's key, or all. */
      row: number | undefined;
    }
  | { do: "reconcile" | "requeue"; run: number }
  | {
      do: "decide";
      row: number;
      decision: LedgerNote["decision"];
      draftDatasetId: number | undefined;
      why: string;
    }
  | { do: "put-entry"; row: number; entry: Omit<PortableEntry, "key" | "group"> }
  | { do: "remove-entries" };

/** What is the same in the world of the store and in that of the model. */
export interface Plan {
  origin: string;
  group: GroupKey;
  runIds: string[];
  phase: GroupPhase;
  rows: (NewRow & { key: RowKey })[];
}

export interface World {
  plan: Plan;
  store: Store;
  runs: Run[];
  owners: Map<string, Promise<LeaseId>>;
  readings: Map<number, { version: number; draftDatasetId: number | undefined }>;
  /** Lets the time of a claim that was granted for a moment pass. */
  letTimePass(key: RowKey): Promise<void>;
}

export function makePlan(origin: string, phase: GroupPhase): Plan {
  return {
    origin,
    group: groupKey(origin, 42),
    runIds: [0, 1].map((index) => `${origin.slice(8, 20)}-${index}`),
    phase,
    rows: [
      queuedRow(origin, 1, { trace: "twin" }),
      queuedRow(origin, 2, { trace: "single", span: "span" }),
      queuedRow(origin, 3, { trace: "twin" }),
    ],
  };
}

export async function openWorld(
  plan: Plan,
  store: Store,
  letTimePass: World["letTimePass"] = passInStore(store),
): Promise<World> {
  const world: World = { plan, store, runs: [], owners: new Map(), readings: new Map(), letTimePass };
  const owner = await ownerOf(world, "producer");
  for (const runId of plan.runIds) {
    const run = aRun(owner, { runId, origin: plan.origin, fingerprint: "f".repeat(64) });
    world.runs.push(await store.createRun(run));
    await store.putRows(runId, plan.rows);
  }
  if (plan.phase !== "new") {
    const draft = plan.phase === "open" ? DRAFT : undefined;
    await store.setGroup(plan.group, { phase: plan.phase, draftDatasetId: draft, baseline: draft && 0 });
  }
  await store.pauseLimiter(limiterOf(plan, true), LONG_MS);
  return world;
}

/** Plays one call, and answers it in a form that is the same in every world. */
export async function play(world: World, call: Call, store = world.store): Promise<string> {
  const { plan } = world;
  switch (call.do) {
    case "claim": {
      const { run, row, token, past, paused } = call.claim;
      const answer = await store.claim({
        key: keyOf(plan, row),
        group: plan.group,
        runId: runIdOf(plan, run),
        row,
        token,
        owner: await ownerOf(world, call.claim.owner),
        holdMs: past ? 1 : LONG_MS,
        limiter: limiterOf(plan, paused),
      });
      return nameOf(answer);
    }
    case "settle": {
      const { run, row, token } = call.claim;
      await store.settle({
        key: keyOf(plan, row),
        group: plan.group,
        runId: runIdOf(plan, run),
        row,
        token,
        settlement: call.settlement,
        facts: facts({ attempts: call.attempts }),
      });
      return "acknowledged";
    }
    case "sweep":
      // How many is not compared: other tests' rows are swept along.
      await store.sweep();
      return "swept";
    case "end-lease":
      await store.endLease(await ownerOf(world, call.owner));
      return "ended";
    case "change-run":
      return String(await store.changeRun(runIdOf(plan, call.run), { state: call.state }, call.from));
    case "mark-unprocessed":
      return `marked ${await store.markUnprocessed(runIdOf(plan, call.run), plan.rows)}`;
    case "put-rows": {
      const put = store.putRows(runIdOf(plan, call.run), plan.rows);
      return put.then(
        () => "put",
        (error: unknown) => `refused: ${codeOf(error)}`,
      );
    }
    case "set-group": {
      const { phase, draftDatasetId, baseline } = call;
      await store.setGroup(plan.group, { phase, draftDatasetId, baseline });
      return "set";
    }
    case "remove-run":
      return String(await store.removeRun(runIdOf(plan, call.run)));
    case "lock":
      return String(await store.lockGroup(plan.group, await ownerOf(world, call.owner), LONG_MS));
    case "unlock":
      await store.unlockGroup(plan.group, await ownerOf(world, call.owner));
      return "unlocked";
    case "read-doubt": {
      const { version, sending, unknown, elsewhere } = await store.readDoubt(plan.group);
      const { draftDatasetId } = await store.getGroup(plan.group);
      world.readings.set(call.reading, { version, draftDatasetId });
      return `${sending} sending, ${unknown} in doubt, ${elsewhere} elsewhere`;
    }
    case "commit-verdict": {
      const reading = world.readings.get(call.reading);
      if (reading === undefined) throw new Error("a verdict comes after its reading");
      const keys = call.row === undefined ? {} : { keys: [keyOf(plan, call.row)] };
      const ended = await store.commitVerdict(plan.group, { kind: call.kind, ...reading, ...keys });
      return ended === undefined ? REFUSED : `ended ${ended}`;
    }
    case "reconcile":
      return `reconciled ${await store.reconcile(runIdOf(plan, call.run), plan.rows)}`;
    case "requeue":
      return `requeued ${await store.requeue(runIdOf(plan, call.run), { fromRow: 1, toRow: 2 })}`;
    case "decide": {
      const { row, decision, draftDatasetId, why } = call;
      const key = keyOf(plan, row);
      const by = "ada@host";
      return String(await store.decide({ key, group: plan.group, decision, draftDatasetId, by, why }));
    }
    case "put-entry": {
      const entry = { ...call.entry, key: keyOf(plan, call.row), group: plan.group };
      return `took over ${await store.putEntries([entry])}`;
    }
    case "remove-entries":
      return `forgot ${await store.removeEntries(plan.group, 100)}`;
    default:
      return call satisfies never;
  }
}

/** To be called when a call, and its repeats, have been played. */
export async function afterwards(world: World, call: Call): Promise<void> {
  if (call.do === "claim" && call.claim.past) await world.letTimePass(keyOf(world.plan, call.claim.row));
}

/** What the same call answers when it is played again at once. */
export function repeated(call: Call, answer: string): string {
  if (call.do === "claim" && answer.startsWith("already-added")) return "done";
  switch (call.do) {
    case "mark-unprocessed":
      return "marked 0";
    case "reconcile":
      return "reconciled 0";
    case "requeue":
      return "requeued 0";
    case "put-entry":
      return "took over 0";
    case "remove-entries":
      return "forgot 0";
    case "commit-verdict":
      return answer === "ended 0" ? answer : REFUSED;
    default:
      return answer;
  }
}

function passInStore(store: Store): World["letTimePass"] {
  return async (key) => {
    const [entry] = await store.lookup([key]);
    const until = entry?.until;
    if (until === undefined || entry?.state !== "sending" || until > (await store.now()) + 1_000) return;
    await vi.waitFor(
      async () => {
        if ((await store.now()) <= until) throw new Error("the claim's time is not over yet");
      },
      { interval: 1 },
    );
  };
}

function nameOf(answer: ClaimAnswer): string {
  switch (answer.kind) {
    case "wait":
      return `wait for ${answer.reason}`;
    case "already-added":
      return `already-added${answer.own ? " by itself" : ""}`;
    case "claimed":
    case "stopped":
    case "done":
    case "unknown":
      return answer.kind;
    default:
      return answer satisfies never;
  }
}

/** A life begins when it is first needed. */
async function ownerOf(world: World, name: string): Promise<LeaseId> {
  const known = world.owners.get(name) ?? world.store.openLease(aHolder(), LONG_MS);
  world.owners.set(name, known);
  return known;
}

function keyOf(plan: Plan, row: number): RowKey {
  const found = plan.rows[row - 1];
  if (found === undefined) throw new Error(`there is no row ${row}`);
  return found.key;
}

function runIdOf(plan: Plan, run: number): string {
  return plan.runIds[run] ?? "no-such-run";
}

function limiterOf(plan: Plan, paused: boolean): string {
  return `${plan.origin} ${paused ? "paused" : "free"}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
