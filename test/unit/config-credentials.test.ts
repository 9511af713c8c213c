/** The API key and the proxy: where they are read from, and that no message repeats them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keyFingerprint, readApiKey, readProxy } from "../../config/credentials.ts";
import { TraceloadError } from "../../src/core/errors.ts";
import { proxyFor } from "../../src/wire/proxy.ts";

const KEY = "pl_0123456789abcdef";
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "traceload-key-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

describe("the API key", () => {
  test("comes from the environment, without the white space around it", () => {
    expect(readApiKey({ PROMPTLAYER_API_KEY: ` ${KEY}\n` })).toBe(KEY);
  });

  test("comes from a file that the environment names, without its line break", () => {
    expect(readApiKey({ PROMPTLAYER_API_KEY_FILE: file("key", `${KEY}\r\n`) })).toBe(KEY);
  });

  test("of the environment goes before the file's", () => {
    const environment = { PROMPTLAYER_API_KEY: KEY, PROMPTLAYER_API_KEY_FILE: "/nowhere" };
    expect(readApiKey(environment)).toBe(KEY);
  });

  test.each([
    ["is not set", {}, /PROMPTLAYER_API_KEY is not set/],
    ["is blank", { PROMPTLAYER_API_KEY: "  " }, /PROMPTLAYER_API_KEY is not set/],
    ["is in no file", { PROMPTLAYER_API_KEY_FILE: "/nowhere/key" }, /cannot read \/nowhere\/key \(ENOENT\)/],
  ])("that %s is missed, with the way out", (_, environment, message) => {
    expect(() => readApiKey(environment)).toThrow(message);
    try {
      readApiKey(environment);
    } catch (error) {
      expect(error).toBeInstanceOf(TraceloadError);
      expect(error).toMatchObject({ code: "key_missing", next: expect.stringContaining("--sandbox") });
    }
  });

  test("of an empty file is missed", () => {
    const path = file("empty", "\n");
    expect(() => readApiKey({ PROMPTLAYER_API_KEY_FILE: path })).toThrow(`${path} is empty`);
  });

  test("has a fingerprint that tells keys apart and holds no part of them", () => {
    expect(keyFingerprint(KEY)).toMatch(/^[0-9a-f]{12}$/);
    expect(keyFingerprint(KEY)).not.toBe(keyFingerprint(`${KEY}0`));
    expect(KEY).not.toContain(keyFingerprint(KEY));
  });
});

describe("the proxy", () => {
  const proxies = { HTTPS_PROXY: "http://p:1", http_proxy: "http://p:2" };

  test("is the one for the base URL's scheme, in either case of the variable", () => {
    expect(proxyFor("https://api.test", readProxy(proxies))).toBe("http://p:1");
    expect(proxyFor("http://api.test", readProxy(proxies))).toBe("http://p:2");
    expect(proxyFor("https://api.test", readProxy({}))).toBeUndefined();
    expect(proxyFor("no url", readProxy(proxies))).toBeUndefined();
    // As curl takes it.
    expect(proxyFor("https://api.test", readProxy({ HTTPS_PROXY: "me:pw@p:1" }))).toBe("http://me:pw@p:1");
  });

  test.each([
    ["api.test", true],
    ["test", true],
    [".test", true],
    ["*.test", true],
    ["*", true],
    ["API.TEST:8443", true],
    ["other, api.test", true],
    ["api.test:443", false],
    ["pi.test", false],
    ["", false],
  ])("is left out where NO_PROXY says %j: %s", (noProxy, leftOut) => {
    const settings = readProxy({ ...proxies, NO_PROXY: noProxy });
    expect(proxyFor("https://api.test:8443/v1", settings)).toBe(leftOut ? undefined : "http://p:1");
  });
});
