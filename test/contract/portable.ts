/** Entries on their way to another store, and the pruning of added ones. */
import { describe, expect, it } from "vitest";
import { groupKey, rowKey, type GroupKey } from "../../src/core/row.ts";
import type { LedgerEntry, PortableEntry, Settlement } from "../../src/core/store.ts";
import {
  ADDED,
  DRAFT,
  LONG_MS,
  newOrigin,
  newToken,
  REJECTED,
  setStage,
  UNKNOWN,
  type Stage,
} from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

const OTHER_DRAFT = 777;

export function portableContract(subject: Subject): void {
  describe("entries that move", () => {
    const settled = async (stage: Stage, row: number, settlement: Settlement) => {
      const claim = await stage.claim(row);
      await subject.store.settle(stage.settleOf(claim, settlement));
      return claim;
    };
    const turnTo = (stage: Stage, draftDatasetId: number) =>
      subject.store.setGroup(stage.group, { phase: "open", draftDatasetId, baseline: 0 });
    /** All entries of the groups, walked in small pages; other tests' entries come along. */
    const walk = async (groups: GroupKey[], limit = 40): Promise<PortableEntry[]> => {
      const seen: PortableEntry[] = [];
      let cursor: string | undefined;
      do {
        const page = await subject.second.readEntries({ cursor, limit });
        seen.push(...page.entries);
        cursor = page.cursor;
      } while (cursor !== undefined);
      const byKey = new Map(seen.map((entry) => [entry.key, entry]));
      return [...byKey.values()].filter((entry) => groups.includes(entry.group));
    };
    const newEntries = (
      count: number,
      change: Partial<PortableEntry> = {},
    ): { group: GroupKey; entries: PortableEntry[] } => {
      const origin = newOrigin();
      const group = groupKey(origin, 42);
      const entries = Array.from({ length: count }, (_, index): PortableEntry => {
        const row = { datasetGroupId: 42, traceId: `trace-${index}`, spanId: undefined };
        return {
          key: rowKey(origin, row),
          group,
          state: "added",
          token: newToken(),
          draftDatasetId: DRAFT,
          until: undefined,
          ...change,
        };
      });
      return { group, entries };
    };
    const inKeyOrder = <E extends { key: string }>(entries: E[]): E[] =>
      entries.toSorted((a, b) => (a.key < b.key ? -1 : 1));

    it("come with their group, token and draft; sending ones come as unknown", async () => {
      const stage = await setStage(subject.store, { rows: 5 });
      const added = await settled(stage, 1, ADDED);
      const elsewhere = await settled(stage, 2, { ...ADDED, draftDatasetId: OTHER_DRAFT });
      const unknown = await settled(stage, 3, UNKNOWN);
      const sending = await stage.claim(4);
      await settled(stage, 5, REJECTED);
      const known = await subject.store.lookup(stage.rows.map(({ key }) => key));
      const untilOf = (key: string) => known.find((entry) => entry.key === key)?.until;
      const { group } = stage;
      const expected: PortableEntry[] = [
        {
          key: added.key,
          group,
          state: "added",
          token: added.token,
          draftDatasetId: DRAFT,
          until: undefined,
        },
        {
          key: elsewhere.key,
          group,
          state: "added",
          token: elsewhere.token,
          draftDatasetId: OTHER_DRAFT,
          until: undefined,
        },
        ...[unknown, sending].map(({ key, token }): PortableEntry => ({
          key,
          group,
          state: "unknown",
          token,
          draftDatasetId: DRAFT,
          until: untilOf(key),
        })),
      ];
      expect(inKeyOrder(await walk([group]))).toEqual(inKeyOrder(expected));
      expect(untilOf(sending.key)).toBeDefined();
    });

    it("come each at least once, however small the pages are", async () => {
      const { group, entries } = newEntries(700);
      await subject.store.putEntries(entries);
      expect(inKeyOrder(await walk([group], 25))).toEqual(inKeyOrder(entries));
    });

    it("come that stay, while others come and go", async () => {
      const { group, entries } = newEntries(200);
      const passing = newEntries(200);
      await subject.store.putEntries(entries);
      const seen = new Set<string>();
      let cursor: string | undefined;
      let page = 0;
      do {
        const answer = await subject.second.readEntries({ cursor, limit: 50 });
        for (const { key } of answer.entries) seen.add(key);
        cursor = answer.cursor;
        page += 1;
        if (page % 12 === 1) await subject.store.putEntries(passing.entries);
        if (page % 12 === 7) await subject.store.removeEntries(passing.group, 1_000);
      } while (cursor !== undefined);
      for (const { key } of entries) expect(seen.has(key)).toBe(true);
      expect(await walk([group])).toHaveLength(200);
    });

    it("are taken over as of no run, and are not sent again", async () => {
      const stage = await setStage(subject.store, { phase: "new", rows: 2 });
      const [one, other] = [stage.keyOf(1), stage.keyOf(2)];
      const token = newToken();
      const until = (await subject.store.now()) + LONG_MS;
      const { group } = stage;
      const entries: PortableEntry[] = [
        { key: one, group, state: "added", token, draftDatasetId: DRAFT, until: undefined },
        { key: other, group, state: "unknown", token, draftDatasetId: DRAFT, until },
      ];
      expect(await subject.store.putEntries(entries)).toBe(2);
      expect(await subject.second.putEntries(entries)).toBe(0);
      const known = inKeyOrder(await subject.second.lookup([one, other]));
      const shared = { token, runSeq: 0, row: 0 };
      const expected: LedgerEntry[] = [
        { ...shared, key: one, state: "added", draftDatasetId: DRAFT, until: undefined },
        { ...shared, key: other, state: "unknown", draftDatasetId: undefined, until },
      ];
      expect(known).toEqual(inKeyOrder(expected));
      expect(await subject.second.getGroup(group)).toMatchObject({ phase: "new", added: 0, unknown: 1 });
      await turnTo(stage, DRAFT);
      expect(await subject.store.readDoubt(group)).toMatchObject({ unknown: 1, elsewhere: 0, until });
      expect(await subject.store.claim(stage.claimOf(1))).toEqual({ kind: "already-added", own: false });
      expect(await subject.store.claim(stage.claimOf(2))).toEqual({ kind: "unknown" });
    });

    it("leave what is known here as it is, but for an unknown entry that comes as added", async () => {
      const stage = await setStage(subject.store, { rows: 5 });
      const claims = [
        await settled(stage, 1, ADDED),
        await settled(stage, 2, UNKNOWN),
        await settled(stage, 3, UNKNOWN),
        await stage.claim(4),
      ];
      const foreign = (state: PortableEntry["state"], draftDatasetId: number) =>
        ({ group: stage.group, state, token: newToken(), draftDatasetId, until: undefined }) as const;
      const before = await subject.store.lookup(claims.map(({ key }) => key));
      const entries: PortableEntry[] = [
        { key: stage.keyOf(1), ...foreign("added", OTHER_DRAFT) },
        { key: stage.keyOf(2), ...foreign("unknown", OTHER_DRAFT) },
        { key: stage.keyOf(3), ...foreign("added", DRAFT) },
        { key: stage.keyOf(4), ...foreign("added", OTHER_DRAFT) },
        { key: stage.keyOf(5), ...foreign("added", DRAFT) },
      ];
      expect(await subject.second.putEntries(entries)).toBe(2);
      expect(await subject.second.putEntries(entries)).toBe(0);
      const after = await subject.store.lookup(claims.map(({ key }) => key));
      const landed = { state: "added", draftDatasetId: DRAFT, until: undefined };
      const expected = before.map((entry) => (entry.row === 3 ? Object.assign({}, entry, landed) : entry));
      expect(inKeyOrder(after)).toEqual(inKeyOrder(expected));
      expect(await subject.second.getGroup(stage.group)).toMatchObject({
        added: 2,
        resent: 0,
        sending: 1,
        unknown: 1,
      });
      expect(await subject.store.readNotes(stage.keyOf(3))).toEqual([]);
    });

    it("are taken over 1,000 at once, once when two do it", async () => {
      const { group, entries } = newEntries(1_000);
      const changed = await Promise.all([
        subject.store.putEntries(entries),
        subject.second.putEntries(entries.toReversed()),
      ]);
      expect(changed[0] + changed[1]).toBe(1_000);
      expect(await subject.second.lookup(entries.map(({ key }) => key))).toHaveLength(1_000);
      expect(await subject.store.getGroup(group)).toMatchObject({ phase: "new", added: 0 });
      expect(await subject.store.putEntries([])).toBe(0);
    });

    it("are the same after a walk from store to store", async () => {
      const stage = await setStage(subject.store, { rows: 3 });
      await settled(stage, 1, ADDED);
      await settled(stage, 2, UNKNOWN);
      const entries = await walk([stage.group]);
      expect(await subject.second.putEntries(entries)).toBe(0);
      expect(inKeyOrder(await walk([stage.group]))).toEqual(inKeyOrder(entries));
    });

    it("are forgotten, once added, a part at a time; those in doubt stay", async () => {
      const stage = await setStage(subject.store, { rows: 30 });
      for (let row = 1; row <= 25; row += 1) await settled(stage, row, ADDED);
      const unknown = await settled(stage, 26, UNKNOWN);
      const sending = await stage.claim(27);
      const beside = newEntries(3);
      await subject.store.putEntries(beside.entries);
      let removed = 0;
      for (;;) {
        const part = await subject.second.removeEntries(stage.group, 10);
        if (part === 0) break;
        removed += part;
      }
      expect(removed).toBe(25);
      const left = await subject.store.lookup(stage.rows.map(({ key }) => key));
      expect(left.map(({ key }) => key).toSorted()).toEqual([unknown.key, sending.key].toSorted());
      expect(await subject.second.getGroup(stage.group)).toMatchObject({
        added: 25,
        unknown: 1,
        sending: 1,
        resent: 0,
      });
      expect(await subject.store.lookup(beside.entries.map(({ key }) => key))).toHaveLength(3);
      expect(await subject.store.removeEntries(groupKey(newOrigin(), 42), 10)).toBe(0);
    });
  });
}
