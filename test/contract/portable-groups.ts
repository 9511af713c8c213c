/** Groups on their way to another store: listed here, put there. */
import { describe, expect, it } from "vitest";
import { groupKey, rowKey } from "../../src/core/row.ts";
import { ADDED, DRAFT, newOrigin, newToken, setStage, UNKNOWN } from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

const OTHER_DRAFT = 777;

export function portableGroupsContract(subject: Subject): void {
  describe("groups that move", () => {
    const putKey = () => groupKey(newOrigin(), 42);

    it("are listed that were set, and not those that were only read", async () => {
      const [set, only] = [putKey(), putKey()];
      await subject.store.setGroup(set, { phase: "open", draftDatasetId: DRAFT, baseline: 4 });
      await subject.store.getGroup(only);
      const listed = await subject.second.listGroups();
      expect(listed.find(({ key }) => key === set)).toEqual(await subject.store.getGroup(set));
      expect(listed.map(({ key }) => key)).not.toContain(only);
    });

    it("are listed with what they count", async () => {
      const stage = await setStage(subject.store, { rows: 3 });
      await subject.store.settle(stage.settleOf(await stage.claim(1), ADDED));
      await subject.store.settle(stage.settleOf(await stage.claim(2), UNKNOWN));
      await stage.claim(3);
      const listed = (await subject.second.listGroups()).filter(({ key }) => key === stage.group);
      expect(listed).toEqual([await subject.store.getGroup(stage.group)]);
      expect(listed).toMatchObject([{ added: 1, unknown: 1, sending: 1 }]);
    });

    it("are listed once an entry of theirs came", async () => {
      const origin = newOrigin();
      const key = groupKey(origin, 42);
      await subject.store.putEntries([
        {
          key: rowKey(origin, { datasetGroupId: 42, traceId: "t", spanId: undefined }),
          group: key,
          state: "added",
          token: newToken(),
          draftDatasetId: undefined,
          until: undefined,
        },
      ]);
      expect((await subject.second.listGroups()).filter((group) => group.key === key)).toMatchObject([
        { phase: "new", added: 0 },
      ]);
    });

    it("bring draft, baseline and counts along", async () => {
      const key = putKey();
      const group = {
        key,
        phase: "open",
        draftDatasetId: 9_007_199_254,
        baseline: 120,
        added: 70_000,
        resent: 3,
      } as const;
      await subject.store.putGroup(group);
      await subject.second.putGroup(group);
      const put = await subject.second.getGroup(key);
      expect(put).toMatchObject({ ...group, sending: 0, unknown: 0 });
      expect(put.checkedAt).toBeUndefined();
    });

    it("bring no draft and no baseline where there was none", async () => {
      const key = putKey();
      const group = { key, phase: "solo", draftDatasetId: undefined, baseline: undefined } as const;
      await subject.store.putGroup({ ...group, added: 0, resent: 0 });
      const put = await subject.second.getGroup(key);
      expect(put.phase).toBe("solo");
      expect([put.draftDatasetId, put.baseline]).toEqual([undefined, undefined]);
    });

    it("leave a group alone that was opened here", async () => {
      const stage = await setStage(subject.store);
      await subject.store.settle(stage.settleOf(await stage.claim(1), ADDED));
      const before = await subject.store.getGroup(stage.group);
      const group = { key: stage.group, phase: "open", draftDatasetId: OTHER_DRAFT, baseline: 9 } as const;
      await subject.second.putGroup({ ...group, added: 100, resent: 1 });
      expect(await subject.second.getGroup(stage.group)).toEqual(before);
    });

    it("count on from what they brought", async () => {
      const stage = await setStage(subject.store, { phase: "new" });
      const group = { key: stage.group, phase: "open", draftDatasetId: DRAFT, baseline: 2 } as const;
      await subject.store.putGroup({ ...group, added: 5, resent: 1 });
      await subject.store.settle(stage.settleOf(await stage.claim(1), ADDED));
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 6, resent: 1 });
      await subject.store.setGroup(stage.group, { phase: "open", draftDatasetId: DRAFT, baseline: 8 });
      expect(await subject.second.getGroup(stage.group)).toMatchObject({ added: 0, resent: 0 });
    });
  });
}
