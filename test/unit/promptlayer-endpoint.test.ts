import { describe, expect, test } from "vitest";
import { TraceloadError } from "../../src/core/errors.ts";
import { readEndpoint } from "../../src/promptlayer/endpoint.ts";

const KEY = "pl_0123456789abcdef";

function faultOf(settings: { baseUrl?: string; apiKey?: string; proxy?: string }): TraceloadError {
  try {
    readEndpoint({ baseUrl: "https://api.promptlayer.com", apiKey: KEY, ...settings });
  } catch (error) {
    if (error instanceof TraceloadError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("the base URL", () => {
  test.each([
    ["https://api.promptlayer.com", ""],
    ["https://api.promptlayer.com/", ""],
    ["https://api.promptlayer.com/gateway/", "/gateway"],
    ["http://127.0.0.1:8080/a/b//", "/a/b"],
  ])("%s puts %j before the API's paths", (baseUrl, pathPrefix) => {
    expect(readEndpoint({ baseUrl, apiKey: KEY }).pathPrefix).toBe(pathPrefix);
  });

  test.each(["", "api.promptlayer.com", "ftp://api.promptlayer.com", "https://", "http://a b/"])(
    "%j is refused",
    (baseUrl) => {
      expect(faultOf({ baseUrl }).code).toBe("config_invalid");
    },
  );

  test("with a user and a password is refused without showing them", () => {
    const fault = faultOf({ baseUrl: "https://user:hunter2@api.promptlayer.com" });
    expect(fault.code).toBe("config_invalid");
    expect(`${fault.message} ${fault.next}`).not.toMatch(/user:|hunter2/u);
  });

  test.each(["https://a.example/?x=1", "https://a.example/#x"])("%s is refused", (baseUrl) => {
    expect(faultOf({ baseUrl }).code).toBe("config_invalid");
  });
});

describe("the proxy's URL", () => {
  test.each(["", undefined])("%j means none", (proxy) => {
    expect(readEndpoint({ baseUrl: "https://a.example", apiKey: KEY, proxy }).proxy).toBeUndefined();
  });

  test("that cannot be read is refused without showing its password", () => {
    const fault = faultOf({ proxy: "socks5://user:hunter2@proxy.example" });
    expect(fault.code).toBe("config_invalid");
    expect(`${fault.message} ${fault.next}`).not.toContain("hunter2");
  });
});

describe("the key", () => {
  test("may have blanks and a line break around it", () => {
    expect(readEndpoint({ baseUrl: "https://a.example", apiKey: ` ${KEY}\r\n` }).apiKey).toBe(KEY);
  });

  test.each(["", " \n"])("%j is missing", (apiKey) => {
    expect(faultOf({ apiKey })).toMatchObject({ code: "key_missing", exitCode: 3 });
  });

  test.each(["pl_abc\r\nx-evil: 1", "pl_abc def", "pl_äbc", "pl_abc\u0000", 'pl_"abc"', "pl_\u200Babc"])(
    "%j cannot stand in a header, and is not shown",
    (apiKey) => {
      const fault = faultOf({ apiKey });
      expect(fault.code).toBe("config_invalid");
      expect(`${fault.message} ${fault.next}`).not.toMatch(/pl_|abc|evil/u);
    },
  );
});
