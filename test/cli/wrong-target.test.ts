/** A wrong key, a wrong address: known before the store is opened and before anything is sent. */
import { once } from "node:events";
import { access } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { csvOf, rowIds } from "../support/row-files.ts";
import { startTestSandbox } from "../support/sandbox.ts";
import { openScene, type Scene } from "../support/scene.ts";
import type { Ended } from "../support/traceload.ts";

const KEY = "pl_rightKeyForThisWorkspace";

async function importTo(scene: Scene, baseUrl: string, key: string | undefined): Promise<Ended> {
  const file = await scene.write("rows.csv", csvOf(rowIds(5)));
  return scene.run(["import", file, "-g", "42", "--base-url", baseUrl], {
    env: { PROMPTLAYER_API_KEY: key },
  });
}

/** Exit 3, a message, what to do, and no trace of an import. */
async function expectStop(scene: Scene, ended: Ended, says: readonly string[]): Promise<void> {
  expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 3, stdout: "" });
  for (const text of says) expect(ended.stderr).toContain(text);
  expect(ended.stderr).toContain("next: ");
  await expect(access(path.join(scene.directory, ".traceload"))).rejects.toThrow("ENOENT");
}

describe("before anything is opened or sent, exit 3 and what to do", () => {
  test("for a key that the API refuses", async () => {
    const scene = await openScene("wrong-key");
    const sandbox = await startTestSandbox(scene, ["--key", KEY]);
    const ended = await importTo(scene, sandbox.url, "pl_anotherKey");
    await expectStop(scene, ended, ["refused the API key", "PROMPTLAYER_API_KEY"]);
    expect((await sandbox.stats()).requests["add-trace"]).toBeUndefined();
  }, 30_000);

  test("for no key at all", async () => {
    const scene = await openScene("no-key");
    const ended = await importTo(scene, "http://127.0.0.1:1", undefined);
    await expectStop(scene, ended, ["PROMPTLAYER_API_KEY is not set", "--sandbox"]);
  }, 30_000);

  test("for an address where nobody listens", async () => {
    const scene = await openScene("refused-port");
    const ended = await importTo(scene, "http://127.0.0.1:1", KEY);
    await expectStop(scene, ended, ["http://127.0.0.1:1"]);
  }, 30_000);

  test("for a host that does not exist", async () => {
    const scene = await openScene("no-host");
    const ended = await importTo(scene, "http://nowhere.invalid", KEY);
    await expectStop(scene, ended, ["nowhere.invalid"]);
  }, 30_000);

  test("for a server that answers with pages", async () => {
    const scene = await openScene("html");
    const server = createServer((_request, response) => {
      response.setHeader("content-type", "text/html").end("<html><body>Welcome to nginx!</body></html>");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    scene.atEnd(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expectStop(scene, await importTo(scene, url, KEY), [url, "--base-url"]);
  }, 30_000);

  test("for a path that is not the API's", async () => {
    const scene = await openScene("wrong-path");
    const sandbox = await startTestSandbox(scene);
    const ended = await importTo(scene, `${sandbox.url}/somewhere`, KEY);
    await expectStop(scene, ended, [`${sandbox.url}/somewhere`, "--base-url"]);
  }, 30_000);
});
