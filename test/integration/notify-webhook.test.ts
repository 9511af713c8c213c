/** Webhooks on a real server: signed as the guide's own snippet checks it, limited in time, and silent in between. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { TraceloadError } from "../../src/core/errors.ts";
import type { Notice, NoticeState } from "../../src/core/notices.ts";
import { zeroCounts, type StatusCounts } from "../../src/core/status.ts";
import type { Run } from "../../src/core/store.ts";
import { noticePayload } from "../../src/notify/payload.ts";
import { openWebhook } from "../../src/notify/webhook.ts";
import type { EndedTick } from "../../src/app/syncs/drive.ts";
import { tellOfTick } from "../../src/wire/sync-notices.ts";
import { openNotifier } from "../../src/wire/notifier.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { setStage } from "../support/store-fixtures.ts";
import { fakeClock } from "../support/fake-clock.ts";

const SECRET = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("fedcba9876543210fedcba9876543210").toString("base64")}`;
const GUIDE = new URL("../../docs/guide/notices.md", import.meta.url);

interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function receiver(answer: (response: ServerResponse, nth: number) => void) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { url: path = "", headers } = request;
      received.push({ path, headers, body: Buffer.concat(chunks).toString() });
      answer(response, received.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=hush-hush` };
}

const ends =
  (status: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(status, headers).end("thanks");

type Check = (headers: IncomingHttpHeaders, body: string, secret: string, nowSeconds?: number) => boolean;

/** The guide's JavaScript, run as it is printed. */
async function snippet(): Promise<Check> {
  const code = /```js\n([\s\S]*?)```/.exec(await readFile(GUIDE, "utf8"))?.[1] ?? "";
  const module = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    isFromTraceload: Check;
  };
  return module.isFromTraceload;
}

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
  const isFromTraceload = await snippet();
  const store = createMemoryStore(fakeClock());
  const { run } = await setStage(store, { rows: 1 });
  const environment = { TRACELOAD_WEBHOOK_SECRET: SECRET };
  const notifier = openNotifier({ url, failed: { rows: 1 } }, { store, environment });
  closers.push(() => notifier.close());

  let state: NoticeState | undefined;
  let nights = 0;
  const nightOf = async (counts: Partial<StatusCounts>) => {
    const end: Run = { ...run, state: "finished", counts: { ...zeroCounts(), ...counts } };
    const request = { id: `msg_${(nights += 1)}`, subject: "nightly", previous: state, end: { run: end } };
    ({ state } = await notifier.notify(request, new AbortController().signal));
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
  const faults: unknown[] = [];
  const parts = { store, environment: { URL: url, SECRET }, onFault: (error: unknown) => faults.push(error) };
  const text = { files: ["a.csv"], "dataset-group": "42", notify: [{ url: "${URL}", secret: "${SECRET}" }] };
  const stored = { name: "nightly", origin: "sandbox", text, version: 1, appliedAt: 0, claim: undefined };
  let told: Record<string, NoticeState> | undefined;
  const tick = async (id: string, record: Partial<EndedTick["record"]>, environment = parts.environment) => {
    const sync = { ...stored, state: { cursor: 0, ...(told === undefined ? {} : { told }) } };
    const health = { state: "ok", since: 0 } as const;
    const whole = { due: 0, kind: "scheduled", became: "ran", ...record } as const;
    const ended = { id, record: whole, before: health, after: health, sync };
    told = await tellOfTick({ ...parts, environment }, ended, new AbortController().signal);
  };
  const failed = { result: "failed", error: { code: "source_not_found", message: "where it is" } } as const;
  await tick("1", { result: "empty" });
  await tick("2", failed, { URL: url, SECRET: "" });
  expect(faults.splice(0)).toMatchObject([{ message: expect.stringContaining("SECRET is not set") }]);
  await tick("3", failed);
  await tick("3", failed);
  await tick("4", { result: "empty" });
  expect(received.map(({ body }) => JSON.parse(body) as object)).toMatchObject([
    { type: "traceload.failure", data: { reasons: ["no run came about: source_not_found"], run: null } },
    { type: "traceload.recovery", data: { subject: "nightly", before: "failing", now: "good" } },
  ]);
  expect([Object.values(told ?? {}), faults]).toEqual([["good"], []]);
  expect(JSON.stringify(told)).not.toMatch(/hush|whsec|127/);
});

test("the payload is the guide's", async () => {
  const printed = /```json\n([\s\S]*?)```/.exec(await readFile(GUIDE, "utf8"))?.[1] ?? "";
  expect(JSON.parse(noticePayload(NOTICE))).toEqual(JSON.parse(printed));
});

describe("a delivery", () => {
  test("is signed by the old secret and the new one, while there are two", async () => {
    const { received, url } = await receiver(ends(200));
    const isFromTraceload = await snippet();
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
