/** Webhooks on a real server: signed as the guide's own snippet checks it, limited in time, and silent in between. */
import type { ServerResponse } from "node:http";
import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { TraceloadError } from "../../src/core/errors.ts";
import type { Notice, NoticeStanding } from "../../src/core/notices.ts";
import { zeroCounts, type StatusCounts } from "../../src/core/status.ts";
import type { Run } from "../../src/core/store.ts";
import { noticePayload } from "../../src/notify/payload.ts";
import { openWebhook } from "../../src/notify/webhook.ts";
import type { EndedTick, TickNotices } from "../../src/app/syncs/drive.ts";
import { noticesInWords, tellOfTick } from "../../src/wire/sync-notices.ts";
import { makeNotifierOf, openChannel } from "../../src/wire/notifier.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { setStage } from "../support/store-fixtures.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { type Answer, guidesCheck, NOTICES_GUIDE, startReceiver } from "../support/webhook-receiver.ts";

const SECRET = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("fedcba9876543210fedcba9876543210").toString("base64")}`;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function receiver(answer: Answer) {
  const started = await startReceiver(answer);
  closers.push(() => started.close());
  return started;
}

const ends =
  (status: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(status, headers).end("thanks");

const NOTICE: Notice = {
  id: "msg_1",
  kind: "failure",
  at: Date.UTC(2026, 10, 28, 2, 3, 11),
  subject: "nightly",
  before: "good",
  now: "failing",
  reasons: ["3 rows of 200 did not make it"],
  run: {
    runId: "20261128-020000-4f7a",
    state: "finished",
    counts: {
      read: 200,
      added: 197,
      duplicate: 0,
      invalid: 0,
      rejected: 3,
      failed: 0,
      unknown: 0,
      unprocessed: 0,
    },
    errors: [{ code: "trace_not_found", count: 3 }],
    traceIds: ["trace-1", "trace-2", "trace-3"],
    drafts: [{ datasetGroupId: 42, draftDatasetId: 501, verdict: "verified", versionNumber: null }],
  },
  next: ["traceload report 20261128-020000-4f7a"],
};

function webhook(url: string, change: { secret?: string; timeoutMs?: number } = {}) {
  const channel = openWebhook({
    url,
    secret: SECRET,
    userAgent: "traceload/test",
    clock: { wallMs: Date.now },
    ...change,
  });
  closers.push(() => channel.close());
  return (notice = NOTICE) => channel.send(notice, new AbortController().signal);
}

test("a failure, a recovery and nothing in between arrive, each signed, under an id of its own", async () => {
  const { received, url } = await receiver(ends(204));
  const isFromTraceload = await guidesCheck();
  const store = createMemoryStore(fakeClock());
  const { run } = await setStage(store, { rows: 1 });
  const environment = { TRACELOAD_WEBHOOK_SECRET: SECRET };
  const channel = openChannel({ url }, environment);
  closers.push(() => channel.close());
  const notifier = makeNotifierOf({ store, channel, policy: { failed: { rows: 1 } } });

  let previous: NoticeStanding | undefined;
  let nights = 0;
  const nightOf = async (counts: Partial<StatusCounts>) => {
    const end: Run = { ...run, state: "finished", counts: { ...zeroCounts(), ...counts } };
    const request = { id: `msg_${(nights += 1)}`, subject: "nightly", previous, end: { run: end } };
    ({ standing: previous } = await notifier.notify(request, new AbortController().signal));
  };
  await nightOf({ added: 5 });
  await nightOf({ added: 3, rejected: 2 });
  await nightOf({ added: 2, failed: 3 });
  await nightOf({ added: 4, failed: 1 });
  await nightOf({ added: 5 });

  expect(received.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual([
    "traceload.failure",
    "traceload.recovery",
  ]);
  for (const { headers, body } of received) {
    expect(isFromTraceload(headers, body, SECRET)).toBe(true);
    expect(isFromTraceload(headers, body, OTHER)).toBe(false);
    expect(isFromTraceload(headers, `${body} `, SECRET)).toBe(false);
    expect(isFromTraceload(headers, body, SECRET, Date.now() / 1000 + 301)).toBe(false);
  }
  expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(2);
});

test("a sync's ticks are told by its definition's webhooks, whose addresses and secrets are the environment's", async () => {
  const { received, url } = await receiver(ends(204));
  const store = createMemoryStore(fakeClock());
  const parts = { store, environment: { URL: url, SECRET } };
  const text = { files: ["a.csv"], "dataset-group": "42", notify: [{ url: "${URL}", secret: "${SECRET}" }] };
  await store.applySyncs({
    revision: 0,
    rename: [],
    put: [{ name: "nightly", origin: "sandbox", text }],
    remove: [],
  });
  const stored = { name: "nightly", origin: "sandbox", text, version: 1, appliedAt: 0, claim: undefined };
  let told: TickNotices["told"] | undefined;
  const tick = async (id: string, record: Partial<EndedTick["record"]>, environment = parts.environment) => {
    const sync = { ...stored, state: { cursor: 0, ...(told === undefined ? {} : { told }) } };
    const health = { state: "ok", since: 0 } as const;
    const whole = { due: 0, kind: "scheduled", became: "ran", ...record } as const;
    const ended = { id, record: whole, before: health, after: health, sync };
    const done = await tellOfTick({ ...parts, environment }, ended, new AbortController().signal);
    ({ told } = done ?? { told });
    return done === undefined ? [] : noticesInWords(done);
  };
  const failed = { result: "failed", error: { code: "source_not_found", message: "where it is" } } as const;
  const lacksSecret = { URL: url, SECRET: "" };
  expect(await tick("1", { result: "empty" }, lacksSecret)).toEqual([
    "notices cannot be sent: SECRET is not set in the worker's environment",
  ]);
  expect(await tick("2", failed, lacksSecret)).toEqual([
    "failure not told: SECRET is not set in the worker's environment",
  ]);
  expect(await tick("3", failed)).toEqual(["failure told"]);
  expect(await tick("4", failed)).toEqual([]);
  expect(await tick("5", { result: "empty" })).toEqual(["recovery told"]);
  expect(received.map(({ body }) => JSON.parse(body) as object)).toMatchObject([
    {
      type: "traceload.failure",
      data: {
        reasons: ["no run came about: source_not_found", "an earlier notice could not be delivered"],
        run: null,
        next: ["traceload sync history nightly"],
      },
    },
    { type: "traceload.recovery", data: { subject: "nightly", before: "failing", now: "good" } },
  ]);
  expect(Object.values(told ?? {})).toEqual([{ state: "good" }]);
  expect(JSON.stringify(told)).not.toMatch(/hush|whsec|127/);
});

test("the payload is the guide's", async () => {
  const printed = /```json\n([\s\S]*?)```/.exec(await readFile(NOTICES_GUIDE, "utf8"))?.[1] ?? "";
  expect(JSON.parse(noticePayload(NOTICE))).toEqual(JSON.parse(printed));
});

describe("a delivery", () => {
  test("is signed by the old secret and the new one, while there are two", async () => {
    const { received, url } = await receiver(ends(200));
    const isFromTraceload = await guidesCheck();
    expect(await webhook(url, { secret: `${OTHER} ${SECRET}` })()).toEqual({ kind: "delivered" });
    const { headers = {}, body = "", path } = received[0] ?? {};
    expect([isFromTraceload(headers, body, SECRET), isFromTraceload(headers, body, OTHER)]).toEqual([
      true,
      true,
    ]);
    expect([path, headers["content-type"]]).toEqual(["/hook?token=hush-hush", "application/json"]);
  });

  test.each([
    [301, {}, { kind: "refused" }],
    [400, {}, { kind: "refused" }],
    [410, {}, { kind: "refused" }],
    [429, { "retry-after": "7" }, { kind: "try-again", retryInMs: 7_000 }],
    [503, {}, { kind: "try-again", retryInMs: undefined }],
  ])("that is answered %i with %j is %j, and follows nobody", async (status, headers, expected) => {
    const { received, url } = await receiver(ends(status, { location: "/elsewhere", ...headers }));
    const delivery = await webhook(url)();
    expect(delivery).toMatchObject(expected);
    expect(JSON.stringify(delivery)).not.toMatch(/hush|whsec/);
    expect(received).toHaveLength(1);
  });

  test("that nobody answers, or that is cut off, is to be tried again", async () => {
    const silent = await receiver(() => undefined);
    expect(await webhook(silent.url, { timeoutMs: 50 })()).toMatchObject({
      kind: "try-again",
      reason: expect.stringMatching(/^127\.0\.0\.1:\d+: no answer within 50 ms$/),
    });
    const rude = await receiver((response) => response.destroy());
    expect(await webhook(rude.url)()).toMatchObject({
      kind: "try-again",
      reason: expect.stringContaining("UND_ERR"),
    });
    expect(await webhook("http://127.0.0.1:1/hook")()).toMatchObject({ reason: "127.0.0.1:1: ECONNREFUSED" });
  });

  test("counts from the answer's head: a body without an end does no harm", async () => {
    const endless = await receiver((response) => {
      response.writeHead(200);
      response.write("x".repeat(200_000));
    });
    expect(await webhook(endless.url, { timeoutMs: 5_000 })()).toEqual({ kind: "delivered" });
  });
});

test.each([
  ["http to another machine", "http://example.com/hook", SECRET],
  ["a user's name", "https://someone:hush@example.com/", SECRET],
  ["no URL", "hush", SECRET],
  ["a secret without its prefix", "https://example.com/", "hush"],
  ["a secret that is too short", "https://example.com/", "whsec_aHVzaA=="],
])("%s is refused, and not repeated", (_, url, secret) => {
  const open = () => openWebhook({ url, secret, userAgent: "", clock: { wallMs: Date.now } });
  let fault: TraceloadError | undefined;
  try {
    open();
  } catch (error) {
    fault = error as TraceloadError;
  }
  expect(fault?.code).toBe("config_invalid");
  expect(`${fault?.message} ${fault?.next}`).not.toMatch(/hush|aHVz/);
});
