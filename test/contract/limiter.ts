/** The limiter: evenly spaced slots for all senders together, at the lowest rate any of them asks for. */
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { SlotGrant } from "../../src/core/store.ts";
import { newOrigin } from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

interface Reserved extends SlotGrant {
  /** When the first slot starts, on the store's clock: no earlier and no later than this. */
  earliest: number;
  latest: number;
}

/** For rounding to whole milliseconds, here and in the store. */
const SLACK_MS = 2;

export function limiterContract(subject: Subject): void {
  const newLimiter = (): string => `limiter ${newOrigin()}`;
  // The last test waits until this sender is forgotten, 10 s after it was seen: as the suite begins.
  const forgetful = newLimiter();
  let slowSenderSeenAt = 0;
  beforeAll(async () => {
    await subject.store.reserveSlots({ limiter: forgetful, sender: "slow", ratePerSecond: 1, count: 1 });
    slowSenderSeenAt = await subject.store.now();
  });

  describe("the limiter", () => {
    const reserve = async (
      limiter: string,
      asked: { sender?: string; rate: number | undefined; count?: number },
      store = subject.store,
    ): Promise<Reserved> => {
      const before = await store.now();
      const grant = await store.reserveSlots({
        limiter,
        sender: asked.sender ?? "a",
        ratePerSecond: asked.rate,
        count: asked.count ?? 1,
      });
      const after = await store.now();
      return {
        ...grant,
        earliest: before + grant.startInMs - SLACK_MS,
        latest: after + grant.startInMs + SLACK_MS,
      };
    };
    const expectStart = (reserved: Reserved, window: { earliest: number; latest: number }): void => {
      expect(reserved.latest).toBeGreaterThanOrEqual(window.earliest);
      expect(reserved.earliest).toBeLessThanOrEqual(window.latest);
    };
    const later = (reserved: Reserved, ms: number) => ({
      earliest: reserved.earliest + ms,
      latest: reserved.latest + ms,
    });

    it("starts at once, and spaces slots evenly", async () => {
      const limiter = newLimiter();
      const first = await reserve(limiter, { rate: 4, count: 3 });
      expect(first).toMatchObject({ startInMs: 0, intervalMs: 250, ratePerSecond: 4 });
      const second = await reserve(limiter, { rate: 4, count: 10 }, subject.second);
      expectStart(second, later(first, 750));
      expectStart(await reserve(limiter, { rate: 4 }), later(second, 2_500));
    });

    it("keeps fractions of a millisecond, so that fast limits do not drift", async () => {
      const limiter = newLimiter();
      // The first second's slots: what is asked for meanwhile comes after them, however slow the machine is.
      const first = await reserve(limiter, { rate: 30, count: 31 });
      expect(first.intervalMs).toBeCloseTo(1_000 / 30, 6);
      await Promise.all(Array.from({ length: 29 }, () => reserve(limiter, { rate: 30 })));
      expectStart(await reserve(limiter, { rate: 30, count: 300 }), later(first, 2_000));
      expectStart(await reserve(limiter, { rate: 30 }), later(first, 12_000));
    });

    it("shares one limit among senders, and never hands out a slot twice", async () => {
      const limiter = newLimiter();
      const first = await reserve(limiter, { rate: 2, sender: "a" });
      const grants = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          reserve(
            limiter,
            { rate: 2, sender: index % 2 === 0 ? "a" : "b" },
            index % 2 === 0 ? subject.store : subject.second,
          ),
        ),
      );
      const sorted = grants.toSorted((a, b) => a.startInMs - b.startInMs);
      for (const [index, grant] of sorted.entries()) expectStart(grant, later(first, 500 * (index + 1)));
    });

    it("does not save up slots that nobody took", async () => {
      const limiter = newLimiter();
      const first = await reserve(limiter, { rate: 20 });
      const idle = async () => expect(await subject.store.now()).toBeGreaterThan(first.latest + 150);
      await vi.waitFor(idle, { interval: 10 });
      const next = await reserve(limiter, { rate: 20 });
      expect(next.startInMs).toBe(0);
      expectStart(await reserve(limiter, { rate: 20 }), later(next, 50));
    });

    it("lets the lowest rate hold for all", async () => {
      const limiter = newLimiter();
      expect(await reserve(limiter, { sender: "a", rate: 10 })).toMatchObject({ ratePerSecond: 10 });
      const slow = await reserve(limiter, { sender: "b", rate: 2, count: 2 });
      expect(slow).toMatchObject({ ratePerSecond: 2, intervalMs: 500 });
      const fast = await reserve(limiter, { sender: "a", rate: 10, count: 2 }, subject.second);
      expect(fast).toMatchObject({ ratePerSecond: 2, intervalMs: 500 });
      expectStart(fast, later(slow, 1_000));
      const unlimited = await reserve(limiter, { sender: "c", rate: undefined });
      expect(unlimited).toMatchObject({ ratePerSecond: 2, intervalMs: 500 });
      expectStart(unlimited, later(slow, 2_000));
    });

    it("takes a sender's newest rate for its own", async () => {
      const limiter = newLimiter();
      await reserve(limiter, { sender: "a", rate: 2 });
      expect(await reserve(limiter, { sender: "a", rate: 8 })).toMatchObject({
        ratePerSecond: 8,
        intervalMs: 125,
      });
    });

    it("hands out slots at once where nobody asks for a limit", async () => {
      const limiter = newLimiter();
      for (let index = 0; index < 3; index += 1) {
        const grant = await reserve(limiter, { rate: undefined, count: 1_000 });
        expect(grant).toMatchObject({ startInMs: 0, intervalMs: 0, ratePerSecond: undefined });
      }
    });

    it("keeps limiters apart", async () => {
      const [one, other] = [newLimiter(), newLimiter()];
      await reserve(one, { rate: 1, count: 60 });
      await subject.store.pauseLimiter(one, 60_000);
      expect(await reserve(other, { rate: 5 })).toMatchObject({ startInMs: 0, ratePerSecond: 5 });
    });

    it("gives no slot before a pause is over, with a limit or without", async () => {
      for (const rate of [10, undefined]) {
        const limiter = newLimiter();
        await reserve(limiter, { rate });
        const before = await subject.store.now();
        await subject.second.pauseLimiter(limiter, 30_000);
        const after = await subject.store.now();
        const window = { earliest: before + 30_000, latest: after + 30_000 };
        const first = await reserve(limiter, { rate, count: 2 });
        expectStart(first, window);
        expectStart(await reserve(limiter, { rate }), later(first, rate === undefined ? 0 : 200));
      }
    });

    it("holds the longer of two pauses", async () => {
      const limiter = newLimiter();
      const before = await subject.store.now();
      await subject.store.pauseLimiter(limiter, 30_000);
      const after = await subject.store.now();
      await subject.second.pauseLimiter(limiter, 1_000);
      expectStart(await reserve(limiter, { rate: 10 }), {
        earliest: before + 30_000,
        latest: after + 30_000,
      });
    });

    it("pauses no slot that is later anyway", async () => {
      const limiter = newLimiter();
      const first = await reserve(limiter, { rate: 1, count: 60 });
      await subject.store.pauseLimiter(limiter, 1_000);
      expectStart(await reserve(limiter, { rate: 1 }), later(first, 60_000));
    });

    it("forgets the rate of a sender that was not seen for 10 s", { timeout: 30_000 }, async () => {
      const forgotten = async () => {
        const grant = await reserve(forgetful, { sender: "fast", rate: 50 });
        expect(grant.ratePerSecond).toBe(50);
      };
      await vi.waitFor(forgotten, { interval: 200, timeout: 15_000 });
      expect(await subject.store.now()).toBeGreaterThanOrEqual(slowSenderSeenAt + 10_000 - 1_000);
    });
  });
}
