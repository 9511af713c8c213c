/** Rows in doubt that the draft held before it was counted: found by their IDs, they say nothing of their requests. */
import { expect, test } from "vitest";
import { ok } from "../support/scripted-api.ts";
import { HOLD_MS, verifyScene, type VerifyScene } from "../support/verify-scene.ts";

/** Row 2 was there before the count, as a copy that somebody had added. */
async function withOldCopy(fates: Parameters<typeof verifyScene>[0]): Promise<VerifyScene> {
  const scene = await verifyScene(fates, { baseline: 1 });
  scene.put("trace-2");
  return scene;
}

/** The server finds so many rows for that text that it does not show them all. */
function hide(scene: VerifyScene, traceId: string): void {
  const find = scene.api.onFindRows;
  scene.api.onFindRows = (dataset, text) =>
    text === traceId
      ? ok({ columns: ["trace_id", "span_id"], rows: [], complete: false })
      : find(dataset, text);
}

test("one does not make the count call another one absent that has landed and cannot be looked for", async () => {
  const scene = await withOldCopy(["added", "lost", "landed"]);
  hide(scene, "trace-3");
  await scene.verify();
  expect(await scene.statuses()).toEqual(["added", "unknown", "unknown"]);
  expect(await scene.verdict()).toMatchObject({ kind: "inconclusive", landed: 0, absent: 0 });
});

test("nor one that lands later", async () => {
  const scene = await withOldCopy(["added", "lost", "landed", "lost"]);
  const done = scene.verifier().verify({ mayResend: true, wait: true }, new AbortController().signal);
  await scene.clock.advance(HOLD_MS / 2);
  scene.put("trace-4");
  await scene.clock.advanceUntil(done);
  expect(await scene.statuses()).toEqual(["added", "unknown", "unknown", "unknown"]);
  expect((await scene.verdict())?.reason).toContain("some were there before");
});

test("whatever landed, and when, no row is sent again that its request added", async () => {
  const said = new Set<string>();
  const fates = ["landed", "lost", "late"] as const;
  for (const isHidden of [false, true]) {
    for (const own of fates) {
      for (const others of fates.flatMap((second) => fates.map((third) => [second, third] as const))) {
        const scene = await withOldCopy(
          ["added", own, ...others].map((fate) =>
            fate === "late" ? "lost" : (fate as "added" | "landed" | "lost"),
          ),
        );
        if (isHidden) hide(scene, "trace-3");
        const done = scene.verifier().verify({ mayResend: true, wait: true }, new AbortController().signal);
        await scene.clock.advance(HOLD_MS / 2);
        for (const [index, fate] of [own, ...others].entries()) {
          if (fate === "late") scene.put(`trace-${index + 2}`);
        }
        await scene.clock.advanceUntil(done);
        const ended = (await scene.statuses()).slice(1);
        for (const [index, fate] of [own, ...others].entries()) {
          if (fate !== "lost")
            expect(ended[index], `${own}, ${others.join()}, ${isHidden}`).not.toBe("queued");
        }
        for (const status of ended) said.add(status);
      }
    }
  }
  expect([...said].toSorted()).toEqual(["added", "queued", "unknown"]);
});
