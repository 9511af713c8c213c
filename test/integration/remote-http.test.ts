/** HTTP addresses as sources, against servers that answer well, badly, or not at all. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { httpAnswer, startRawServer } from "../support/raw-server.ts";
import { openAddress, readAddressRows, type RemoteRequest } from "../support/remote-reading.ts";
import { brief, collect, inDirectory } from "../support/source-reading.ts";

const CSV = "trace_id,span_id\nt1,s1\nt2,s2\nt3,s3\n";
/** Of which a thousandth is sent. */
const BOMB = Buffer.concat([Buffer.from("trace_id\n"), Buffer.alloc(20_000_000, "t1\n")]);
const ALL = ["t1/s1", "t2/s2", "t3/s3"];

interface Asked {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

/** Answers in turn, the last one for ever after. */
async function startServer(...answers: ((response: ServerResponse, asked: Asked) => unknown)[]) {
  const asked: Asked[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const one = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
    asked.push(one);
    answers[Math.min(asked.length, answers.length) - 1]?.(response, one);
  };
  const server = createServer((request, response) => {
    void serve(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const ends =
  (body: string | Buffer, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(200, headers).end(body);

describe("a download", () => {
  test.each([
    ["as it is", CSV, {}],
    ["as a packed file", gzipSync(CSV), { "content-type": "application/gzip" }],
    ["as a file packed with zstd", zstdCompressSync(CSV), {}],
    ["packed for the way", gzipSync(CSV), { "content-encoding": "gzip" }],
    ["packed for the way by another means", brotliCompressSync(CSV), { "content-encoding": "br" }],
    ["as a packed file, packed for the way", gzipSync(gzipSync(CSV)), { "content-encoding": "gzip" }],
    ["with the type of a page", CSV, { "content-type": "text/html" }],
  ])("is read like a file: %s", async (_, body, headers) => {
    const { url } = await startServer(ends(body, headers));
    const { rows, fault, names } = await readAddressRows({ address: `${url}/a/traces.csv.gz?day=1` });
    expect([brief(rows), fault, names]).toEqual([ALL, undefined, [`${url}/a/traces.csv.gz?…`]]);
  });

  test("asks once, with the headers that were given; two readings are of the same bytes", async () => {
    const { url, asked } = await startServer(ends(CSV), ends("trace_id\nanother\n"));
    const { rows } = await readAddressRows({
      address: url.replace("//", "//me:${TOKEN}@"),
      variables: { TOKEN: "geheim" },
      options: { unit: "trace" },
      remote: { headers: ["X-Team: ${TOKEN} x", "accept: text/csv"] },
    });
    expect(brief(rows)).toEqual(["t1/", "t2/", "t3/"]);
    expect(asked).toHaveLength(1);
    expect(asked[0]?.headers).toMatchObject({
      authorization: `Basic ${Buffer.from("me:geheim").toString("base64")}`,
      "x-team": "geheim x",
      accept: "text/csv",
    });
  });

  test("is copied at once, however slowly its rows are taken, and read from the copy by the next process", async () => {
    await inDirectory(async (directory) => {
      const many = `trace_id\n${Array.from({ length: 100_000 }, (_, index) => `trace-${index}`).join("\n")}\n`;
      const { url, asked } = await startServer(ends(many));
      const never = new AbortController().signal;
      const sources = await openAddress(directory, { address: url });
      let read = 0;
      for await (const batch of sources.rows(never)) read += batch.length;
      expect(read).toBe(100_000);
      const again = await openAddress(directory, { address: url });
      expect((await collect(again.rows(never))).rows).toHaveLength(100_000);
      expect(asked).toHaveLength(1);
    });
  });

  test("that was left in the middle is not taken for whole", async () => {
    await inDirectory(async (directory) => {
      const { url, asked } = await startServer(
        (response) => void response.writeHead(200).write(CSV.repeat(5_000)),
        ends(CSV),
      );
      const stop = new AbortController();
      const sources = await openAddress(directory, { address: url });
      const reading = collect(sources.rows(stop.signal));
      await expect.poll(() => asked.length).toBe(1);
      stop.abort(new Error("told to stop"));
      expect((await reading).fault).toEqual(new Error("told to stop"));
      const again = await openAddress(directory, { address: url });
      expect(brief((await collect(again.rows(new AbortController().signal))).rows)).toEqual(ALL);
    });
  });
});

describe("an answer that breaks off", () => {
  const fault = async (answer: Buffer | string, cut: "end" | "reset") => {
    const server = await startRawServer(({ socket }) => {
      socket.write(answer, () =>
        setImmediate(() => (cut === "end" ? socket.end() : socket.resetAndDestroy())),
      );
    });
    return readAddressRows({ address: `http://127.0.0.1:${server.port}/a.csv` });
  };

  test.each(["end", "reset"] as const)("is a fault behind the rows before it: %s", async (cut) => {
    const { rows, fault: found } = await fault(`HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n${CSV}`, cut);
    expect(brief(rows).slice(0, 2)).toEqual(["t1/s1", "t2/s2"]);
    expect(found).toMatchObject({ code: "source_unreadable" });
    expect(String(found)).toContain(`broke off after ${CSV.length} bytes of 9999`);
  });

  test("in the middle of its pieces, or of what it is packed in, is one, too", async () => {
    const pieces = await fault(
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${CSV.length.toString(16)}\r\n${CSV}\r\n`,
      "end",
    );
    expect(pieces.fault).toMatchObject({ code: "source_unreadable" });
    const packed = gzipSync(CSV.repeat(1_000)).subarray(0, 100);
    const header = Buffer.from("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n");
    expect((await fault(Buffer.concat([header, packed]), "end")).fault).toMatchObject({
      code: "source_unreadable",
    });
  });

  test("because nothing more comes is one after the time for that", async () => {
    const { url } = await startServer((response) => void response.writeHead(200).write(CSV));
    const { fault: found } = await readAddressRows({ address: url, remote: { timeoutMs: 300 } });
    expect(String(found)).toContain("nothing more came within 0.3 s");
    const silent = await startServer(() => undefined);
    const waited = await readAddressRows({ address: silent.url, remote: { timeoutMs: 300 } });
    expect(String(waited.fault)).toContain("no answer within 0.3 s");
  });

  test("is not whole afterwards", async () => {
    await inDirectory(async (directory) => {
      const cut = (response: ServerResponse) =>
        void response.writeHead(200, { "content-length": "9999" }).write(CSV, () => response.destroy());
      const { url, asked } = await startServer(cut, ends(CSV));
      const never = new AbortController().signal;
      const sources = await openAddress(directory, { address: url });
      expect((await collect(sources.rows(never))).fault).toMatchObject({ code: "source_unreadable" });
      // Read once more in this process, it breaks off at the same place.
      expect((await collect(sources.rows(never))).fault).toMatchObject({ code: "source_unreadable" });
      expect(asked).toHaveLength(1);
      const again = await openAddress(directory, { address: url });
      expect(brief((await collect(again.rows(never))).rows)).toEqual(ALL);
    });
  });
});

describe("a server that says no", () => {
  test("is quoted, without what it was told", async () => {
    const { url } = await startServer((response, { headers }) =>
      response.writeHead(401).end(`{"detail": "bad \u001b[31mtoken ${headers.authorization ?? ""}"}`),
    );
    const { fault } = await readAddressRows({
      address: `${url}/x`,
      variables: { TOKEN: "geheim-123" },
      remote: { headers: ["Authorization: Bearer ${TOKEN}"] },
    });
    expect(fault).toMatchObject({
      code: "source_refused",
      next: expect.stringContaining("--header") as unknown,
    });
    expect(String(fault)).toContain(
      String.raw`answered 401: "{\"detail\": \"bad \u001b[31mtoken Bearer ` + "${TOKEN}",
    );
  });

  test.each([
    [
      "a page",
      200,
      "<!DOCTYPE html><html><title>Log in</title>",
      /answered a web page instead of data: "Log in"/,
    ],
    ["a page behind a comment", 200, "\n<!-- x -->\n<html><body>", /answered a web page instead of data/],
    ["an error's page", 500, "<html><title>Oops</title><p>long</p>", /answered 500: "Oops"/],
    ["nothing", 404, "", /answered 404$/],
    ["a message", 400, '{"error":{"type":"x","message":"no such field"}}', /answered 400: "no such field"$/],
    ["a detail", 403, '{"detail":"not yours"}', /answered 403: "not yours"$/],
    ["a part", 206, CSV, /answered 206/],
  ])("is told by what it says: %s", async (_, status, body, message) => {
    const { url } = await startServer((response) => response.writeHead(status).end(body));
    const { rows, fault } = await readAddressRows({ address: url });
    expect(rows).toEqual([]);
    expect(String(fault)).toMatch(message);
  });

  test("for now is asked again; for good, a few times", async () => {
    const busy = (response: ServerResponse) => response.writeHead(503, { "retry-after": "0" }).end("busy");
    const soon = await startServer(busy, busy, ends(CSV));
    expect(brief((await readAddressRows({ address: soon.url })).rows)).toEqual(ALL);
    const never = await startServer(busy);
    expect(String((await readAddressRows({ address: never.url })).fault)).toContain('answered 503: "busy"');
    expect(never.asked).toHaveLength(4);
    const late = await startServer((response) => response.writeHead(429, { "retry-after": "3600" }).end());
    expect(String((await readAddressRows({ address: late.url })).fault)).toContain("answered 429");
    expect(late.asked).toHaveLength(1);
  });

  test("by not being there is told with its host", async () => {
    const { fault } = await readAddressRows({ address: "http://127.0.0.1:1/a.csv" });
    expect(fault).toMatchObject({ code: "source_unreadable" });
    expect(String(fault)).toContain("127.0.0.1:1: connection refused");
  });

  test("by a certificate of nobody's is told with what would make it somebody's", async () => {
    const { port } = await startRawServer(() => undefined, { tls: true });
    const { fault } = await readAddressRows({ address: `https://localhost:${port}/a.csv` });
    expect(fault).toMatchObject({
      code: "source_unreadable",
      message: expect.stringContaining("certificate is self-signed") as unknown,
      next: expect.stringContaining("NODE_EXTRA_CA_CERTS") as unknown,
    });
  });
});

describe("a redirect", () => {
  const moved =
    (location: string, status = 302) =>
    (response: ServerResponse) =>
      void response.writeHead(status, { location }).end();
  const withToken = (address: string, remote: RemoteRequest["remote"] = {}): RemoteRequest => ({
    address,
    variables: { TOKEN: "geheim-123" },
    remote: { headers: ["Authorization: Bearer ${TOKEN}", "X-Own: 1", "Accept: text/csv"], ...remote },
  });

  test("is followed, and takes to another host nothing that may be secret", async () => {
    const other = await startServer(ends(CSV));
    const here = await startServer(moved("/b?c"), moved(`${other.url.replace("//", "//a:b@")}/signed?x`));
    expect(brief((await readAddressRows(withToken(`${here.url}/a`))).rows)).toEqual(ALL);
    expect(here.asked.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ["/a", "Bearer geheim-123"],
      ["/b?c", "Bearer geheim-123"],
    ]);
    const [asked] = other.asked;
    expect([asked?.url, asked?.headers.accept]).toEqual(["/signed?x", "text/csv"]);
    expect(asked?.headers).not.toHaveProperty("authorization");
    expect(asked?.headers).not.toHaveProperty("x-own");
  });

  test.each([
    ["in a circle", "/a", "redirected more than 5 times"],
    ["to another scheme", "file:///etc/passwd", "redirected without saying where"],
    ["to nowhere", "http://", "redirected without saying where"],
  ])("%s is refused", async (_, location, message) => {
    const { url } = await startServer(moved(location));
    expect(String((await readAddressRows(withToken(`${url}/a`))).fault)).toContain(message);
  });

  test("takes no query to another host", async () => {
    const other = await startServer(ends(CSV));
    const here = await startServer(moved(other.url, 307));
    const { fault } = await readAddressRows(withToken(here.url, { body: "select 1" }));
    expect(String(fault)).toContain("a query is not sent to another host");
    expect(other.asked).toEqual([]);
  });
});

describe("a limit of size", () => {
  test("holds for what is received, and for what comes out of it", async () => {
    const large = await startServer(ends(CSV.repeat(1_000)));
    const received = await readAddressRows({ address: large.url, remote: { maxBytes: 20_000 } });
    expect(received.fault).toMatchObject({ code: "source_too_large" });
    expect(String(received.fault)).toContain("holds more than 20000 bytes;");
    const bomb = await startServer(ends(gzipSync(BOMB)));
    const unpacked = await readAddressRows({ address: bomb.url, remote: { maxBytes: 100_000 } });
    expect(unpacked.fault).toMatchObject({ code: "source_too_large" });
    expect(String(unpacked.fault)).toContain("once it is unpacked");
    const onTheWay = await startServer(ends(gzipSync(BOMB), { "content-encoding": "gzip" }));
    expect(
      (await readAddressRows({ address: onTheWay.url, remote: { maxBytes: 100_000 } })).fault,
    ).toMatchObject({
      code: "source_too_large",
    });
  });
});

describe("a query", () => {
  const TIMES = {
    since: { typed: "1h", at: "2026-11-27T01:00:00Z" },
    until: { typed: "", at: "2026-11-27T02:00:00Z" },
  };

  test("is posted, with its times, and a type that fits", async () => {
    const { url, asked } = await startServer(ends('{"trace_id":"t1"}\n{"trace_id":"t2"}\n'));
    const body = "SELECT trace_id FROM t WHERE at >= '{{since}}' FORMAT JSONEachRow";
    const { rows, sources } = await readAddressRows({
      address: `${url}/?until={{until}}`,
      remote: { body, ...TIMES },
    });
    expect(brief(rows)).toEqual(["t1/", "t2/"]);
    expect(asked[0]).toMatchObject({
      method: "POST",
      url: "/?until=2026-11-27T02:00:00Z",
      body: body.replace("{{since}}", "2026-11-27T01:00:00Z"),
    });
    expect(asked[0]?.headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect(sources.facts[0]?.window).toBe("since 2026-11-27T01:00:00Z until 2026-11-27T02:00:00Z");
    await readAddressRows({ address: url, remote: { body: '{"a": 1}' } });
    await readAddressRows({ address: url, remote: { body: "x", contentType: "application/x-ndjson" } });
    expect(asked.slice(1).map(({ headers }) => headers["content-type"])).toEqual([
      "application/json",
      "application/x-ndjson",
    ]);
  });

  test.each([
    ["a time that is not given", { body: "{{since}}" }, "{{since}} is used, and --since is not given"],
    [
      "a time that is not used",
      { body: "x", since: TIMES.since },
      "--since is given, and nothing that is asked uses it",
    ],
    ["SQL for Postgres", { query: "select 1" }, "--query is for Postgres servers"],
    ["a secret in a header", { headers: ["X-Api-Key: hunter2"] }, "--header: X-Api-Key is written out"],
    ["no header", { headers: ["hunter2"] }, "not of the form 'Name: value'"],
    ["a header of two lines", { headers: ["A: ${LINES}"] }, "characters that no header may hold"],
  ])("is refused before anything is asked: %s", async (_, remote, message) => {
    const { url, asked } = await startServer(ends(CSV));
    const fault = await readAddressRows({ address: url, remote, variables: { LINES: "a\nb" } }).catch(
      (error: unknown) => error,
    );
    expect(String(fault)).toContain(message);
    expect(String(fault)).not.toContain("hunter2");
    expect(asked).toEqual([]);
  });
});

describe("pages", () => {
  const page = (ids: readonly string[], next: unknown) =>
    ends(JSON.stringify({ data: ids.map((id) => ({ trace_id: id })), meta: { next } }));

  test("are followed by a parameter of the address until none is named", async () => {
    const { url, asked } = await startServer(page(["t1", "t2"], "c/1"), page([], "c2"), page(["t3"], null));
    const { rows, fault } = await readAddressRows({
      address: `${url}/list?limit=2&cursor=0`,
      remote: { paging: { cursor: "meta.next", into: "query:cursor" } },
    });
    expect([brief(rows), fault]).toEqual([["t1/", "t2/", "t3/"], undefined]);
    expect(asked.map(({ url: at }) => at)).toEqual([
      "/list?limit=2&cursor=0",
      "/list?limit=2&cursor=c%2F1",
      "/list?limit=2&cursor=c2",
    ]);
  });

  test.each([
    ["c/1", "--page-cursor meta.next --page-into query:NAME"],
    ["https://example.com/2", "--page-cursor meta.next --page-into url"],
    ["/list?page=2", "--page-cursor meta.next --page-into url"],
  ])("that are not followed are a warning, with what follows them: %s", async (next, typed) => {
    const { url } = await startServer(page(["t1"], next));
    const [plan] = await inDirectory(async (directory) => {
      const sources = await openAddress(directory, { address: `${url}/list` });
      return sources.plan(new AbortController().signal);
    });
    expect(plan?.warnings).toEqual([
      `${url}/list: it is one page of several: meta.next leads to the next; it holds 1 record (${typed} reads on)`,
    ]);
  });

  test("of a search go on behind the last hit, whose values come back without loss", async () => {
    const hits = (ids: number[], sort: string) =>
      ends(
        `{"hits":{"total":{"value":3},"hits":[${ids.map((id) => `{"_source":{"trace.id":"t${id}","span.id":"s"},"sort":[${sort},"t${id}"]}`).join(",")}]}}`,
      );
    const { url, asked } = await startServer(
      hits([1, 2], "1764288000123456789"),
      hits([3], "1764288000123456790"),
      hits([], ""),
    );
    const { rows, sources } = await readAddressRows({
      address: `${url}/traces/_search`,
      remote: {
        body: '{"size": 2, "exact": 12345678901234567890, "sort": [{"at": "asc"}]}',
        paging: { cursor: "hits.hits[-1].sort", into: "body:search_after" },
      },
    });
    expect(brief(rows)).toEqual(["t1/", "t2/", "t3/"]);
    expect(asked[1]?.body).toBe(
      '{"size":2,"exact":12345678901234567890,"sort":[{"at":"asc"}],"search_after":[1764288000123456789,"t2"]}',
    );
    // Its total is more than one page holds, and all of them were read.
    expect((await sources.plan(new AbortController().signal))[0]?.warnings).toEqual([]);
  });

  test("of a table are one table, with the next one named by a header", async () => {
    const part = (body: string, next?: string) => ends(body, next === undefined ? {} : { "x-cursor": next });
    const { url, asked } = await startServer(
      part("trace_id\nt1\nt2", "a"),
      part("trace_id\nt3\n", "b"),
      part("t4\n"),
    );
    const { rows } = await readAddressRows({
      address: url,
      remote: { body: "q", paging: { cursor: "header:X-Cursor", into: "header:X-After" } },
    });
    expect(brief(rows)).toEqual(["t1/", "t2/", "t3/", "t4/"]);
    expect(asked.map(({ headers }) => headers["x-after"])).toEqual([undefined, "a", "b"]);
  });

  test("that a header Link leads to are followed where that is asked for, else a warning", async () => {
    const part = (id: string, link: string) => (response: ServerResponse) =>
      response.writeHead(200, { link }).end(`trace_id\n${id}\n`);
    const answers = [part("t1", '</2>; rel="next"'), part("t2", '</1>; rel="prev"')];
    const { url } = await startServer(...answers);
    const { rows } = await readAddressRows({
      address: url,
      remote: { paging: { cursor: "header:link", into: "url" } },
    });
    expect(brief(rows)).toEqual(["t1/", "t2/"]);
    const { url: again } = await startServer(...answers);
    const { sources } = await readAddressRows({ address: again });
    expect(sources.seen()[0]?.warnings).toEqual([
      `${again}/: it is one page of several: its header Link leads to the next (--page-cursor header:link --page-into url reads on)`,
    ]);
  });

  test("may name the whole address of the next one, on the same host", async () => {
    const { url, asked } = await startServer(
      page(["t1"], "/next?2"),
      page(["t2"], "http://elsewhere.example/3"),
    );
    const { rows, fault } = await readAddressRows({
      address: url,
      remote: { paging: { cursor: "meta.next", into: "url" } },
    });
    expect(brief(rows)).toEqual(["t1/", "t2/"]);
    expect(asked.map(({ url: at }) => at)).toEqual(["/", "/next?2"]);
    expect(fault).toMatchObject({ code: "source_refused" });
    expect(String(fault)).toContain("leads to elsewhere.example, another host");
  });

  test.each([
    ["the same one", [page(["t1"], "a"), page(["t2"], "a")], 2],
    ["one of those before", [page(["t1"], "a"), page(["t2"], "b"), page(["t3"], "a")], 3],
  ])("that lead to %s end as a fault, behind their rows", async (_, answers, count) => {
    const { url, asked } = await startServer(...answers);
    const { rows, fault } = await readAddressRows({
      address: url,
      remote: { paging: { cursor: "meta.next", into: "query:c" } },
    });
    expect(rows).toHaveLength(count);
    expect(asked).toHaveLength(count);
    expect(String(fault)).toContain('leads to one that was asked for before: "a"');
  });

  test("that are no JSON, or fail, end as a fault behind the rows before", async () => {
    const paging = { cursor: "meta.next", into: "query:c" };
    const broken = await startServer(page(["t1"], "a"), ends("trace_id\nt2\n"));
    const first = await readAddressRows({ address: broken.url, remote: { paging } });
    expect([brief(first.rows), String(first.fault)]).toEqual([
      ["t1/"],
      expect.stringContaining("page 2 is not one JSON document"),
    ]);
    const failing = await startServer(page(["t1"], "a"), (response) => response.writeHead(500).end("no"));
    const second = await readAddressRows({ address: failing.url, remote: { paging } });
    expect([brief(second.rows), String(second.fault)]).toEqual([
      ["t1/"],
      expect.stringContaining('answered 500: "no"'),
    ]);
  });

  test.each([
    [{ cursor: "a[", into: "query:c" }, "--page-cursor"],
    [{ cursor: "a", into: "cookie:c" }, "--page-into"],
    [{ cursor: "a", into: "body:" }, "--page-into"],
  ])("with places that there are not are refused: %j", async (paging, flag) => {
    await expect(
      readAddressRows({ address: "http://127.0.0.1:1/", remote: { paging } }),
    ).rejects.toMatchObject({
      code: "wrong_usage",
      message: expect.stringContaining(flag) as unknown,
    });
  });
});

describe("a proxy", () => {
  const address = "https://traces.example/a.csv";

  test("that wants a password, or lets nothing through, is named without the one that it was given", async () => {
    for (const [status, next] of [
      [407, /HTTPS_PROXY=/],
      [502, /NO_PROXY/],
    ] as const) {
      const { port } = await startRawServer(({ socket }) => void socket.end(httpAnswer(status, "no")));
      const { fault } = await readAddressRows({ address, proxy: `http://me:hunter2@127.0.0.1:${port}` });
      expect(fault).toMatchObject({
        code: "source_unreadable",
        next: expect.stringMatching(next) as unknown,
      });
      expect(String(fault)).toContain(
        `${address}: the proxy 127.0.0.1:${port} answered ${status} instead of opening a tunnel`,
      );
    }
  });

  test("that is not there, or is none, is told", async () => {
    const away = await readAddressRows({ address, proxy: "http://me:hunter2@127.0.0.1:1" });
    expect(String(away.fault)).toContain("traces.example, through the proxy 127.0.0.1:1: connection refused");
    const none = await readAddressRows({ address, proxy: "socks5://me:hunter2@127.0.0.1:1" });
    expect(none.fault).toMatchObject({
      code: "config_invalid",
      message: `the proxy of ${address} has no http or https URL`,
    });
  });
});

test("a proxy is asked where one is set", async () => {
  const proxy = await startRawServer(
    ({ socket }) => void socket.end(httpAnswer(200, CSV, ["connection: close"])),
  );
  const { rows } = await readAddressRows({
    address: "http://traces.example/a.csv",
    proxy: `http://127.0.0.1:${proxy.port}`,
  });
  expect(brief(rows)).toEqual(ALL);
  expect(proxy.requests[0]?.head.split("\r\n")[0]).toBe("GET http://traces.example/a.csv HTTP/1.1");
});
