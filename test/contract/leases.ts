/** Leases: held, renewed, ended, lost. */
import { describe, expect, it, vi } from "vitest";
import { aHolder, LONG_MS } from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

export function leasesContract(subject: Subject): void {
  describe("leases", () => {
    const held = async (): Promise<string[]> => {
      const leases = await subject.second.listLeases();
      return leases.map((lease) => lease.id);
    };

    it("lists a lease with its holder for as long as it is held", async () => {
      const holder = aHolder({ host: "wörk\nstation", bootId: "b-2", pid: 99, processStart: "8 Jan 'x'" });
      const before = await subject.store.now();
      const id = await subject.store.openLease(holder, LONG_MS);
      const lease = (await subject.second.listLeases()).find((candidate) => candidate.id === id);
      expect(lease).toMatchObject(holder);
      expect(lease?.expiresAt).toBeGreaterThanOrEqual(before + LONG_MS - 1);
    });

    it("gives every lease an id of its own, for the same holder too", async () => {
      const ids = await Promise.all(
        Array.from({ length: 20 }, () => subject.store.openLease(aHolder(), LONG_MS)),
      );
      expect(new Set(ids).size).toBe(20);
    });

    it("keeps a lease that is renewed", async () => {
      const id = await subject.store.openLease(aHolder(), LONG_MS);
      expect(await subject.second.renewLease(id, 2 * LONG_MS)).toBe(true);
      const now = await subject.store.now();
      const lease = (await subject.store.listLeases()).find((candidate) => candidate.id === id);
      expect(lease?.expiresAt).toBeGreaterThan(now + LONG_MS);
    });

    it("loses a lease at once when it is ended, and ending it again changes nothing", async () => {
      const id = await subject.store.openLease(aHolder(), LONG_MS);
      await subject.second.endLease(id);
      await subject.second.endLease(id);
      expect(await held()).not.toContain(id);
      expect(await subject.store.renewLease(id, LONG_MS)).toBe(false);
      expect(await held()).not.toContain(id);
    });

    it("never revives a lease that ran out", async () => {
      const id = await subject.store.openLease(aHolder(), 50);
      await vi.waitFor(async () => expect(await held()).not.toContain(id), { interval: 10 });
      expect(await subject.store.renewLease(id, LONG_MS)).toBe(false);
      expect(await held()).not.toContain(id);
    });
  });
}
