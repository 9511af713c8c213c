/** A sync's runs: their windows, what is carried, and a process that dies at any step. */
import { describe, expect, it } from "vitest";
import { readState } from "../../src/app/syncs/state.ts";
import type { Settlement } from "../../src/core/store.ts";
import { syncScene, type SyncScene } from "../support/sync-scene.ts";

const MINUTE = 60_000;
const FAILED: Settlement = { kind: "failed", code: "attempts_used_up", message: "no" };
const NOT_FOUND: Settlement = { kind: "rejected", code: "trace_not_found", message: "no such trace" };

function write(scene: SyncScene, ...ids: string[]): void {
  for (const id of ids) scene.table.push({ id, at: scene.clock.now() });
}

async function tick(scene: SyncScene, times = 1): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    await scene.clock.advance(MINUTE);
    await scene.process();
  }
}

describe("the windows of a sync's runs", () => {
  it("meet without a gap, and hold each row once", async () => {
    const scene = await syncScene();
    for (let minute = 0; minute < 4; minute += 1) {
      write(scene, `early-${minute}`);
      await scene.clock.advance(MINUTE - 1);
      write(scene, `late-${minute}`);
      await scene.clock.advance(1);
      await scene.process();
    }
    await tick(scene);
    expect([...scene.added.values()]).toEqual(Array.from({ length: 8 }, () => 1));
    const windows = (await scene.history()).map(({ window }) => window);
    for (const [index, window] of windows.entries()) {
      expect(window?.since).toBe(windows[index - 1]?.until);
    }
  });

  it("end before their tick by the lag, and begin before the last end by the overlap", async () => {
    const watermark = { startMs: 1_000, lagMs: 30_000, overlapMs: 10 * MINUTE };
    const scene = await syncScene({ watermark });
    write(scene, "a");
    await tick(scene, 2);
    const [first, second] = await scene.history();
    expect(first?.window).toEqual({ since: 1_000, until: (first?.due ?? 0) - 30_000 });
    expect(second?.window?.since).toBe((first?.window?.until ?? 0) - 10 * MINUTE);
    expect(scene.added.get("a")).toBe(1);
  });
});

describe("rows that a run leaves behind", () => {
  it("are in the next run, too, until they are added, and the history names them", async () => {
    const scene = await syncScene();
    let refusals = 2;
    scene.answers.set("bad", () => ((refusals -= 1) >= 0 ? FAILED : undefined));
    write(scene, "good", "bad");
    await tick(scene, 3);
    const ran = await scene.history();
    expect(ran.map(({ carriedIn, carriedOut }) => [carriedIn, carriedOut])).toEqual([
      [0, 1],
      [1, 1],
      [1, 0],
    ]);
    expect(ran[1]?.carried).toMatchObject([{ traceId: "bad", code: "attempts_used_up", attempts: 2 }]);
    expect(Object.fromEntries(scene.added)).toEqual({ good: 1, bad: 1 });
    const run = await scene.store.getRun(ran[1]?.runId ?? "");
    expect(run?.sources[0]).toBe(`carried from run ${ran[0]?.runId}`);
    expect(run?.warnings[0]).toContain("1 rows, the first of them bad (attempts_used_up)");
  });

  it("are given up after so many attempts, and the sync fails then", async () => {
    const scene = await syncScene({ carry: { attempts: 1, maxAgeMs: 86_400_000 } });
    scene.answers.set("bad", () => FAILED);
    write(scene, "bad");
    await tick(scene, 3);
    const ran = await scene.history();
    expect(ran.map(({ carriedOut, givenUp }) => [carriedOut, givenUp])).toEqual([
      [1, 0],
      [0, 1],
      [0, 0],
    ]);
    // That nothing came afterwards has mended nothing.
    expect(await health(scene)).toEqual({ state: "failing", since: ran[1]?.endedAt });
    write(scene, "good");
    await tick(scene);
    expect(await health(scene)).toMatchObject({ state: "ok" });
  });

  it("are carried while their grace lasts, however often they were not found, and then are settled", async () => {
    const scene = await syncScene({ graceMs: 4 * MINUTE, carry: { attempts: 1, maxAgeMs: 86_400_000 } });
    let visible = false;
    scene.answers.set("fresh", () => (visible ? undefined : NOT_FOUND));
    scene.answers.set("never", () => NOT_FOUND);
    write(scene, "fresh", "never");
    await tick(scene, 3);
    visible = true;
    await tick(scene, 4);
    expect(Object.fromEntries(scene.added)).toEqual({ fresh: 1 });
    expect(await scene.store.readCarried("feedback")).toEqual([]);
  });

  it("are read again with their window when the run did not finish: the watermark stays", async () => {
    const scene = await syncScene();
    write(scene, "a", "b");
    await scene.clock.advance(MINUTE);
    const { store } = scene;
    const stop = () => {
      void store.changeRun("run-1", { state: "stopped", halt: { code: "forbidden", message: "no" } });
      return FAILED;
    };
    scene.answers.set("a", stop);
    await scene.process();
    scene.answers.clear();
    await tick(scene);
    const [first, second] = await scene.history();
    expect(first).toMatchObject({ result: "stopped", error: { code: "forbidden" } });
    expect(first?.watermark).toEqual({});
    expect(second).toMatchObject({ result: "finished" });
    expect(Object.fromEntries(scene.added)).toEqual({ a: 1, b: 1 });
  });
});

describe("runs that give way to the next tick", () => {
  it("make the sync fail when two have in a row, until one ends", async () => {
    const scene = await syncScene({ overlap: "cancel-running" });
    const { store } = scene;
    const giveWay = async (runId: string) => {
      const sync = await store.getSync("feedback");
      if (sync === undefined) return;
      const state = readState(sync);
      const open = state.open.map((tick) => ({ ...tick, cancelledBy: "next" }));
      await store.changeSync("feedback", sync, { state: { ...state, open } });
      await store.changeRun(runId, { state: "cancelled" });
    };
    const states: (string | undefined)[] = [];
    write(scene, "a");
    for (const runId of ["run-1", "run-2", undefined]) {
      scene.answers.set("a", () => {
        if (runId === undefined) return undefined;
        void giveWay(runId);
        return FAILED;
      });
      await tick(scene);
      states.push((await health(scene))?.state);
    }
    expect(states).toEqual(["new", "failing", "ok"]);
    const [first] = await scene.history();
    expect(first).toMatchObject({ result: "cancelled", why: "tick next came due before its run had ended" });
  });
});

describe("a process that dies at any of its steps", () => {
  it("loses no row and passes none: another one ends what it had begun", async () => {
    const undisturbed = await played({ diesAt: undefined });
    expect(undisturbed.calls).toBeGreaterThan(25);
    for (let diesAt = 1; diesAt <= undisturbed.calls; diesAt += 1) {
      const { scene } = await played({ diesAt });
      const doubled = [...scene.added].filter(([, times]) => times !== 1);
      expect({ diesAt, doubled, added: scene.added.size }).toEqual({ diesAt, doubled: [], added: 5 });
      expect(await scene.store.readCarried("feedback")).toEqual([]);
      for (const { became } of await scene.history()) expect(["ran", "missed", "skipped"]).toContain(became);
    }
  });
});

/** Two ticks with rows, one of which fails at first; the process of the second dies. Then all goes well. */
async function played({
  diesAt,
}: {
  diesAt: number | undefined;
}): Promise<{ scene: SyncScene; calls: number }> {
  const scene = await syncScene({ carry: { attempts: 9, maxAgeMs: 86_400_000 } });
  let refusals = 1;
  scene.answers.set("b", () => ((refusals -= 1) >= 0 ? FAILED : undefined));
  write(scene, "a", "b");
  await tick(scene);
  write(scene, "c", "d");
  await scene.clock.advance(MINUTE);
  const { calls } = await scene.process(diesAt === undefined ? {} : { diesAt });
  // Whatever was in flight when it died cannot be known: a person found out that it had not arrived.
  await settleUnknown(scene);
  write(scene, "e");
  await tick(scene, 4);
  return { scene, calls };
}

async function health({ store }: SyncScene) {
  const sync = await store.getSync("feedback");
  return sync && readState(sync).health;
}

async function settleUnknown({ store, added }: SyncScene): Promise<void> {
  for (const run of await store.listRuns()) {
    const rows = await store.readRows(run.runId, { fromRow: 1, limit: 100, statuses: ["unknown"] });
    for (const { traceId } of rows) {
      const { entries } = await store.readEntries({ cursor: undefined, limit: 100 });
      for (const { key, group, state } of entries) {
        if (state !== "unknown") continue;
        const decision = added.has(traceId) ? "added" : "absent";
        await store.decide({ key, group, decision, draftDatasetId: 501, by: "test", why: "looked" });
      }
    }
  }
}
