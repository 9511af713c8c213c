/**
 * Random interleavings in a small world. After every step the store must look as the in-memory model does, where each
 * call was made twice and two calls at once count as one after the other, in either order.
 */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RunState } from "../../src/core/status.ts";
import type { GroupPhase, Settlement } from "../../src/core/store.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import {
  ADDED,
  DRAFT,
  FAILED,
  newOrigin,
  newToken,
  REJECTED,
  RELEASED,
  UNKNOWN,
} from "../support/store-fixtures.ts";
import { look, type Sight } from "./picture.ts";
import type { Subject } from "./store-contract.ts";
import {
  afterwards,
  makePlan,
  openWorld,
  play,
  repeated,
  type Call,
  type Plan,
  type PlannedClaim,
  type World,
} from "./world.ts";

/** An operation before it is known which claims have been made so far. */
type Draw =
  | { do: "claim"; worker: number; run: number; row: number; past: boolean; paused: boolean }
  | { do: "claim-again"; pick: number }
  | { do: "settle"; pick: number; settlement: Settlement }
  | { do: "die"; worker: number }
  | Extract<
      Call,
      { do: "sweep" | "change-run" | "mark-unprocessed" | "put-rows" | "set-group" | "remove-run" }
    >;

interface Step {
  kind: "twice" | "twice-at-once" | "two-at-once";
  draws: [Draw, Draw];
}

const STATES: RunState[] = ["reading", "draining", "draining", "draining", "paused", "cancelled"];
const SETTLEMENTS: Settlement[] = [
  ADDED,
  ADDED,
  { ...ADDED, mode: "span", warning: { code: "mode_mismatch", message: "a trace was sent" } },
  { ...ADDED, draftDatasetId: 777 },
  REJECTED,
  FAILED,
  UNKNOWN,
  UNKNOWN,
  RELEASED,
  RELEASED,
];

const run = fc.nat({ max: 1 });
const rarely = fc.integer({ min: 0, max: 7 }).map((drawn) => drawn === 7);
const draw: fc.Arbitrary<Draw> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("claim" as const),
      worker: fc.nat({ max: 1 }),
      run,
      row: fc.integer({ min: 1, max: 3 }),
      past: rarely,
      paused: rarely,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("claim-again" as const), pick: fc.nat() }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      pick: fc.nat(),
      settlement: fc.constantFrom(...SETTLEMENTS),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: "sweep" as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("die" as const), worker: fc.nat({ max: 1 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("change-run" as const),
      run,
      state: fc.constantFrom(...STATES),
      from: fc.constantFrom<(RunState[] | undefined)[]>(
        undefined,
        undefined,
        ["draining"],
        ["paused", "reading"],
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("mark-unprocessed" as const), run }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("put-rows" as const), run }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove-run" as const), run }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Draw[]>(
      { do: "set-group", phase: "open", draftDatasetId: DRAFT, baseline: undefined },
      { do: "set-group", phase: "open", draftDatasetId: DRAFT, baseline: 7 },
      { do: "set-group", phase: "open", draftDatasetId: 777, baseline: undefined },
      { do: "set-group", phase: "solo", draftDatasetId: undefined, baseline: undefined },
    ),
  },
);
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("twice", "twice-at-once", "two-at-once"),
  draws: fc.tuple(draw, draw),
});
const phase = fc.constantFrom<GroupPhase[]>("open", "open", "open", "solo", "new");

export function interleavingsContract(subject: Subject, numRuns: number): void {
  describe("in any order", () => {
    it("looks like the model after every step", { timeout: 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(
          phase,
          fc.array(step, { minLength: 4, maxLength: 16 }),
          async (firstPhase, steps) => {
            const plan = makePlan(newOrigin(), firstPhase);
            const world = await openWorld(plan, subject.store);
            const planner = new Planner();
            let history: Call[] = [];
            let before = await look(world, subject.second);
            for (const { kind, draws } of steps) {
              const calls = planner.plan(kind === "two-at-once" ? draws : [draws[0]], kind);
              if (calls.length === 0) continue;
              history =
                kind === "two-at-once" && calls.length === 2
                  ? await takeBoth(subject, world, history, calls)
                  : await takeTwice(subject, world, history, calls, kind === "twice-at-once");
              const after = await look(world, subject.second);
              expectVersionMoved(before, after);
              before = after;
            }
          },
        ),
        { numRuns, interruptAfterTimeLimit: 15_000 },
      );
    });
  });
}

/** Turns draws into calls: fresh tokens, and claims of the past to settle or to repeat. */
class Planner {
  private readonly claims: PlannedClaim[] = [];
  private readonly lives = [0, 0];

  plan(draws: Draw[], kind: Step["kind"]): Call[] {
    const made: PlannedClaim[] = [];
    const calls = draws.flatMap((draw) => this.callOf(draw, made));
    this.claims.push(...made);
    if (kind !== "two-at-once") return calls;
    // Whether a moment has passed is not decided while two calls race.
    return calls.map((call) =>
      call.do === "claim" ? { do: call.do, claim: Object.assign({}, call.claim, { past: false }) } : call,
    );
  }

  private callOf(draw: Draw, made: PlannedClaim[]): Call[] {
    switch (draw.do) {
      case "claim": {
        const { worker, run, row, past, paused } = draw;
        const claim: PlannedClaim = { run, row, past, paused, token: newToken(), owner: this.owner(worker) };
        made.push(claim);
        return [{ do: "claim", claim }];
      }
      case "claim-again": {
        const claim = this.claims[draw.pick % this.claims.length];
        return claim === undefined ? [] : [{ do: "claim", claim }];
      }
      case "settle": {
        const claim = this.claims[draw.pick % this.claims.length];
        const attempts = 1 + (draw.pick % 5);
        return claim === undefined ? [] : [{ do: "settle", claim, settlement: draw.settlement, attempts }];
      }
      case "die": {
        const owner = this.owner(draw.worker);
        this.lives[draw.worker] = (this.lives[draw.worker] ?? 0) + 1;
        return [{ do: "end-lease", owner }];
      }
      case "sweep":
      case "change-run":
      case "mark-unprocessed":
      case "put-rows":
      case "set-group":
      case "remove-run":
        return [draw];
      default:
        return draw satisfies never;
    }
  }

  private owner(worker: number): string {
    return `worker ${worker}, life ${this.lives[worker]}`;
  }
}

async function takeTwice(
  { store, second }: Subject,
  world: World,
  history: Call[],
  calls: Call[],
  atOnce: boolean,
): Promise<Call[]> {
  const next = [...history, ...calls];
  const model = await modelAfter(world.plan, next);
  for (const call of calls) {
    const answers = atOnce
      ? await Promise.all([play(world, call, store), play(world, call, second)])
      : [await play(world, call, store), await play(world, call, second)];
    await afterwards(world, call);
    const expected = [model.answer, repeated(call, model.answer)];
    expect(atOnce ? answers.toSorted() : answers, tell(call)).toEqual(
      atOnce ? expected.toSorted() : expected,
    );
  }
  const { picture } = await look(world, second);
  expect(picture, calls.map(tell).join("; ")).toEqual(model.sight.picture);
  return next;
}

async function takeBoth(
  { store, second }: Subject,
  world: World,
  history: Call[],
  [one, other]: Call[],
): Promise<Call[]> {
  if (one === undefined || other === undefined) return history;
  const oneFirst = [...history, one, other];
  const otherFirst = [...history, other, one];
  await Promise.all([play(world, one, store), play(world, other, second)]);
  const { picture } = await look(world, second);
  for (const order of [oneFirst, otherFirst]) {
    const model = await modelAfter(world.plan, order);
    if (sameLook(model.sight.picture, picture)) return order;
  }
  const model = await modelAfter(world.plan, oneFirst);
  expect(picture, `at once: ${tell(one)}; ${tell(other)}`).toEqual(model.sight.picture);
  return history;
}

/** The model after all these calls, each made once, and its answer to the last. */
async function modelAfter(plan: Plan, calls: readonly Call[]): Promise<{ answer: string; sight: Sight }> {
  let nowMs = 1_000_000;
  const store = createMemoryStore({ now: () => nowMs });
  const world = await openWorld(plan, store, async () => {
    nowMs += 10;
  });
  let answer = "";
  for (const call of calls) {
    answer = await play(world, call);
    await afterwards(world, call);
  }
  return { answer, sight: await look(world) };
}

function sameLook(one: unknown, other: unknown): boolean {
  try {
    expect(one).toEqual(other);
    return true;
  } catch {
    return false;
  }
}

function expectVersionMoved(before: Sight, after: Sight): void {
  if (before.entries === after.entries) return;
  expect(after.version, `the version moves from ${before.entries} to ${after.entries}`).not.toBe(
    before.version,
  );
}

function tell(call: Call): string {
  return JSON.stringify(call);
}
