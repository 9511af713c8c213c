/** The pace: answers counted for all senders, and a ceiling on the rate that one of them sets. */
import { describe, expect, it } from "vitest";
import { newOrigin } from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

export function paceContract(subject: Subject): void {
  describe("the pace", () => {
    const newLimiter = (): string => `limiter ${newOrigin()}`;
    const look = (limiter: string) => subject.second.noteAnswers({ limiter, answered: 0, refused: 0 });
    const setCeiling = (limiter: string, version: number, ceilingPerSecond: number | undefined) =>
      subject.store.setPace({ limiter, version, ceilingPerSecond, memory: {} });
    const rateFor = async (limiter: string, ratePerSecond: number | undefined, sender = "a") => {
      const grant = await subject.second.reserveSlots({ limiter, sender, ratePerSecond, count: 1 });
      const interval = grant.ratePerSecond === undefined ? 0 : 1_000 / grant.ratePerSecond;
      expect(grant.intervalMs).toBeCloseTo(interval, 6);
      return grant.ratePerSecond;
    };

    it("begins with nothing counted and no ceiling", async () => {
      const before = await subject.store.now();
      const record = await look(newLimiter());
      expect(record).toMatchObject({ version: 0, answered: 0, refused: 0 });
      expect(record.ceilingPerSecond).toBeUndefined();
      expect(record.memory).toBeUndefined();
      expect(record.now).toBeGreaterThanOrEqual(before - 1);
    });

    it("counts the answers of all senders", async () => {
      const limiter = newLimiter();
      await subject.store.noteAnswers({ limiter, answered: 10, refused: 1 });
      expect(await subject.second.noteAnswers({ limiter, answered: 5, refused: 5 })).toMatchObject({
        answered: 15,
        refused: 6,
      });
      await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 === 0 ? subject.store : subject.second).noteAnswers({
            limiter,
            answered: 3,
            refused: 1,
          }),
        ),
      );
      expect(await look(limiter)).toMatchObject({ version: 0, answered: 75, refused: 26 });
    });

    it("gives back the pace as it was set", async () => {
      const limiter = newLimiter();
      const memory = { phase: "climb 'ü'\u2028", at: 1_800_000_000_123, window: [1, 2.5, null], none: {} };
      expect(await subject.store.setPace({ limiter, version: 0, ceilingPerSecond: 12.5, memory })).toBe(true);
      const set = await look(limiter);
      expect(set).toMatchObject({ ceilingPerSecond: 12.5, memory, answered: 0 });
      expect(set.version).not.toBe(0);
      const next = { limiter, version: set.version, ceilingPerSecond: undefined, memory: {} };
      expect(await subject.second.setPace(next)).toBe(true);
      const lifted = await look(limiter);
      expect(lifted.ceilingPerSecond).toBeUndefined();
      expect(lifted.memory).toEqual({});
      expect(lifted.version).not.toBe(set.version);
    });

    it("refuses a pace when another was set since, and takes its own repeat for the same", async () => {
      const limiter = newLimiter();
      expect(await setCeiling(limiter, 0, 10)).toBe(true);
      const set = await look(limiter);
      expect(await setCeiling(limiter, 0, 10)).toBe(true);
      expect(await setCeiling(limiter, 0, 1)).toBe(false);
      expect(await setCeiling(limiter, 0, undefined)).toBe(false);
      expect(await look(limiter)).toMatchObject({ ceilingPerSecond: 10, version: set.version });
      expect(await setCeiling(limiter, set.version, 10)).toBe(true);
      expect(await setCeiling(limiter, 0, 10)).toBe(false);
    });

    it("lets one of many set the pace who read the same version", async () => {
      const limiter = newLimiter();
      for (let round = 0; round < 5; round += 1) {
        const { version } = await look(limiter);
        const ceilings = [1, 2, 3, 4, 5, 6].map((step) => step + 10 * round);
        const answers = await Promise.all(
          ceilings.map((ceilingPerSecond, index) =>
            (index % 2 === 0 ? subject.store : subject.second).setPace({
              limiter,
              version,
              ceilingPerSecond,
              memory: { ceilingPerSecond },
            }),
          ),
        );
        const won = ceilings.filter((_, index) => answers[index]);
        expect(won).toHaveLength(1);
        expect(await look(limiter)).toMatchObject({
          ceilingPerSecond: won[0],
          memory: { ceilingPerSecond: won[0] },
        });
      }
    });

    it("holds the lower of the ceiling and the lowest rate that is asked for", async () => {
      const limiter = newLimiter();
      expect(await rateFor(limiter, 20)).toBe(20);
      await setCeiling(limiter, 0, 8);
      expect(await rateFor(limiter, 20)).toBe(8);
      expect(await rateFor(limiter, 5, "b")).toBe(5);
      expect(await rateFor(limiter, 20)).toBe(5);
      await setCeiling(limiter, (await look(limiter)).version, undefined);
      expect(await rateFor(limiter, 20)).toBe(5);
      expect(await rateFor(limiter, 40, "b")).toBe(20);
    });

    it("holds the ceiling alone where nobody asks for a rate", async () => {
      const limiter = newLimiter();
      expect(await rateFor(limiter, undefined)).toBeUndefined();
      await setCeiling(limiter, 0, 2.5);
      expect(await rateFor(limiter, undefined)).toBe(2.5);
      const first = await subject.store.reserveSlots({
        limiter,
        sender: "b",
        ratePerSecond: undefined,
        count: 5,
      });
      expect(first).toMatchObject({ intervalMs: 400, ratePerSecond: 2.5 });
      const next = await subject.store.reserveSlots({
        limiter,
        sender: "a",
        ratePerSecond: undefined,
        count: 1,
      });
      expect(next.startInMs).toBeGreaterThan(1_000);
      await setCeiling(limiter, (await look(limiter)).version, undefined);
      expect(await rateFor(limiter, undefined)).toBeUndefined();
    });

    it("spaces slots by the ceiling from the next reservation on", async () => {
      const limiter = newLimiter();
      const reserve = (count: number) =>
        subject.store.reserveSlots({ limiter, sender: "a", ratePerSecond: 1, count });
      const first = await reserve(60);
      expect(first).toMatchObject({ startInMs: 0, intervalMs: 1_000 });
      await setCeiling(limiter, 0, 0.5);
      const next = await reserve(2);
      expect(next).toMatchObject({ intervalMs: 2_000, ratePerSecond: 0.5 });
      expect(next.startInMs).toBeLessThanOrEqual(60_001);
      const last = await reserve(1);
      expect(last.startInMs - next.startInMs).toBeLessThanOrEqual(4_001);
      expect(last.startInMs - next.startInMs).toBeGreaterThan(2_000);
    });

    it("is one limiter's alone, and outlives its pauses", async () => {
      const [one, other] = [newLimiter(), newLimiter()];
      await setCeiling(one, 0, 3);
      await subject.store.noteAnswers({ limiter: one, answered: 4, refused: 2 });
      await subject.store.pauseLimiter(one, 60_000);
      expect(await look(one)).toMatchObject({ ceilingPerSecond: 3, answered: 4, refused: 2 });
      expect(await look(other)).toMatchObject({ version: 0, answered: 0 });
      expect(await rateFor(other, 50)).toBe(50);
    });
  });
}
