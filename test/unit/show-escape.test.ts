/** Nothing that a file, an answer or an ID holds may command the terminal. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { visible, visibleLines } from "../../src/cli/show/escape.ts";
import { exitCodeOfError, renderError } from "../../src/cli/show/error-text.ts";
import { renderProgress, renderProgressLine } from "../../src/cli/show/progress.ts";
import { renderRun, renderRuns } from "../../src/cli/show/runs-table.ts";
import { renderSummary } from "../../src/cli/show/summary-text.ts";
import { TraceloadError } from "../../src/core/errors.ts";
import { progressState, run, summary } from "./show-fixture.ts";

/** Everything that a terminal acts on, line breaks aside. */
const COMMANDS = /[^\P{Cc}\n]|[\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF\p{Cs}]/u;
/** The only sequences that colour uses. */
// oxlint-disable-next-line no-control-regex
const COLORS = /\u001B\[\d+m/g;

const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(
      fc.constantFrom(
        "\u001B]0;x\u0007",
        "\u001B[2J",
        "\u009B31m",
        "\r",
        "\n",
        "\u202E",
        "\u2066",
        "\uD800",
        "a",
      ),
    )
    .map((parts) => parts.join("")),
);

test("controls and bidirectional overrides are shown as escapes, all else as it is", () => {
  expect(visible("a\u001B[2J\r\n\t\u0000\u007F\u009B\u202E\u2066\uFEFF\uD800\u{E0041}")).toBe(
    String.raw`a\x1b[2J\r\n\t\x00\x7f\x9b\u202e\u2066\ufeff\ud800\u{e0041}`,
  );
  expect(visible("naïve 追跡 👩‍👩‍👧 مرحبا")).toBe("naïve 追跡 👩‍👩‍👧 مرحبا");
  expect(visibleLines("a\r\nb\u0007")).toBe("a\nb\\x07");
});

describe("whatever the texts from outside hold, what is printed commands nothing", () => {
  const prints = (show: (text: string, color: boolean) => string) => {
    fc.assert(
      fc.property(hostile, fc.boolean(), (text, color) => {
        expect(show(text, color).replaceAll(COLORS, "")).not.toMatch(COMMANDS);
      }),
      { numRuns: 40 },
    );
  };

  test("in an error", () => {
    prints((text, color) =>
      renderError(new TraceloadError("source_format", text, { next: text }), { color }),
    );
    prints((text, color) =>
      renderError(new Error(text, { cause: new Error(text) }), { color, verbose: true }),
    );
    prints((text, color) => renderError(text, { color }));
  });

  test("in a summary", () => {
    prints((text, color) =>
      renderSummary(
        summary({
          runId: text,
          state: "stopped",
          errors: [{ code: text, count: 1, example: text }],
          warnings: [text],
          reportDir: text,
          next: [text],
        }),
        { color, columns: 80 },
      ),
    );
  });

  test("in the list of runs, and in one run", () => {
    const hostileRun = (text: string) =>
      run({ runId: text, sources: [text, text], warnings: [text], halt: { code: text, message: text } });
    const look = { columns: 80, nowMs: Date.UTC(2026, 6, 21) };
    prints((text, color) => renderRuns([hostileRun(text)], { ...look, color }));
    prints((text, color) => renderRun(hostileRun(text), { ...look, color }));
  });

  test("in the progress", () => {
    prints((text, color) =>
      renderProgress(progressState({ runId: text }), { columns: 80, color }).join("\n"),
    );
    prints((text) => renderProgressLine(progressState({ runId: text })));
  });
});

describe("an error", () => {
  test("says what, and what to type next", () => {
    const error = new TraceloadError("key_missing", "no API key: PROMPTLAYER_API_KEY is not set", {
      next: "export PROMPTLAYER_API_KEY=…\ntraceload doctor",
    });
    expect(renderError(error, { color: false })).toBe(
      `traceload: no API key: PROMPTLAYER_API_KEY is not set
  next: export PROMPTLAYER_API_KEY=…
        traceload doctor
`,
    );
    expect(exitCodeOfError(error)).toBe(3);
  });

  test("shows its causes only when asked to", () => {
    const error = new TraceloadError("store_unreachable", "no answer from redis://h", {
      cause: new Error("connect ECONNREFUSED"),
    });
    expect(renderError(error, { color: false })).toBe("traceload: no answer from redis://h\n");
    expect(renderError(error, { color: false, verbose: true })).toBe(
      "traceload: no answer from redis://h\n  because: connect ECONNREFUSED\n",
    );
  });

  test("that nobody foresaw is called a bug, with its stack and where to report it", () => {
    const error = new TypeError("x is not a function");
    error.stack = "TypeError: x is not a function\n    at work (a.ts:1:2)";
    expect(renderError(error, { color: false })).toBe(
      `traceload: this is a bug in traceload: x is not a function
  at work (a.ts:1:2)
  next: report it in the project's issue tracker, with the lines above and the command you typed
        type the same command again: rows that were added are not sent twice
`,
    );
    expect(exitCodeOfError(error)).toBe(5);
  });
});
