/** What a worker says of itself over HTTP, and when. */
import { request } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { startHealthServer, type HealthServer, type Readiness } from "../../src/cli/health-server.ts";
import { makeReadiness } from "../../src/cli/readiness.ts";
import { fakeClock, settle } from "../support/fake-clock.ts";

let open: HealthServer[] = [];
afterEach(async () => {
  await Promise.all(open.map((server) => server.close()));
  open = [];
});

async function start(readiness: () => Promise<Readiness> = async () => "ready"): Promise<HealthServer> {
  const server = await startHealthServer({ host: "127.0.0.1", port: 0, readiness });
  open.push(server);
  return server;
}

function ask(url: string, method = "GET"): Promise<{ code: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    request(url, { method, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => resolve({ code: response.statusCode, body }));
    })
      .on("error", reject)
      .end();
  });
}

const says = (code: number, status: string) => ({ code, body: `${JSON.stringify({ status })}\n` });

describe("the endpoint", () => {
  test("lives whatever its readiness is, and is ready only when it is", async () => {
    let status: Readiness = "starting";
    const { url } = await start(async () => status);
    for (status of ["starting", "draining", "store-unreachable"] as const) {
      expect(await ask(`${url}/ready`)).toEqual(says(503, status));
      expect(await ask(`${url}/live`)).toEqual(says(200, "live"));
    }
    status = "ready";
    expect(await ask(`${url}/ready?probe=1`)).toEqual(says(200, "ready"));
    expect(await ask(`${url}/ready`, "HEAD")).toEqual({ code: 200, body: "" });
  });

  test("is not ready, and lives on, when the question fails", async () => {
    const { url } = await start(() => Promise.reject(new Error("no")));
    expect((await ask(`${url}/ready`)).code).toBe(503);
    expect((await ask(`${url}/live`)).code).toBe(200);
  });

  test("knows nothing else", async () => {
    const { url } = await start();
    for (const path of ["/", "/metrics", "/live/", "/readyish"])
      expect((await ask(url + path)).code).toBe(404);
    for (const method of ["POST", "DELETE"]) expect((await ask(`${url}/live`, method)).code).toBe(405);
  });

  test("says what to do when its port is taken", async () => {
    const { url } = await start();
    const port = Number(new URL(url).port);
    await expect(
      startHealthServer({ host: "127.0.0.1", port, readiness: async () => "ready" }),
    ).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });
});

describe("a worker is", () => {
  test("starting until it serves, then ready, and draining once it is told to stop", async () => {
    const stop = new AbortController();
    const readiness = makeReadiness(fakeClock(), stop.signal);
    expect(await readiness.now()).toBe("starting");
    readiness.serving({ now: async () => 1 });
    expect(await readiness.now()).toBe("ready");
    stop.abort();
    expect(await readiness.now()).toBe("draining");
  });

  test("without its store while that does not answer, which is asked once and not by every probe", async () => {
    const clock = fakeClock();
    const readiness = makeReadiness(clock, new AbortController().signal);
    let answer = Promise.withResolvers<number>();
    let asked = 0;
    readiness.serving({
      now: () => {
        asked += 1;
        return answer.promise;
      },
    });
    for (let probe = 0; probe < 3; probe += 1) {
      expect(await clock.advanceUntil(readiness.now())).toBe("store-unreachable");
    }
    expect(asked).toBe(1);
    answer.resolve(1);
    await settle();
    answer = Promise.withResolvers();
    answer.resolve(1);
    expect(await readiness.now()).toBe("ready");
    readiness.serving({ now: () => Promise.reject(new Error("closed")) });
    expect(await readiness.now()).toBe("store-unreachable");
    expect(clock.sleeping()).toBe(0);
  });
});
