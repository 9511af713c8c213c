/** This process's lease, and its watch over those of others: the dead are told from the living. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { interruptOrphans } from "../../src/app/orphans.ts";
import { openPresence, type PresenceOptions } from "../../src/app/presence.ts";
import { isDead, thisProcess } from "../../src/app/process-identity.ts";
import type { LeaseHolder } from "../../src/core/store.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { memoryQueues } from "../support/memory-queues.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { aHolder, aRun, LONG_MS, setStage } from "../support/store-fixtures.ts";

async function present(change: Partial<PresenceOptions> = {}) {
  const clock = fakeClock();
  const store = createMemoryStore(clock);
  const faults: unknown[] = [];
  const presence = await openPresence({
    store,
    clock,
    holder: thisProcess(),
    leaseTtlMs: 15_000,
    sweepIntervalMs: 3_000,
    onFault: (error) => faults.push(error),
    ...change,
  });
  return { clock, store, presence, faults };
}

describe("a process", () => {
  test("is present for as long as it lives, and no longer", async () => {
    const { clock, store, presence } = await present();
    const first = presence.owner();
    await clock.advance(300_000);
    expect(presence.owner()).toBe(first);
    expect((await store.listLeases()).map(({ id }) => id)).toEqual([first]);
    await presence.close();
    expect(await store.listLeases()).toEqual([]);
    expect(clock.sleeping()).toBe(0);
  });

  test("that lost its lease takes a new one", async () => {
    const { clock, store, presence } = await present();
    const first = presence.owner();
    await store.endLease(first);
    await clock.advance(4_000);
    expect(presence.owner()).not.toBe(first);
    expect((await store.listLeases()).map(({ id }) => id)).toEqual([presence.owner()]);
    await presence.close();
  });

  test("goes on when the store refuses for a while, and says so", async () => {
    const clock = fakeClock();
    const memory = createMemoryStore(clock);
    let refuses = true;
    const { presence, faults } = await present({
      clock,
      store: {
        ...memory,
        renewLease: (...lease) =>
          refuses ? Promise.reject(new Error("no room")) : memory.renewLease(...lease),
      },
    });
    await clock.advance(20_000);
    expect(faults.length).toBeGreaterThan(3);
    refuses = false;
    await clock.advance(5_000);
    expect((await memory.listLeases()).map(({ id }) => id)).toEqual([presence.owner()]);
    await presence.close();
  });

  test("ends the leases of the dead of its own machine, and their requests are then unknown", async () => {
    const { clock, store, presence } = await present();
    const child = spawn(process.execPath, ["-e", ""]);
    const { pid = 0 } = child;
    await once(child, "exit");
    const dead = await store.openLease({ ...thisProcess(), pid, processStart: "1" }, LONG_MS);
    const elsewhere = await store.openLease(aHolder({ host: "elsewhere", pid }), LONG_MS);
    const stage = await setStage(store, { rows: 1 });
    await store.endLease(stage.owner);
    await stage.claim(1, { owner: dead });
    await clock.advance(3_000);
    const held = (await store.listLeases()).map(({ id }) => id);
    expect(held).not.toContain(dead);
    expect(held).toContain(elsewhere);
    expect(await stage.read(1)).toMatchObject({ status: "unknown", errorCode: "worker_lost" });
    await presence.close();
  });
});

describe("whether another process is dead", () => {
  const me = thisProcess();
  const other = (change: Partial<LeaseHolder>): LeaseHolder => ({ ...me, ...change });

  test("this one is not", () => {
    expect(isDead(me, me)).toBe(false);
  });

  test("one that was killed is, one that lives is not", async () => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    const { pid = 0 } = child;
    expect(isDead(other({ pid, processStart: "unknown" }), me)).toBe(false);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(isDead(other({ pid, processStart: "unknown" }), me)).toBe(true);
  });

  test.runIf(process.platform === "linux")("one that was killed and not yet waited for is", async () => {
    // The shell starts a child, says its pid, and becomes a program that never waits for it.
    const script = "sleep 1000 & echo $!; exec tail -f /dev/null";
    const parent = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(line.toString());
    expect(isDead(other({ pid, processStart: "unknown" }), me)).toBe(false);
    process.kill(pid, "SIGKILL");
    while (!isDead(other({ pid, processStart: "unknown" }), me)) await new Promise(setImmediate);
    parent.kill("SIGKILL");
    await once(parent, "exit");
  });

  test("one of another boot cannot be told: it may be of another machine that is called the same", () => {
    expect(isDead(other({ bootId: "another", pid: 4_194_305 }), me)).toBe(false);
    expect(isDead(other({ bootId: "another", processStart: "1" }), me)).toBe(false);
  });

  test("one whose pid another process has now is", () => {
    expect(isDead(other({ processStart: "1" }), me)).toBe(true);
    expect(isDead(other({ pid: process.ppid, processStart: "1" }), me)).toBe(true);
    expect(isDead(other({ pid: process.ppid, processStart: "unknown" }), me)).toBe(false);
  });

  test("one of another machine cannot be told", () => {
    expect(isDead(other({ host: "elsewhere", bootId: "earlier", pid: 1 }), me)).toBe(false);
  });
});

describe("runs whose importer died", () => {
  test("are interrupted, their rows get a last status, and the runs of the living are left alone", async () => {
    const clock = fakeClock();
    const store = createMemoryStore(clock);
    const queues = memoryQueues(clock);
    const orphan = await setStage(store, { rows: 3 });
    await orphan.claim(1);
    await store.endLease(orphan.owner);
    const owner = await store.openLease(aHolder(), LONG_MS);
    const living = await store.createRun(aRun(owner));
    const handedOver = await store.createRun(aRun(owner));
    await store.changeRun(handedOver.runId, { owner: null });
    const parts = { store, queues, clock, onFault: () => undefined };
    const never = new AbortController().signal;
    expect(await interruptOrphans(parts, () => false, never)).toEqual([]);
    const ended = await clock.advanceUntil(interruptOrphans(parts, () => true, never));
    expect(ended.map(({ runId }) => runId)).toEqual([orphan.run.runId]);
    expect(await store.getRun(orphan.run.runId)).toMatchObject({
      state: "interrupted",
      counts: { unknown: 1, unprocessed: 2, queued: 0 },
    });
    expect(await store.getRun(living.runId)).toMatchObject({ state: "reading" });
    expect(await store.getRun(handedOver.runId)).toMatchObject({ state: "reading" });
    expect(queues.openQueues()).toBe(0);
  });

  test("can be left waiting for a request of a living worker", async () => {
    const clock = fakeClock();
    const store = createMemoryStore(clock);
    const orphan = await setStage(store, { rows: 1 });
    const worker = await store.openLease(aHolder({ host: "host-b" }), LONG_MS);
    await orphan.claim(1, { owner: worker });
    await store.endLease(orphan.owner);
    const stop = new AbortController();
    const parts = { store, queues: memoryQueues(clock), clock, onFault: () => undefined };
    const ended = interruptOrphans(parts, () => true, stop.signal);
    ended.catch(() => undefined);
    await clock.advance(5_000);
    const reason = new Error("received SIGINT");
    stop.abort(reason);
    await expect(ended).rejects.toBe(reason);
    expect(clock.sleeping()).toBe(0);
  });
});
