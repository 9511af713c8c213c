/** Addresses: told from files, expanded from the environment, refused with a secret in plain sight, shown without any. */
import { describe, expect, test } from "vitest";
import { isAddress, readAddress } from "../../src/sources/remote/address.ts";
import { Secrets } from "../../src/sources/remote/secrets.ts";
import { insertTimes, timesIn } from "../../src/sources/remote/time-window.ts";

const VARIABLES = {
  TOKEN: "t0ken/+&",
  PASSWORD: "p@ss:/?#w ö",
  HOST: "db.example.com",
  DATABASE_URL: "postgres://me:secret-1@db.example.com:6432/obs?sslmode=require",
  SIGNED: "https://bucket.example.com/secret-path/a.csv?X-Amz-Signature=abcdef",
  EMPTY: "",
  WORD: "word",
  S3: "s3://bucket/key",
};

const read = (template: string) => readAddress(template, new Secrets(VARIABLES));

test.each([
  ["https://example.com/a.csv", true],
  ["HTTP://example.com", true],
  ["postgres://db/x", true],
  ["${DATABASE_URL}", true],
  ["s3://bucket/key", true],
  ["a.csv", false],
  ["C:/a.csv", false],
  ["./${X}", false],
  ["-", false],
  ["exports/*.csv", false],
])("an address is told from a file: %s", (input, expected) => {
  expect(isAddress(input)).toBe(expected);
});

describe("what is asked, and what is shown of it", () => {
  test.each([
    ["https://example.com/a.csv?x=1", "https://example.com/a.csv?x=1", "https://example.com/a.csv?…"],
    ["https://example.com", "https://example.com/", "https://example.com/"],
    [
      "https://example.com/${TOKEN}/a?k=${TOKEN}",
      "https://example.com/t0ken/%2B%26/a?k=t0ken%2F%2B%26",
      "https://example.com/${TOKEN}/a?…",
    ],
    ["${SIGNED}", VARIABLES.SIGNED, "https://bucket.example.com/…?…"],
    ["${DATABASE_URL}", VARIABLES.DATABASE_URL, "postgres://db.example.com:6432/obs"],
    ["postgres://me@${HOST}/obs", "postgres://me@db.example.com/obs", "postgres://db.example.com/obs"],
    ["https://x/?page_token=1", "https://x/?page_token=1", "https://x/?…"],
  ])("%s", (template, href, shown) => {
    const address = read(template);
    expect([address.url.href, address.shown]).toEqual([href, shown]);
  });

  test("a password may hold any character", () => {
    const { url } = read("postgres://me:${PASSWORD}@db/obs");
    expect([url.username, decodeURIComponent(url.password), url.host]).toEqual([
      "me",
      VARIABLES.PASSWORD,
      "db",
    ]);
  });
});

test.each([
  ["postgres://me:hunter2@db/obs", "a password"],
  ["https://me:hunter2@example.com/", "a password"],
  ["https://me:hunter2${TOKEN}@example.com/", "a password"],
  ["https://hunter2@example.com/", "a name or token"],
  ["https://example.com/?X-Amz-Signature=hunter2", "a secret (X-Amz-Signature)"],
  ["https://example.com/?a=1&api_key=hunter2", "a secret (api_key)"],
  ["https://example.com/?accessToken=hunter2", "a secret (accessToken)"],
  ["postgres://db/obs?password=hunter2", "a secret (password)"],
])("a secret that is written out is refused, and not repeated: %s", (template, what) => {
  const fault = (() => {
    try {
      return read(template);
    } catch (error) {
      return error;
    }
  })();
  expect(fault).toMatchObject({ code: "wrong_usage" });
  expect(String(fault)).toContain(what);
  expect(JSON.stringify([String(fault), fault])).not.toContain("hunter2");
});

test.each([
  ["https://${MISSING}/", "the variable MISSING is not set"],
  ["${EMPTY}", "the variable EMPTY is not set"],
  ["${WORD}", "what ${WORD} holds is no address"],
  ["${S3}", "${S3} holds a s3:// address, which is not read"],
  ["ftp://example.com/a", "that is a ftp:// address, which is not read"],
  ["https://", "the source's address is no address"],
])("what cannot be asked is refused: %s", (template, message) => {
  expect(() => read(template)).toThrow(message);
});

test("what comes back from a server is shown without what was put in", () => {
  const secrets = new Secrets(VARIABLES);
  readAddress("https://example.com/?k=${TOKEN}", secrets);
  expect(secrets.redact("no such key t0ken/+& (t0ken%2F%2B%26)")).toBe("no such key ${TOKEN} (${TOKEN})");
});

test("times stand in texts as digits, and other braces are left alone", () => {
  const window = {
    since: { typed: "1h", at: "2026-11-27T01:00:00.000Z" },
    until: { typed: "", at: "2026-11-27T02:00:00Z" },
  };
  const text = "{{since}} {{ until }} {{since_ms}} {{until_seconds}} {{other}} {since} {{since_days}}";
  expect(insertTimes(text, window)).toBe(
    "2026-11-27T01:00:00.000Z 2026-11-27T02:00:00Z 1795741200000 1795744800 {{other}} {since} {{since_days}}",
  );
  expect([...timesIn(text)]).toEqual(["since", "until"]);
});
