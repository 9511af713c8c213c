import { describe, expect, test } from "vitest";
import { classify } from "../../src/core/classify.ts";
import type { AttemptSignal, Outcome } from "../../src/core/outcome.ts";

const NOW_MS = Date.UTC(2026, 0, 15, 12, 0, 0);

interface Said {
  retryAfter?: string;
  sentSpan?: boolean;
}

function answer(status: number, body: unknown, said: Said = {}): Outcome {
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const signal: AttemptSignal = { phase: "answered", status, retryAfter: said.retryAfter, body: text };
  return classify(signal, { sentSpan: said.sentSpan ?? false, nowMs: NOW_MS });
}

const HTML = "<html><body><h1>Not here</h1></body></html>";
const ADDED = { success: true, draft_dataset_id: 789, mode: "trace" };

describe("a confirmation", () => {
  test.each([200, 201])("%i with success and a draft is added", (status) => {
    expect(answer(status, ADDED)).toEqual({
      kind: "added",
      draftDatasetId: 789,
      mode: "trace",
      httpStatus: status,
      warning: undefined,
    });
  });

  test("of a span is added in the mode span", () => {
    const outcome = answer(201, { ...ADDED, mode: "span" }, { sentSpan: true });
    expect(outcome).toMatchObject({ kind: "added", mode: "span", warning: undefined });
  });

  test.each([
    ["trace", true, "trace"],
    ["span", false, "span"],
    [undefined, true, "span"],
    ["banana", false, "trace"],
  ])(
    "with the mode %j where a span was sent: %j is added, as %s, with a warning",
    (mode, sentSpan, recorded) => {
      const outcome = answer(201, { ...ADDED, mode }, { sentSpan });
      expect(outcome).toMatchObject({ kind: "added", mode: recorded, warning: "mode_mismatch" });
    },
  );
});

describe("an answer that confirms nothing", () => {
  test.each([
    ["201 with success false", 201, { success: false, draft_dataset_id: 789 }],
    ["201 without success", 201, { draft_dataset_id: 789 }],
    ["201 with success as text", 201, { success: "true", draft_dataset_id: 789 }],
    ["201 without a draft", 201, { success: true, mode: "trace" }],
    ["201 with the draft as text", 201, { success: true, draft_dataset_id: "789" }],
    ["201 with a fraction of a draft", 201, { success: true, draft_dataset_id: 7.5 }],
    ["201 with the draft -1", 201, { success: true, draft_dataset_id: -1 }],
    ["201 with a list", 201, [ADDED]],
    ["200 with HTML", 200, HTML],
    ["201 with half a body", 201, '{"success":true,"draft_da'],
    ["201 whose body broke off", 201, undefined],
    ["201 with an empty body", 201, ""],
    ["202 with a confirmation", 202, ADDED],
    ["204", 204, ""],
    ["299", 299, ADDED],
    ["a status out of all ranges", 799, ADDED],
  ])("%s is unknown", (_name, status, body) => {
    expect(answer(status, body)).toMatchObject({
      kind: "unknown",
      reason: "unreadable_answer",
      httpStatus: status,
    });
  });

  test("keeps what the server said about it", () => {
    expect(answer(201, { success: false, message: "half done" })).toMatchObject({
      message: expect.stringContaining("half done"),
    });
  });
});

describe("without an answer", () => {
  test("a request whose header never left was not sent", () => {
    const outcome = classify(
      { phase: "before-header", cause: "name not found" },
      { sentSpan: false, nowMs: 0 },
    );
    expect(outcome).toEqual({ kind: "not-sent", cause: "name not found" });
  });

  test.each(["timeout", "connection_lost"] as const)("a %s after the header is unknown", (reason) => {
    const outcome = classify({ phase: "after-header", reason, cause: "gone" }, { sentSpan: false, nowMs: 0 });
    expect(outcome).toEqual({ kind: "unknown", reason, httpStatus: undefined, message: "gone" });
  });
});

describe("a refusal for now", () => {
  test("429 slows everybody down for the seconds it names", () => {
    expect(answer(429, { message: "slow down" }, { retryAfter: "7" })).toEqual({
      kind: "refused",
      httpStatus: 429,
      everybody: true,
      retryInMs: 7000,
      message: "slow down",
    });
  });

  test("429 slows everybody down until the date it names", () => {
    const outcome = answer(429, "", { retryAfter: "Thu, 15 Jan 2026 12:00:30 GMT" });
    expect(outcome).toMatchObject({ kind: "refused", everybody: true, retryInMs: 30_000 });
  });

  test.each([undefined, "soon"])(
    "429 with Retry-After %j slows everybody down for an unnamed time",
    (retryAfter) => {
      const outcome = answer(429, HTML, retryAfter === undefined ? {} : { retryAfter });
      expect(outcome).toMatchObject({ kind: "refused", everybody: true, retryInMs: undefined });
    },
  );

  test("429 is a refusal even if its body broke off", () => {
    expect(answer(429, undefined)).toMatchObject({ kind: "refused", everybody: true });
  });

  test.each(["3", "soon", "Thu, 15 Jan 2026 11:00:00 GMT"])(
    "503 with Retry-After %j is refused for everybody, whatever its body",
    (retryAfter) => {
      expect(answer(503, undefined, { retryAfter })).toMatchObject({ kind: "refused", everybody: true });
    },
  );

  test.each([408, 425])("%i is refused for this row alone", (status) => {
    expect(answer(status, "")).toMatchObject({ kind: "refused", httpStatus: status, everybody: false });
  });
});

describe("a server error", () => {
  test.each([500, 501, 502, 503, 504, 520, 599])("%i is unknown", (status) => {
    expect(answer(status, { success: false, message: "oops" })).toEqual({
      kind: "unknown",
      reason: "server_error",
      httpStatus: status,
      message: "oops",
    });
  });

  test("503 with an empty Retry-After is unknown, as without one", () => {
    expect(answer(503, HTML, { retryAfter: " " })).toMatchObject({ kind: "unknown", reason: "server_error" });
  });

  test.each([500, 502, 504])(
    "%i stays unknown with a Retry-After: gateways forward before they fail",
    (status) => {
      expect(answer(status, "", { retryAfter: "5" })).toMatchObject({ kind: "unknown" });
    },
  );
});

describe("a rejection", () => {
  test.each([
    [400, "bad_request"],
    [404, "trace_not_found"],
    [405, "rejected_405"],
    [409, "rejected_409"],
    [410, "rejected_410"],
    [413, "rejected_413"],
    [422, "validation_error"],
  ])("%i in the API's JSON has the code %s and the server's message", (status, code) => {
    expect(answer(status, { success: false, message: "no such thing" })).toEqual({
      kind: "rejected",
      code,
      message: "no such thing",
      httpStatus: status,
    });
  });

  test.each([400, 413, 422, 451])(
    "%i in HTML has a code of its own: a filter in between refused it",
    (status) => {
      expect(answer(status, HTML)).toMatchObject({ kind: "rejected", code: `rejected_${status}` });
    },
  );

  test.each([
    [{ message: "m", error: "e", detail: "d" }, "m"],
    [{ message: "", error: "e" }, "e"],
    [{ detail: "d" }, "d"],
    [
      { detail: [{ loc: ["body", "trace_id"], msg: "field required", type: "missing" }] },
      "body.trace_id: field required",
    ],
    [
      {
        detail: [
          { loc: ["body", "rows", 0], msg: "bad" },
          { loc: [], msg: "worse" },
        ],
      },
      "body.rows.0: bad; worse",
    ],
    [{ error: { message: "deep" } }, "deep"],
    [{ success: false }, "HTTP 422"],
  ])("of %j reads %j", (body, message) => {
    expect(answer(422, body)).toMatchObject({ kind: "rejected", code: "validation_error", message });
  });

  test("has a message of one printable line of at most 500 characters", () => {
    const outcome = answer(400, { message: `\u001B[31mred\u001B[0m\r\nnext\u202Eline ${"x".repeat(600)}` });
    if (outcome.kind !== "rejected") throw new Error(`not a rejection but ${outcome.kind}`);
    expect(outcome.message).toMatch(/^\[31mred \[0m next line x+…$/u);
    expect(outcome.message).toHaveLength(500);
  });

  test.each([400, 404, 405, 409, 422])(
    "%i whose body broke off is unknown: the body would have decided",
    (status) => {
      expect(answer(status, undefined)).toMatchObject({ kind: "unknown", reason: "unreadable_answer" });
    },
  );
});

describe("a halt", () => {
  test.each([
    [401, "unauthorized"],
    [403, "forbidden"],
    [407, "wrong_endpoint"],
  ])("%i stops the run as %s, whatever its body", (status, code) => {
    for (const body of [{ success: false, message: "no" }, HTML, undefined]) {
      expect(answer(status, body)).toMatchObject({ kind: "halt", code, httpStatus: status });
    }
  });

  test.each([300, 301, 302, 303, 304, 307, 308])(
    "the redirect %i stops the run as wrong_endpoint",
    (status) => {
      expect(answer(status, "")).toMatchObject({ kind: "halt", code: "wrong_endpoint" });
    },
  );

  test.each([
    [404, HTML],
    [404, ""],
    [404, "[]"],
    [404, { ok: false }],
    [404, { detail: "Not Found" }],
    [405, HTML],
    [405, { detail: "Method Not Allowed" }],
  ])("%i with %j stops the run as wrong_endpoint: nobody serves that address", (status, body) => {
    expect(answer(status, body)).toMatchObject({ kind: "halt", code: "wrong_endpoint" });
  });

  test("404 with a detail of the API's own does not stop the run", () => {
    expect(answer(404, { detail: "Trace not found" })).toMatchObject({
      kind: "rejected",
      code: "trace_not_found",
    });
  });
});
