/** Rows in doubt that were claimed for another draft stay held, and say nothing false about those beside them. */
import { describe, expect, test } from "vitest";
import { judge } from "../../src/app/verify/judgement.ts";
import { UNKNOWN } from "../support/store-fixtures.ts";
import { HOLD_MS, verifyScene } from "../support/verify-scene.ts";

const NEXT_DRAFT = 502;

/** Row 1 was lost on its way to a draft that was published since; the others, to the present one. */
async function afterPublishing(fates: readonly ("landed" | "lost")[], options: { holdMs?: number } = {}) {
  const scene = await verifyScene(["lost", ...fates.map(() => "queued" as const)]);
  const { store, stage, server, put } = scene;
  server.draft = NEXT_DRAFT;
  await store.setGroup(stage.group, { phase: "open", draftDatasetId: NEXT_DRAFT, baseline: 0 });
  await store.changeRun(stage.run.runId, { state: "draining" });
  for (const [index, fate] of fates.entries()) {
    const row = index + 2;
    const claim = await stage.claim(row, { holdMs: options.holdMs ?? HOLD_MS });
    if (fate === "landed") put(`trace-${row}`, undefined, NEXT_DRAFT);
    await store.settle(stage.settleOf(claim, UNKNOWN));
  }
  await store.changeRun(stage.run.runId, { state: "verifying" });
  return scene;
}

describe("beside a held row of a published draft", () => {
  test("rows that are certainly not in the present draft are sent again; it stays held", async () => {
    const { verify, statuses, verdict, group } = await afterPublishing(["lost", "lost"]);
    await verify();
    expect(await statuses()).toEqual(["unknown", "queued", "queued"]);
    expect(await verdict()).toMatchObject({ kind: "inconclusive", absent: 2, landed: 0, unknown: 1 });
    expect((await verdict())?.reason).toContain("another draft");
    expect(await group()).toMatchObject({ unknown: 1, added: 0 });
  });

  test("nothing is judged before its own time is over: it could land in the present draft until then", async () => {
    const { verifier, statuses, clock } = await afterPublishing(["lost"], { holdMs: 10_000 });
    const done = verifier().verify({ mayResend: true, wait: true }, new AbortController().signal);
    await clock.advance(HOLD_MS - 5_000);
    expect(await statuses()).toEqual(["unknown", "unknown"]);
    await clock.advanceUntil(done);
    expect(clock.monotonicMs()).toBeGreaterThan(HOLD_MS);
    expect(await statuses()).toEqual(["unknown", "queued"]);
  });

  test.each([true, false])("its landing is not taken for another row's (IDs shown: %s)", async (showsIds) => {
    const { verifier, statuses, verdict, clock, put, server } = await afterPublishing(["lost"]);
    server.showsIds = showsIds;
    const done = verifier().verify({ mayResend: true, wait: true }, new AbortController().signal);
    await clock.advance(20_000);
    put("trace-1", undefined, NEXT_DRAFT);
    await clock.advanceUntil(done);
    expect(await statuses()).toEqual(["unknown", "unknown"]);
    expect(await verdict()).toMatchObject({ kind: "inconclusive", landed: 0, absent: 0 });
  });

  test("more rows than all that are in doubt are another writer's", async () => {
    const { verify, statuses, verdict, put } = await afterPublishing(["lost"]);
    for (const stranger of ["x", "y", "z"]) put(stranger, undefined, NEXT_DRAFT);
    await verify();
    expect(await statuses()).toEqual(["unknown", "unknown"]);
    expect(await verdict()).toMatchObject({ kind: "other-writer", absent: 0 });
  });

  test("a draft that holds more, with nothing else in doubt, is not called another writer's", async () => {
    const { verify, statuses, verdict, put } = await afterPublishing([]);
    put("trace-1", undefined, NEXT_DRAFT);
    await verify();
    expect(await statuses()).toEqual(["unknown"]);
    expect(await verdict()).toMatchObject({ kind: "inconclusive" });
    expect((await verdict())?.reason).toContain("1 row more");
  });
});

test("whatever has landed of both kinds, a count never says of this draft's rows what is not so", () => {
  const said = new Set<string>();
  for (let unknown = 0; unknown <= 3; unknown += 1) {
    for (let elsewhere = 0; elsewhere <= 3; elsewhere += 1) {
      for (let landed = 0; landed <= unknown; landed += 1) {
        for (let landedToo = 0; landedToo <= elsewhere; landedToo += 1) {
          for (const quiet of [true, false]) {
            const total = 10 + 4 + landed + landedToo;
            const judgement = judge({ baseline: 10, added: 4, unknown, elsewhere, total, quiet });
            said.add(judgement);
            expect(judgement).not.toBe("foreign");
            if (judgement === "landed") expect(landed).toBe(unknown);
            if (judgement === "absent") expect([landed, quiet]).toEqual([0, true]);
            if (judgement === "balanced") expect(unknown).toBe(0);
          }
        }
      }
    }
  }
  expect([...said].toSorted()).toEqual(["absent", "balanced", "landed", "some", "wait"]);
});
