/** Random operations for a small world, and how they become calls. */
import * as fc from "fast-check";
import type { RunState } from "../../src/core/status.ts";
import type { GroupPhase, Settlement } from "../../src/core/store.ts";
import { ADDED, DRAFT, FAILED, newToken, REJECTED, RELEASED, UNKNOWN } from "../support/store-fixtures.ts";
import type { Call, PlannedClaim } from "./world.ts";

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

export interface Step {
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
const anyDraw: fc.Arbitrary<Draw> = fc.oneof(
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
export const anyStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("twice", "twice-at-once", "two-at-once"),
  draws: fc.tuple(anyDraw, anyDraw),
});
export const anyPhase = fc.constantFrom<GroupPhase[]>("open", "open", "open", "solo", "new");

/** Turns draws into calls: fresh tokens, and claims of the past to settle or to repeat. */
export class Planner {
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
