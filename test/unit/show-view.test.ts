/** The views that draw the progress: when they write, what they leave behind. */
import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { openProgressView } from "../../src/cli/show/progress-view.ts";
import type { ProgressMode } from "../../src/cli/show/progress-view.ts";
import type { Clock } from "../../src/core/clock.ts";
import { progressState } from "./show-fixture.ts";

/** A terminal, or a pipe, that remembers what was written. */
class Screen extends Writable {
  text = "";
  isTTY: boolean;
  columns = 80;
  rows = 24;

  constructor(isTTY: boolean) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }

  take(): string {
    const text = this.text;
    this.text = "";
    return text;
  }
}

/** Time that passes when the test says so. */
function handClock() {
  let wake: (() => void)[] = [];
  const asked: number[] = [];
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => 0,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        asked.push(ms);
        wake.push(resolve);
        signal?.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
      }),
  };
  const pass = async () => {
    const due = wake;
    wake = [];
    for (const resolve of due) resolve();
    // The loop goes on in microtasks; one turn of the event loop runs them all.
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, asked, pass };
}

function open(mode: ProgressMode, { isTTY = false } = {}) {
  const screen = new Screen(isTTY);
  const time = handClock();
  const state = progressState();
  const view = openProgressView({ mode, stream: screen, clock: time.clock, color: false, read: () => state });
  return { screen, view, state, ...time };
}

describe("in a pipe", () => {
  test("one plain line is written every five seconds, and none after the end", async () => {
    const { screen, view, asked, pass } = open("auto");
    expect(screen.take()).toBe("");
    await pass();
    expect(screen.take()).toMatch(/^r1 draining · 55 % · 1,102 of 2,000 rows · added 1,080 .*\n$/);
    await pass();
    expect(screen.take().split("\n")).toHaveLength(2);
    expect(asked.every((ms) => ms === 5_000)).toBe(true);
    view.close();
    await pass();
    expect(screen.take()).toBe("");
  });

  test("json writes one object a line, notes included", async () => {
    const { screen, view, pass } = open("json");
    await pass();
    view.note("careful\u009B");
    const lines = screen.take().trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ type: "progress", runId: "r1" }),
      { type: "note", message: "careful\u009B" },
    ]);
    expect(lines.join("")).not.toContain("\u009B");
    view.close();
  });

  test("none writes notes alone", async () => {
    const { screen, view, pass } = open("none");
    await pass();
    view.note("careful");
    expect(screen.take()).toBe("careful\n");
    view.close();
  });

  test("a bar that was asked for becomes lines", async () => {
    const { screen, view, pass } = open("bar");
    await pass();
    expect(screen.take()).not.toContain("\u001B");
    view.close();
  });
});

describe("on a terminal", () => {
  test("the cursor is hidden while it draws, and back at the end, whatever happens", () => {
    const listening = process.listenerCount("exit");
    const { screen, view } = open("auto", { isTTY: true });
    expect(screen.take().startsWith("\u001B[?25l")).toBe(true);
    expect(process.listenerCount("exit")).toBe(listening + 1);
    view.close();
    view.close();
    expect(screen.take().endsWith("\u001B[?25h")).toBe(true);
    expect(process.listenerCount("exit")).toBe(listening);
    expect(screen.listenerCount("resize")).toBe(0);
  });

  test("a frame that did not change writes nothing, and one that did only its own lines", async () => {
    const { screen, view, state, pass } = open("bar", { isTTY: true });
    screen.take();
    await pass();
    expect(screen.take()).toBe("");
    state.achievedPerSecond = 18;
    await pass();
    const patch = screen.take();
    expect(patch).toContain("18/s of 20/s");
    expect(patch).not.toContain("added");
    view.close();
  });

  test("a note stands above the frame, which is drawn again under it", () => {
    const { screen, view } = open("bar", { isTTY: true });
    screen.take();
    view.note("warning: careful");
    expect(screen.take()).toMatch(/warning: careful\n[^]*run r1 · draining/);
    view.close();
    screen.take();
    view.note("afterwards");
    expect(screen.take()).toBe("afterwards\n");
  });

  test("a narrower window wipes the lines that the terminal wrapped", () => {
    const { screen, view } = open("bar", { isTTY: true });
    screen.take();
    screen.columns = 30;
    screen.emit("resize");
    // Lines of 24, 68, 76 and 57 columns stood there; they take 1 + 3 + 3 + 2 rows of 30.
    expect(screen.take().startsWith("\r\u001B[9A\u001B[J")).toBe(true);
    view.close();
  });

  test("the last frame stays when it is asked to", () => {
    const { screen, view, state } = open("bar", { isTTY: true });
    screen.take();
    state.phase = "finished";
    view.close({ keep: true });
    expect(screen.take()).toContain("finished");
  });
});
