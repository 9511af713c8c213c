/**
 * Random interleavings in a small world. After every step the store must look as the in-memory model does, where each
 * call was made twice and two calls at once count as one after the other, in either order.
 */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GroupPhase } from "../../src/core/store.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { newOrigin } from "../support/store-fixtures.ts";
import { anyPhase, anySteps, doubtfulSteps, type Step } from "./draws.ts";
import { look, type Picture, type Sight } from "./picture.ts";
import { Planner } from "./planner.ts";
import type { Subject } from "./store-contract.ts";
import {
  afterwards,
  makePlan,
  openWorld,
  play,
  REFUSED,
  repeated,
  type Call,
  type Plan,
  type World,
} from "./world.ts";

export function interleavingsContract(subject: Subject, numRuns: number): void {
  describe("in any order", () => {
    it.each<[string, fc.Arbitrary<GroupPhase>, fc.Arbitrary<Step[]>]>([
      ["whatever happens", anyPhase, anySteps],
      ["while doubt is read and ended", fc.constant("open"), doubtfulSteps],
    ])("looks like the model after every step, %s", { timeout: 60_000 }, async (_what, phases, steps) => {
      const property = fc.asyncProperty(phases, steps, async (phase, steps) => {
        const plan = makePlan(newOrigin(), phase);
        const world = await openWorld(plan, subject.store);
        const planner = new Planner();
        let histories: Call[][] = [[]];
        let before = await look(world, subject.second);
        const outdated = new Set<number>();
        for (const { kind, draws } of steps) {
          const [call, other] = planner.plan(kind === "two-at-once" ? draws : [draws[0]], kind);
          if (call === undefined) continue;
          const taken =
            other === undefined
              ? await takeTwice(subject, world, {
                  histories,
                  call,
                  atOnce: kind === "twice-at-once" && call.do !== "remove-entries",
                })
              : await takeBoth(subject, world, { histories, calls: [call, other] });
          expectVersionMoved(before, taken.sight);
          for (const { call, answer } of taken.played) {
            if (call.do !== "commit-verdict" || !outdated.has(call.reading)) continue;
            expect(answer, `${tell(call)} after a change since its reading`).toBe(REFUSED);
          }
          if (before.stands !== taken.sight.stands) {
            for (const reading of world.readings.keys()) outdated.add(reading);
          }
          histories = taken.histories;
          before = taken.sight;
        }
      });
      await fc.assert(property, { numRuns });
    });
  });
}

interface Taken {
  /** The orders in which all calls so far may have come. They look alike, and differ in what cannot be seen yet. */
  histories: Call[][];
  played: { call: Call; answer: string }[];
  sight: Sight;
}

async function takeTwice(
  { store, second }: Subject,
  world: World,
  { histories, call, atOnce }: { histories: Call[][]; call: Call; atOnce: boolean },
): Promise<Taken> {
  const answers = atOnce
    ? await Promise.all([play(world, call, store), play(world, call, second)])
    : [await play(world, call, store), await play(world, call, second)];
  await afterwards(world, call);
  const sight = await look(world, second);
  const seen = { picture: sight.picture, answers: atOnce ? answers.toSorted() : answers };
  const possible = histories.map((history) => ({
    history: [...history, call],
    answersOf: ([answer = ""]: string[]) => {
      const both = [answer, repeated(call, answer)];
      return atOnce ? both.toSorted() : both;
    },
    calls: 1,
  }));
  const next = await thoseThatExplain(seen, { plan: world.plan, possible, what: tell(call) });
  return { histories: next, played: answers.map((answer) => ({ call, answer })), sight };
}

async function takeBoth(
  { store, second }: Subject,
  world: World,
  { histories, calls: [one, other] }: { histories: Call[][]; calls: [Call, Call] },
): Promise<Taken> {
  const [first, last] = await Promise.all([play(world, one, store), play(world, other, second)]);
  const sight = await look(world, second);
  const possible = histories.flatMap((history) => [
    { history: [...history, one, other], answersOf: (answers: string[]) => answers, calls: 2 },
    { history: [...history, other, one], answersOf: (answers: string[]) => answers.toReversed(), calls: 2 },
  ]);
  const seen = { picture: sight.picture, answers: [first, last] };
  const what = `${tell(one)} and ${tell(other)} at once, as if in neither order`;
  const next = await thoseThatExplain(seen, { plan: world.plan, possible, what });
  const played = [
    { call: one, answer: first },
    { call: other, answer: last },
  ];
  return { histories: next, played, sight };
}

interface Possible {
  history: Call[];
  /** The answers that are to be seen, from those of the model to the last calls. */
  answersOf: (answers: string[]) => string[];
  calls: number;
}

/** At least one must; of those that cannot be told apart by anything that may come, one is enough. */
async function thoseThatExplain(
  seen: { picture: Picture; answers: string[] },
  { plan, possible, what }: { plan: Plan; possible: Possible[]; what: string },
): Promise<Call[][]> {
  const found = new Map<string, Call[]>();
  let wanted: unknown;
  for (const { history, answersOf, calls } of possible) {
    const model = await modelAfter(plan, history);
    const expected = { picture: model.sight.picture, answers: answersOf(model.answers.slice(-calls)) };
    wanted ??= expected;
    if (sameLook(expected, seen)) found.set(model.hidden, found.get(model.hidden) ?? history);
  }
  if (found.size === 0) expect(seen, what).toEqual(wanted);
  return [...found.values()];
}

interface ModelSight {
  answers: string[];
  sight: Sight;
  /** What a picture does not show and later ones may: drafts of open entries, attempts, and who holds the gate. */
  hidden: string;
}

/** The model after all these calls, each made once, and its answers. */
async function modelAfter(plan: Plan, calls: readonly Call[]): Promise<ModelSight> {
  let nowMs = 1_000_000;
  const store = createMemoryStore({ now: () => nowMs });
  const world = await openWorld(plan, store, async () => {
    nowMs += 10;
  });
  const answers: string[] = [];
  for (const call of calls) {
    answers.push(await play(world, call));
    await afterwards(world, call);
  }
  const sight = await look(world);
  const { entries } = await store.readEntries({ cursor: undefined, limit: 100 });
  const drafts = entries.map(({ key, draftDatasetId }) => `${key} ${draftDatasetId}`);
  const pages = plan.runIds.map((runId) => store.readRows(runId, { fromRow: 1, limit: 100 }));
  const attempts = (await Promise.all(pages)).flat().map((row) => `${row.row} ${row.attempts}`);
  let holder = "nobody";
  for (const owner of ["anybody", ...world.owners.keys()]) {
    const isGranted = (await play(world, { do: "lock", owner })) === "true";
    if (isGranted && owner !== "anybody") holder = owner;
    if (isGranted) break;
  }
  return { answers, sight, hidden: [...drafts, ...attempts, holder].join(", ") };
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
  if (before.stands === after.stands) return;
  expect(after.version, `the version moves from ${before.stands} to ${after.stands}`).not.toBe(
    before.version,
  );
}

function tell(call: Call): string {
  return JSON.stringify(call);
}
