/**
 * Random interleavings in a small world. After every step the store must look as the in-memory model does, where each
 * call was made twice and two calls at once count as one after the other, in either order.
 */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../support/memory-store.ts";
import { newOrigin } from "../support/store-fixtures.ts";
import { anyPhase, anyStep, Planner } from "./draws.ts";
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
  type World,
} from "./world.ts";

export function interleavingsContract(subject: Subject, numRuns: number): void {
  describe("in any order", () => {
    it("looks like the model after every step", { timeout: 60_000 }, async () => {
      const steps = fc.array(anyStep, { minLength: 4, maxLength: 16 });
      const property = fc.asyncProperty(anyPhase, steps, async (phase, steps) => {
        const plan = makePlan(newOrigin(), phase);
        const world = await openWorld(plan, subject.store);
        const planner = new Planner();
        let history: Call[] = [];
        let before = await look(world, subject.second);
        for (const { kind, draws } of steps) {
          const [call, other] = planner.plan(kind === "two-at-once" ? draws : [draws[0]], kind);
          if (call === undefined) continue;
          const taken =
            other === undefined
              ? await takeTwice(subject, world, { history, call, atOnce: kind === "twice-at-once" })
              : await takeBoth(subject, world, { history, calls: [call, other] });
          expectVersionMoved(before, taken.sight);
          history = taken.history;
          before = taken.sight;
        }
      });
      await fc.assert(property, { numRuns });
    });
  });
}

interface Taken {
  history: Call[];
  sight: Sight;
}

async function takeTwice(
  { store, second }: Subject,
  world: World,
  { history, call, atOnce }: { history: Call[]; call: Call; atOnce: boolean },
): Promise<Taken> {
  const next = [...history, call];
  const model = await modelAfter(world.plan, next);
  const expected = [model.answer, repeated(call, model.answer)];
  if (atOnce) {
    const answers = await Promise.all([play(world, call, store), play(world, call, second)]);
    expect(answers.toSorted(), tell(call)).toEqual(expected.toSorted());
  } else {
    const answers = [await play(world, call, store), await play(world, call, second)];
    expect(answers, tell(call)).toEqual(expected);
  }
  await afterwards(world, call);
  const sight = await look(world, second);
  expect(sight.picture, tell(call)).toEqual(model.sight.picture);
  return { history: next, sight };
}

async function takeBoth(
  { store, second }: Subject,
  world: World,
  { history, calls: [one, other] }: { history: Call[]; calls: [Call, Call] },
): Promise<Taken> {
  const answers = await Promise.all([play(world, one, store), play(world, other, second)]);
  const sight = await look(world, second);
  const oneFirst = [...history, one, other];
  const otherFirst = [...history, other, one];
  for (const order of [oneFirst, otherFirst]) {
    const model = await modelAfter(world.plan, order);
    if (sameLook(model.sight.picture, sight.picture)) return { history: order, sight };
  }
  const model = await modelAfter(world.plan, oneFirst);
  expect(sight.picture, `${tell(one)} and ${tell(other)} at once answered ${answers.join(" and ")}`).toEqual(
    model.sight.picture,
  );
  return { history: oneFirst, sight };
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
