/** What a process keeps to tell a forgetful Redis again: all that is open, the last seconds of what is settled, no more. */
import { describe, expect, test } from "vitest";
import { packCalls } from "../../src/store/redis/packing.ts";
import type { Script } from "../../src/store/redis/script.ts";
import { createTold, type ClaimCall, type SettleCall } from "../../src/store/redis/told.ts";

const CLAIMED_AT = 1_700_000_000_000;

function scene() {
  let now = 0;
  const told = createTold(() => now);
  const call = (row: number): ClaimCall => ({
    bytes: Buffer.alloc(46, row),
    placesAt: 36,
    texts: ["run", "group", "limiter"],
    token: `token-${row}`,
    holdMs: 1_000,
  });
  const settlement = (row: number, isUnknown: boolean): SettleCall => ({
    bytes: Buffer.alloc(53, row),
    placesAt: 43,
    texts: ["run", "group", ""],
    token: `token-${row}`,
    isUnknown,
  });
  const isRow = (record: Buffer): number => record.readUInt8(0);
  return {
    told,
    claim: (row: number, isClaimed = true) => told.claimed([call(row)], [isClaimed], CLAIMED_AT),
    settle: (row: number, isUnknown = false) => {
      const calls = [settlement(row, isUnknown)];
      told.settled(calls, packCalls(calls));
    },
    pass: (ms: number) => (now += ms),
    toldAgain: async () => {
      const rows: Record<string, number[]> = { reclaim: [], resettle: [] };
      await told.tellAgain({
        run: async (script: Script, packed) => {
          const bytes = packed as Buffer;
          const length = script.name === "reclaim" ? 46 : 53;
          for (let at = 0; at < bytes.length; at += length)
            rows[script.name]?.push(isRow(bytes.subarray(at)));
          return null;
        },
      });
      return rows;
    },
  };
}

describe("what is told again", () => {
  test("are the claims that were granted and not settled, however long ago", async () => {
    const { claim, settle, pass, toldAgain } = scene();
    claim(1);
    claim(2);
    claim(3, false);
    pass(60_000);
    settle(2);
    expect(await toldAgain()).toEqual({ reclaim: [1], resettle: [2] });
  });

  test("are settlements of the last 5 s, and the claims of those that left a row unknown", async () => {
    const { claim, settle, pass, toldAgain } = scene();
    for (const row of [1, 2, 3]) claim(row);
    settle(1, true);
    pass(4_000);
    settle(2, true);
    settle(3);
    expect(await toldAgain()).toEqual({ reclaim: [1, 2], resettle: [1, 2, 3] });
    pass(1_001);
    expect(await toldAgain()).toEqual({ reclaim: [2], resettle: [2, 3] });
    pass(4_000);
    expect(await toldAgain()).toEqual({ reclaim: [], resettle: [] });
  });

  test("is said in order, more claims than one call takes in several", async () => {
    const { told, claim, settle, toldAgain } = scene();
    const rows = Array.from({ length: 200 }, (_, index) => index + 1);
    for (const row of rows) claim(row);
    expect((await toldAgain())["reclaim"]).toEqual(rows);
    for (const row of rows) settle(row);
    expect(await toldAgain()).toEqual({ reclaim: [], resettle: rows });
    told.keep(false);
    expect(await toldAgain()).toEqual({ reclaim: [], resettle: [] });
  });

  test("is nothing while the server forgets nothing", async () => {
    const { told, claim, settle, toldAgain } = scene();
    told.keep(false);
    claim(1);
    claim(2);
    settle(2);
    expect(await toldAgain()).toEqual({ reclaim: [], resettle: [] });
    told.keep(true);
    claim(3);
    expect(await toldAgain()).toEqual({ reclaim: [3], resettle: [] });
  });
});

test("what is kept is bounded: at 8,000 rows a second, few megabytes", () => {
  const { settle, pass, told } = scene();
  let kept = 0;
  for (let row = 0; row < 2_000; row += 1) {
    settle(row % 256);
    pass(10);
  }
  void told.tellAgain({
    run: async () => {
      kept += 1;
      return null;
    },
  });
  expect(kept).toBeLessThanOrEqual(500);
});
