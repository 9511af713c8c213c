/** Random operations for a small world, and the steps they come in. */
import * as fc from "fast-check";
import type { RunState } from "../../src/core/status.ts";
import type { GroupPhase, PortableEntry, Settlement } from "../../src/core/store.ts";
import { ADDED, DRAFT, FAILED, REJECTED, RELEASED, UNKNOWN } from "../support/store-fixtures.ts";
import type { Call } from "./world.ts";

/** An operation before it is known which claims have been made so far. */
export type Draw =
  | { do: "claim"; worker: number; run: number; row: number; past: boolean; paused: boolean }
  | { do: "claim-again"; pick: number }
  | { do: "settle"; pick: number; settlement: Settlement }
  | { do: "die" | "lock" | "unlock"; worker: number }
  | { do: "read-doubt" }
  | (Omit<Extract<Call, { do: "commit-verdict" }>, "reading"> & { stepsBack: number })
  | { do: "put-entry"; row: number; state: PortableEntry["state"]; draftDatasetId: number | undefined }
  | Extract<
      Call,
      {
        do:
          | "sweep"
          | "change-run"
          | "mark-unprocessed"
          | "put-rows"
          | "set-group"
          | "remove-run"
          | "reconcile"
          | "requeue"
          | "decide"
          | "remove-entries";
      }
    >;

export interface Step {
  kind: "twice" | "twice-at-once" | "two-at-once";
  draws: [Draw, Draw];
}

const STATES: RunState[] = [
  "reading",
  "draining",
  "draining",
  "draining",
  "verifying",
  "paused",
  "cancelled",
];
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
const worker = fc.nat({ max: 1 });
const row = fc.integer({ min: 1, max: 3 });
const rarely = fc.integer({ min: 0, max: 7 }).map((drawn) => drawn === 7);
const anyDraft = fc.constantFrom(undefined, undefined, DRAFT, 777);

/** Each kind of operation, by its name. */
const draws = {
  claim: fc.record({ do: fc.constant("claim"), worker, run, row, past: rarely, paused: rarely }),
  claimFreely: fc.record({
    do: fc.constant("claim"),
    worker,
    run,
    row,
    past: fc.constant(false),
    paused: fc.constant(false),
  }),
  claimAgain: fc.record({ do: fc.constant("claim-again"), pick: fc.nat({ max: 4 }) }),
  settle: fc.record({
    do: fc.constant("settle"),
    pick: fc.nat({ max: 4 }),
    settlement: fc.constantFrom(...SETTLEMENTS),
  }),
  loseTrack: fc.record({
    do: fc.constant("settle"),
    pick: fc.constantFrom(0, 0, 0, 0, 1),
    settlement: fc.constantFrom<Settlement[]>(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, RELEASED, ADDED),
  }),
  sweep: fc.constant({ do: "sweep" }),
  die: fc.record({ do: fc.constant("die"), worker }),
  changeRun: fc.record({
    do: fc.constant("change-run"),
    run,
    state: fc.constantFrom(...STATES),
    from: fc.constantFrom<(RunState[] | undefined)[]>(
      undefined,
      undefined,
      ["draining"],
      ["paused", "reading"],
    ),
  }),
  markUnprocessed: fc.record({ do: fc.constant("mark-unprocessed"), run }),
  putRows: fc.record({ do: fc.constant("put-rows"), run }),
  removeRun: fc.record({ do: fc.constant("remove-run"), run }),
  setGroup: fc.constantFrom<Draw[]>(
    { do: "set-group", phase: "open", draftDatasetId: DRAFT, baseline: undefined },
    { do: "set-group", phase: "open", draftDatasetId: DRAFT, baseline: 7 },
    { do: "set-group", phase: "open", draftDatasetId: 777, baseline: undefined },
    { do: "set-group", phase: "solo", draftDatasetId: undefined, baseline: undefined },
  ),
  lock: fc.record({ do: fc.constant("lock"), worker }),
  unlock: fc.record({ do: fc.constant("unlock"), worker }),
  readDoubt: fc.constant({ do: "read-doubt" }),
  commitVerdict: fc.record({
    do: fc.constant("commit-verdict"),
    kind: fc.constantFrom("landed", "absent", "resend"),
    row: fc.option(row, { nil: undefined }),
    stepsBack: fc.constantFrom(0, 0, 0, 1, 2),
  }),
  reconcile: fc.record({ do: fc.constant("reconcile"), run }),
  requeue: fc.record({ do: fc.constant("requeue"), run }),
  decide: fc.record({
    do: fc.constant("decide"),
    row,
    decision: fc.constantFrom("added", "absent"),
    draftDatasetId: anyDraft,
    why: fc.constantFrom("seen", "not seen"),
  }),
  putEntry: fc.record({
    do: fc.constant("put-entry"),
    row,
    state: fc.constantFrom("added", "unknown"),
    draftDatasetId: anyDraft,
  }),
  removeEntries: fc.constant({ do: "remove-entries" }),
} satisfies Record<string, fc.Arbitrary<Draw>>;

type Weights = Partial<Record<keyof typeof draws, number>>;

/** Everything that can happen, each kind about as often as it must to meet the others. */
const EVERYTHING: Weights = {
  claim: 8,
  claimAgain: 2,
  settle: 10,
  sweep: 2,
  die: 2,
  changeRun: 3,
  markUnprocessed: 2,
  putRows: 1,
  removeRun: 1,
  setGroup: 2,
  lock: 1,
  unlock: 2,
  readDoubt: 2,
  commitVerdict: 2,
  reconcile: 1,
  requeue: 1,
  decide: 2,
  putEntry: 1,
  removeEntries: 1,
};

/** What gets between the parts of the episodes below. */
const BETWEEN: Weights = {
  claim: 3,
  settle: 4,
  sweep: 1,
  die: 1,
  setGroup: 1,
  lock: 1,
  decide: 1,
  putEntry: 1,
  removeEntries: 1,
  requeue: 1,
  reconcile: 2,
};

function drawOf(weights: Weights): fc.Arbitrary<Draw> {
  return fc.oneof(
    ...Object.entries(draws).map(([name, arbitrary]) => ({
      weight: weights[name as keyof typeof draws] ?? 0,
      arbitrary: arbitrary as fc.Arbitrary<Draw>,
    })),
  );
}

const kind = fc.constantFrom<Step["kind"][]>("twice", "twice-at-once", "two-at-once");
const stepOf = (first: fc.Arbitrary<Draw>, beside: fc.Arbitrary<Draw>): fc.Arbitrary<Step> =>
  fc.record({ kind, draws: fc.tuple(first, beside) });

/** These steps one after the other; any but the first may be missing. */
function inTurn(first: fc.Arbitrary<Draw>, ...later: fc.Arbitrary<Draw>[]): fc.Arbitrary<Step[]> {
  const between = drawOf(BETWEEN);
  const mostly = (draw: fc.Arbitrary<Draw>) => fc.option(stepOf(draw, between), { freq: 9, nil: undefined });
  return fc
    .tuple(stepOf(first, between), ...later.map(mostly))
    .map((steps) => steps.filter((step) => step !== undefined));
}

const toState = (...states: RunState[]): fc.Arbitrary<Draw> =>
  fc.record({
    do: fc.constant("change-run"),
    run,
    state: fc.constantFrom(...states),
    from: fc.constant(undefined),
  });

/** Everything that can happen, in any order. */
export const anySteps: fc.Arbitrary<Step[]> = fc.array(stepOf(drawOf(EVERYTHING), drawOf(EVERYTHING)), {
  minLength: 4,
  maxLength: 16,
});

const { claimFreely, loseTrack, readDoubt, commitVerdict, reconcile } = draws;
const wholeDoubt = inTurn(claimFreely, loseTrack, readDoubt, commitVerdict, reconcile);
const episodes: fc.WeightedArbitrary<Step[]>[] = [
  { weight: 4, arbitrary: wholeDoubt },
  { weight: 2, arbitrary: inTurn(claimFreely, loseTrack, claimFreely, loseTrack, readDoubt, commitVerdict) },
  { weight: 1, arbitrary: inTurn(claimFreely, loseTrack, readDoubt, drawOf(BETWEEN), commitVerdict) },
  { weight: 1, arbitrary: inTurn(draws.lock, readDoubt, commitVerdict, draws.unlock, reconcile) },
  {
    weight: 1,
    arbitrary: inTurn(
      toState("paused", "cancelled", "verifying"),
      draws.markUnprocessed,
      reconcile,
      toState("draining"),
      draws.requeue,
    ),
  },
  { weight: 1, arbitrary: inTurn(drawOf(BETWEEN)) },
];

/** Rows that end unknown, verdicts on them, and runs that stop and carry on; and what gets in between. */
export const doubtfulSteps: fc.Arbitrary<Step[]> = fc
  .tuple(wholeDoubt, fc.array(fc.oneof(...episodes), { minLength: 2, maxLength: 5, size: "max" }))
  .map(([first, others]) => [first, ...others].flat());
export const anyPhase = fc.constantFrom<GroupPhase[]>("open", "open", "open", "solo", "new");
