/** Syncs: definitions that change all or none, one process to a sync and a group, states that change by version. */
import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { StoredSync, SyncDefinition } from "../../src/core/syncs.ts";
import { aHolder, LONG_MS, newOrigin, newToken } from "../support/store-fixtures.ts";
import type { Subject } from "./store-contract.ts";

export function syncsContract(subject: Subject): void {
  describe("syncs", () => {
    const newName = () => `sync-${randomBytes(6).toString("hex")}`;
    const aSync = (change: Partial<SyncDefinition> = {}): SyncDefinition => ({
      name: newName(),
      origin: newOrigin(),
      text: { from: "postgres://db", "dataset-group": 42, "a b": ["wörk\n'\u0000'", { deep: null }] },
      ...change,
    });
    type Change = Partial<Omit<Parameters<Subject["store"]["applySyncs"]>[0], "revision">>;
    const apply = async (change: Change) => {
      const { revision } = await subject.store.listSyncs();
      return subject.store.applySyncs({ revision, rename: [], put: [], remove: [], ...change });
    };
    const applied = async (change: Partial<SyncDefinition> = {}): Promise<StoredSync> => {
      const sync = aSync(change);
      expect(await apply({ put: [sync] })).toBe(true);
      return read(sync.name);
    };
    const read = async (name: string): Promise<StoredSync> => {
      const sync = await subject.second.getSync(name);
      if (sync === undefined) throw new Error(`there is no sync ${name}`);
      return sync;
    };
    const aLease = (ttlMs = LONG_MS) => subject.store.openLease(aHolder(), ttlMs);
    const claim = async (
      name: string,
      change: Partial<Parameters<Subject["store"]["claimSync"]>[0]> = {},
    ) => {
      const owner = change.owner ?? (await aLease());
      const request = { name, token: newToken(), datasetGroupId: 42, ...change, owner };
      return { ...request, answer: await subject.second.claimSync(request) };
    };

    it("keeps what was applied, in the order of the names, and nothing of what is not there", async () => {
      const before = await subject.store.now();
      const second = await applied({ name: `b-${newName()}` });
      const first = await applied({ name: `a-${newName()}` });
      const { syncs } = await subject.second.listSyncs();
      const names = syncs.map(({ name }) => name);
      expect(names.indexOf(first.name)).toBeLessThan(names.indexOf(second.name));
      expect(syncs.find(({ name }) => name === first.name)).toEqual(first);
      expect(first).toMatchObject({ version: 1, state: undefined, claim: undefined });
      expect(first.text).toEqual(aSync().text);
      expect(first.appliedAt).toBeGreaterThanOrEqual(before);
      expect(await subject.second.getSync(newName())).toBeUndefined();
      expect(await subject.second.readTicks(newName(), { limit: 5 })).toEqual([]);
      expect(await subject.second.readCarried(newName())).toEqual([]);
    });

    it("refuses to apply over what others applied, and changes nothing then", async () => {
      const { revision } = await subject.store.listSyncs();
      const [mine, theirs] = [aSync(), aSync()];
      expect(await subject.second.applySyncs({ revision, rename: [], put: [theirs], remove: [] })).toBe(true);
      const late = { revision, rename: [], put: [mine], remove: [theirs.name] };
      expect(await subject.store.applySyncs(late)).toBe(false);
      expect(await subject.store.getSync(mine.name)).toBeUndefined();
      expect(await read(theirs.name)).toMatchObject(theirs);
    });

    it("lets one of many that apply at once go through", async () => {
      const { revision } = await subject.store.listSyncs();
      const puts = Array.from({ length: 8 }, () => aSync());
      const answers = await Promise.all(
        puts.map((put, index) =>
          (index % 2 === 0 ? subject.store : subject.second).applySyncs({
            revision,
            rename: [],
            put: [put],
            remove: [],
          }),
        ),
      );
      expect(answers.filter(Boolean)).toHaveLength(1);
      expect(await read(puts[answers.indexOf(true)]!.name)).toBeDefined();
    });

    it("keeps state, rows to carry and history when a definition changes, and when a sync is renamed", async () => {
      const sync = await applied();
      const tick = { id: "t1", at: 1_000, record: { became: "ran" } };
      const change = { state: { cursor: 5 }, carried: [{ row: 1 }], ticks: [tick] };
      expect(await subject.store.changeSync(sync.name, { version: 1 }, change)).toBe(true);
      const held = await claim(sync.name);
      expect(held.answer).toEqual({ kind: "claimed" });
      await apply({ put: [{ ...sync, text: { other: true } }] });
      expect(await read(sync.name)).toMatchObject({
        version: 3,
        state: { cursor: 5 },
        text: { other: true },
        claim: { token: held.token, owner: held.owner, ownerAlive: true },
      });

      const to = newName();
      const put = [{ name: to, origin: sync.origin, text: {} }];
      expect(await apply({ rename: [{ from: sync.name, to }], put })).toBe(true);
      expect(await subject.store.getSync(sync.name)).toBeUndefined();
      // Whoever runs it knows it by its old name.
      expect(await read(to)).toMatchObject({ state: { cursor: 5 }, claim: undefined, text: {} });
      expect(await subject.store.readCarried(to)).toEqual([{ row: 1 }]);
      expect(await subject.store.readTicks(to, { limit: 5 })).toEqual([tick]);
      expect(await subject.store.readTicks(sync.name, { limit: 5 })).toEqual([]);
    });

    it("forgets a sync that is removed, with all that belongs to it", async () => {
      const sync = await applied();
      const ticks = [{ id: "t1", at: 1, record: {} }];
      await subject.store.changeSync(sync.name, { version: 1 }, { state: {}, carried: [1], ticks });
      await apply({ remove: [sync.name, newName()] });
      expect(await subject.store.getSync(sync.name)).toBeUndefined();
      expect(await claim(sync.name)).toMatchObject({ answer: { kind: "gone" } });
      expect(await subject.store.changeSync(sync.name, { version: 2 }, { state: {} })).toBe(false);
      await apply({ put: [sync] });
      expect(await read(sync.name)).toMatchObject({ version: 1, state: undefined });
      expect(await subject.store.readCarried(sync.name)).toEqual([]);
      expect(await subject.store.readTicks(sync.name, { limit: 5 })).toEqual([]);
    });

    it("lets one process at a time claim a sync, as long as it lives", async () => {
      const { name } = await applied();
      const first = await claim(name);
      expect(first.answer).toEqual({ kind: "claimed" });
      expect(await subject.store.claimSync(first)).toEqual({ kind: "claimed" });
      expect((await claim(name)).answer).toEqual({ kind: "busy", by: name });
      await subject.store.endLease(first.owner);
      expect((await claim(name, { owner: first.owner })).answer).toEqual({ kind: "busy", by: name });
      expect((await read(name)).claim).toMatchObject({ ownerAlive: false });
      const next = await claim(name);
      expect(next.answer).toEqual({ kind: "claimed" });
      // Its owner may begin anew; the token before is worth nothing then.
      const anew = await claim(name, { owner: next.owner });
      expect(anew.answer).toEqual({ kind: "claimed" });
      const from = { version: 1, token: next.token };
      expect(await subject.store.changeSync(name, from, { release: true })).toBe(false);
      expect(await subject.store.changeSync(name, { ...from, token: anew.token }, { release: true })).toBe(
        true,
      );
      expect((await read(name)).claim).toBeUndefined();
    });

    it("lets one of many that claim at once have the sync", async () => {
      const { name } = await applied();
      const answers = await Promise.all(Array.from({ length: 8 }, () => claim(name)));
      expect(answers.filter(({ answer }) => answer.kind === "claimed")).toHaveLength(1);
    });

    it("lets one sync at a time add to a dataset group of an API", async () => {
      const one = await applied();
      const same = await applied({ origin: one.origin });
      const elsewhere = await applied();
      const held = await claim(one.name, { datasetGroupId: 7 });
      expect((await claim(same.name, { datasetGroupId: 7 })).answer).toEqual({ kind: "busy", by: one.name });
      expect((await claim(same.name, { datasetGroupId: undefined })).answer.kind).toBe("busy");
      expect((await claim(elsewhere.name, { datasetGroupId: 7 })).answer).toEqual({ kind: "claimed" });
      expect((await claim(same.name, { datasetGroupId: 8 })).answer).toEqual({ kind: "claimed" });
      await subject.store.changeSync(one.name, { version: 1, token: held.token }, { release: true });
      const any = await claim(one.name, { datasetGroupId: undefined });
      expect(any.answer).toEqual({ kind: "busy", by: same.name });
    });

    it("changes state, rows to carry and history in one step, and only from the version that was read", async () => {
      const { name } = await applied();
      const tick = (at: number, became: string) => ({ id: `t${at}`, at, record: { became, at } });
      const first = { state: { n: 1 }, carried: [{ a: "\u0000ü" }], ticks: [tick(1, "due"), tick(2, "due")] };
      expect(await subject.store.changeSync(name, { version: 1 }, first)).toBe(true);
      const late = { state: { n: 9 }, carried: [], ticks: [tick(3, "due")] };
      expect(await subject.second.changeSync(name, { version: 1 }, late)).toBe(false);
      const token = newToken();
      expect(await subject.second.changeSync(name, { version: 2, token }, late)).toBe(false);
      expect(await read(name)).toMatchObject({ version: 2, state: { n: 1 } });
      expect(await subject.second.readCarried(name)).toEqual([{ a: "\u0000ü" }]);
      expect(await subject.second.readTicks(name, { limit: 9 })).toEqual([tick(2, "due"), tick(1, "due")]);

      expect(await subject.second.changeSync(name, { version: 2 }, { ticks: [tick(1, "ran")] })).toBe(true);
      expect(await subject.store.readTicks(name, { limit: 9 })).toEqual([tick(2, "due"), tick(1, "ran")]);
      expect(await subject.store.readTicks(name, { limit: 1 })).toEqual([tick(2, "due")]);
      expect(await subject.store.readTicks(name, { limit: 1, before: 2 })).toEqual([tick(1, "ran")]);
      expect(await subject.store.readCarried(name)).toHaveLength(1);
      expect(await read(name)).toMatchObject({ version: 3, state: { n: 1 } });
    });

    it("lets one of many changes from the same version go through", async () => {
      const { name } = await applied();
      const changes = await Promise.all(
        Array.from({ length: 8 }, (_, n) => subject.store.changeSync(name, { version: 1 }, { state: { n } })),
      );
      expect(changes.filter(Boolean)).toHaveLength(1);
      expect((await read(name)).state).toEqual({ n: changes.indexOf(true) });
    });
  });
}
