/** What verifying and publishing ask counts against the shared rate: in slots, in the pace, and in what holds it back. */
import { expect, test } from "vitest";
import { makeGroupLocks } from "../../src/app/group-locks.ts";
import { makeRunPublisher, makeRunVerifier } from "../../src/wire/run-verifier.ts";
import { failure, ok } from "../support/scripted-api.ts";
import { verifyScene, type Fate, type VerifyScene } from "../support/verify-scene.ts";

const LIMITER = "https://api.test#key";

function sidesOf({ store, api, clock, owner, stage }: VerifyScene) {
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
  const parts = { store, api, presence, locks, clock, onFault };
  const run = { ...stage.run, options };
  const verifier = makeRunVerifier(parts, run);
  const publisher = makeRunPublisher(parts, run, { when: "if-clean", force: false })!;
  const verify = async () => {
    const wanted = { mayResend: true, wait: true };
    await clock.advanceUntil(verifier.verify(wanted, new AbortController().signal));
    expect(faults).toEqual([]);
  };
  const publish = () => clock.advanceUntil(publisher.publish(new AbortController().signal));
  return { verifier, verify, publish };
}

const standing = ({ store }: VerifyScene) => store.noteAnswers({ limiter: LIMITER, answered: 0, refused: 0 });

test.each<[string, Fate[]]>([
  ["a few", ["added"]],
  ["many, and a wait", ["added", "landed", "lost"]],
])("%s: each answer is told to the shared limiter", async (_, fates) => {
  const scene = await verifyScene(fates);
  await sidesOf(scene).verify();
  expect(await standing(scene)).toMatchObject({ answered: scene.api.calls.length, refused: 0 });
  expect(scene.clock.sleeping()).toBe(0);
});

test("one that is refused holds everybody back, and they begin again slowly", async () => {
  const scene = await verifyScene(["landed"]);
  let counted = 0;
  scene.api.onCountRows = () =>
    (counted += 1) === 1 ? { ...failure("rate_limited", 20_000), status: 429 } : ok(1);
  const { verifier } = sidesOf(scene);
  const done = verifier.verify({ mayResend: true, wait: true }, new AbortController().signal);
  await scene.clock.advance(2_000);
  expect(await standing(scene)).toMatchObject({ refused: 1, memory: { phase: "reopening" } });
  const slot = { limiter: LIMITER, sender: "another", ratePerSecond: 10, count: 1 };
  expect((await scene.store.reserveSlots(slot)).startInMs).toBeGreaterThan(15_000);
  await scene.clock.advanceUntil(done);
  expect(await scene.statuses()).toEqual(["added"]);
});

test("so are publishing's: its questions, its request, and a pause that it was asked for", async () => {
  const scene = await verifyScene(["added"]);
  const { api, server, clock } = scene;
  const { verify, publish } = sidesOf(scene);
  await verify();
  let saves = 0;
  api.onSaveDraft = () =>
    (saves += 1) === 1
      ? { ...failure("rate_limited", 20_000), status: 429 }
      : ok({ draftDatasetId: server.draft }, 202);
  api.onListDatasets = () =>
    ok([{ id: server.draft, datasetGroupId: 42, versionNumber: saves === 2 ? 3 : -1 }]);
  await publish();
  expect(await scene.verdict()).toMatchObject({ publication: { state: "published", versionNumber: 3 } });
  expect(await standing(scene)).toMatchObject({
    answered: api.calls.length,
    refused: 1,
    memory: { phase: "reopening" },
  });
  expect(clock.sleeping()).toBe(0);
});
