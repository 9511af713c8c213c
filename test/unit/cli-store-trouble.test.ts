/** What a person is told of a store that holds the work up: once, and again when it works. */
import { describe, expect, test } from "vitest";
import { StoreTrouble } from "../../src/cli/store-trouble.ts";
import { TraceloadError } from "../../src/core/errors.ts";

const FULL = new TraceloadError("store_full", "Redis has reached its maxmemory", {
  next: "redis-cli INFO memory\nredis-cli CONFIG SET maxmemory <more bytes>, then type the same command again",
});
const AWAY = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:6379"), { code: "ECONNREFUSED" });

function scene() {
  const notes: string[] = [];
  let now = 50_000;
  const trouble = new StoreTrouble({ note: (text) => notes.push(text), monotonicMs: () => now });
  /** A fault every second, while rows are looked at in between. */
  const lasting = (error: unknown, seconds: number, settledRows?: number) => {
    for (let second = 0; second < seconds; second += 1) {
      trouble.fault(error);
      trouble.look(settledRows);
      now += 1_000;
    }
  };
  const quiet = (ms: number, settledRows?: number) => {
    now += ms;
    trouble.look(settledRows);
  };
  return { trouble, notes, lasting, quiet };
}

describe("a store that is full", () => {
  test("is told once, however long it lasts, with what to do and without the end of the command", () => {
    const { trouble, notes, lasting } = scene();
    lasting(FULL, 60, 7);
    expect(notes).toEqual([
      "the store is full: Redis has reached its maxmemory; nothing more is sent until it works again",
      "  next: redis-cli CONFIG SET maxmemory <more bytes>; the rest then goes on by itself",
    ]);
    expect(trouble.isTold).toBe(true);
  });

  test("is over when rows get their results again, and may be told anew", () => {
    const { trouble, notes, lasting, quiet } = scene();
    lasting(FULL, 5, 7);
    quiet(1_500, 8);
    expect([notes.length, trouble.isTold]).toEqual([3, false]);
    expect(notes.at(-1)).toBe("the store works again");
    lasting(FULL, 1);
    expect(notes.length).toBe(5);
  });

  test("is over when nothing fails any more, also without rows to show it", () => {
    const { notes, lasting, quiet } = scene();
    lasting(FULL, 5);
    quiet(5_000);
    expect(notes.length).toBe(2);
    quiet(5_000);
    expect(notes.at(-1)).toBe("the store works again");
  });
});

describe("a store that is away", () => {
  test("is told when it stays so for more than a moment", () => {
    const { notes, lasting } = scene();
    lasting(AWAY, 3);
    expect(notes).toEqual([]);
    lasting(AWAY, 30);
    expect(notes.length).toBe(2);
    expect(notes[0]).toContain(
      "the store does not answer: ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:6379",
    );
  });

  test("twice for a moment is none of it", () => {
    const { notes, lasting, quiet } = scene();
    lasting(AWAY, 1);
    quiet(20_000);
    lasting(AWAY, 1);
    expect(notes).toEqual([]);
  });
});

test("other faults are none of it", () => {
  const { trouble, notes, lasting } = scene();
  lasting(new Error("a lock was lost"), 30);
  expect([notes, trouble.isTold]).toEqual([[], false]);
});
