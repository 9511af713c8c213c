/** Asking before something that cannot be taken back: who says yes, who says no, and where nobody can be asked. */
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { confirm } from "../../src/cli/confirm.ts";

function terminal(change: { inputIsTTY?: boolean; outputIsTTY?: boolean; yes?: boolean } = {}) {
  const input = Object.assign(new PassThrough(), { isTTY: change.inputIsTTY ?? true });
  const output = Object.assign(new PassThrough(), { isTTY: change.outputIsTTY ?? true });
  const stop = new AbortController();
  const answer = confirm("Forget it?", { input, output, yes: change.yes ?? false, signal: stop.signal });
  return { input, output, stop, answer };
}

test.each([
  ["y\n", true],
  ["Yes\n", true],
  [" y \n", true],
  ["\n", false],
  ["no\n", false],
  ["yesterday\n", false],
])("%j is %s", async (typed, expected) => {
  const { input, output, answer } = terminal();
  input.write(typed);
  expect(await answer).toBe(expected);
  expect(String(output.read())).toContain("Forget it? [y/N] ");
});

test("the end of the input is no", async () => {
  const { input, answer } = terminal();
  input.end();
  expect(await answer).toBe(false);
});

test("--yes asks nobody, on a terminal or not", async () => {
  const { output, answer } = terminal({ inputIsTTY: false, outputIsTTY: false, yes: true });
  expect(await answer).toBe(true);
  expect(output.read()).toBeNull();
});

test.each([{ inputIsTTY: false }, { outputIsTTY: false }])(
  "where nobody can be asked, it is wrong usage: %j",
  async (change) => {
    await expect(terminal(change).answer).rejects.toMatchObject({
      code: "wrong_usage",
      next: expect.stringContaining("--yes") as string,
    });
  },
);

test("a signal ends the waiting", async () => {
  const { stop, answer } = terminal();
  stop.abort(new Error("received SIGINT"));
  await expect(answer).rejects.toThrow();
});
