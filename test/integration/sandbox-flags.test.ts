/** The flags of `traceload sandbox`. */
import { describe, expect, test } from "vitest";
import { parseSandboxFlags, type SandboxFlags } from "../../src/sandbox/settings.ts";

test("no flags set nothing", () => {
  expect(parseSandboxFlags({})).toEqual({});
});

test("each flag becomes its option", () => {
  const { missingTrace, missingSpan, ...options } = parseSandboxFlags({
    port: "8080",
    rows: "opaque",
    latency: "10ms..1.5s",
    rateLimit: "600/m",
    faults: "5%",
    seed: 7,
    fault: ["429-retry-after:2@3", "apply-late:500@trace=a@b", "close-after-apply@2..4", "hang@span=s"],
    seedRows: 10,
    seedRate: "100/s",
    record: "record.ndjson",
    missing: ["missing-", "gone-"],
    key: "good",
  });
  expect(options).toEqual({
    port: 8080,
    rows: "opaque",
    latencyMs: [10, 1500],
    rateLimitPerSecond: 10,
    faultRate: 0.05,
    seed: 7,
    script: [
      { fault: "429-retry-after:2", nth: 3 },
      { fault: "apply-late:500", traceId: "a@b" },
      { fault: "close-after-apply", nth: [2, 4] },
      { fault: "hang", spanId: "s" },
    ],
    seedRows: 10,
    seedRowsPerSecond: 100,
    recordFile: "record.ndjson",
    keys: ["good"],
  });
  expect(["missing-1", "gone-2", "t-missing-"].map((id) => missingTrace?.(id))).toEqual([true, true, false]);
  expect([missingSpan?.("t1", "gone-1"), missingSpan?.("gone-1", "s1")]).toEqual([true, false]);
});

test("a group without a version is written as none", () => {
  expect(parseSandboxFlags({ seedRows: "none" })).toEqual({ seedRows: null });
});

describe("a flag that makes no sense is wrong usage, with its name and value", () => {
  test.each<[SandboxFlags, string]>([
    [{ port: "x" }, '--port "x"'],
    [{ port: 70_000 }, "--port 70000"],
    [{ rows: "some" as "ids" }, '--rows "some"'],
    [{ latency: "20" }, '--latency "20"'],
    [{ latency: "5s..1s" }, '--latency "5s..1s"'],
    [{ rateLimit: "0/s" }, '--rate-limit "0/s"'],
    [{ faults: "200%" }, '--faults "200%"'],
    [{ fault: ["500@1", "429"] }, '--fault "429"'],
    [{ fault: "explode@3" }, '--fault "explode@3"'],
    [{ fault: "429@0" }, '--fault "429@0"'],
    [{ fault: "429@5..2" }, '--fault "429@5..2"'],
    [{ seedRows: -1 }, "--seed-rows -1"],
  ])("%j", (flags, start) => {
    expect(() => parseSandboxFlags(flags)).toThrow(
      expect.objectContaining({ code: "wrong_usage", message: expect.stringContaining(start) }),
    );
  });
});
