/** The questions of verification count against the shared rate: in slots, in the pace, and in what holds it back. */
import { expect, test } from "vitest";
import { makeGroupLocks } from "../../src/app/group-locks.ts";
import { makeRunVerifier } from "../../src/wire/run-verifier.ts";
import { failure, ok } from "../support/scripted-api.ts";
import { verifyScene, type Fate, type VerifyScene } from "../support/verify-scene.ts";

const LIMITER = "https://api.test#key";

function verifierOf({ store, api, clock, owner, stage }: VerifyScene) {
  const options = {
    ratePerSecond: 10,
    timeoutMs: 60_000,
    horizonMs: 120_000,
    sendWindowMs: 5_000,
    maxAttempts: 3,
    retryBaseMs: 500,
    retryCapMs: 30_000,
    graceMs: 0,
    limiter: LIMITER,
  };
  const locks = makeGroupLocks({ store, clock, owner: () => owner });
  const presence = { owner: () => owner };
  const faults: unknown[] = [];
  const onFault = (error: unknown) => faults.push(error);
  const verifier = makeRunVerifier(
    { store, api, presence, locks, clock, onFault },
    { ...stage.run, options },
  );
  const verify = async () => {
    const wanted = { mayResend: true, wait: true };
    await clock.advanceUntil(verifier.verify(wanted, new AbortController().signal));
    expect(faults).toEqual([]);
  };
  return { verifier, verify };
}

const standing = ({ store }: VerifyScene) => store.noteAnswers({ limiter: LIMITER, answered: 0, refused: 0 });

test.each<[string, Fate[]]>([
  ["a few", ["added"]],
  ["many, and a wait", ["added", "landed", "lost"]],
])("%s: each answer is told to the shared limiter", async (_, fates) => {
  const scene = await verifyScene(fates);
  await verifierOf(scene).verify();
  expect(await standing(scene)).toMatchObject({ answered: scene.api.calls.length, refused: 0 });
  expect(scene.clock.sleeping()).toBe(0);
});

test("one that is refused holds everybody back, and they begin again slowly", async () => {
  const scene = await verifyScene(["landed"]);
  let counted = 0;
  scene.api.onCountRows = () =>
    (counted += 1) === 1 ? { ...failure("rate_limited", 20_000), status: 429 } : ok(1);
  const { verifier } = verifierOf(scene);
  const done = verifier.verify({ mayResend: true, wait: true }, new AbortController().signal);
  await scene.clock.advance(2_000);
  expect(await standing(scene)).toMatchObject({ refused: 1, memory: { phase: "reopening" } });
  const slot = { limiter: LIMITER, sender: "another", ratePerSecond: 10, count: 1 };
  expect((await scene.store.reserveSlots(slot)).startInMs).toBeGreaterThan(15_000);
  await scene.clock.advanceUntil(done);
  expect(await scene.statuses()).toEqual(["added"]);
});
