import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileConditions, type Judgement } from "../../src/sources/conditions.ts";
import { isoNanoseconds } from "../../src/core/iso-time.ts";

async function judge(text: string, value: unknown): Promise<Judgement | undefined> {
  const [condition] = await compileConditions([text]);
  return condition?.judge(value);
}

describe("a condition", () => {
  test.each<[string, unknown, Judgement]>([
    ["a=x", "x", "holds"],
    ["a=x", " x ", "holds"],
    ["a = x", "x", "holds"],
    ["a=x", "X", "fails"],
    ["a=x=y", "x=y", "holds"],
    ["a!=x", "y", "holds"],
    ["a=1", 1, "holds"],
    ["a=1", "1.0", "holds"],
    ["a=007", "7", "fails"],
    ["a=true", true, "holds"],
    ["a=9007199254740993", "9007199254740992", "fails"],
    ["a>9", 10, "holds"],
    ["a>9", "10", "holds"],
    ["a>=10", "10", "holds"],
    ["a<-1.5", "-2", "holds"],
    ["a<=1", "2", "fails"],
    ["a>5", "n/a", "fails"],
    ["a<5", "n/a", "fails"],
    ["a>b", "c", "holds"],
    ["a>2026-01-01", "2026-01-01T00:00:00.000000001Z", "holds"],
    ["a<2026-01-01T12:00:00+02:00", "2026-01-01 09:59:59 UTC", "holds"],
    ["a=2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "holds"],
    ["a~^GET ", "GET /x", "holds"],
    ["a~(?i)get", "GET /x", "holds"],
    ["a~^$", "x", "fails"],
    ["a=x", ["y", "x"], "holds"],
    ["a!=x", ["y", "x"], "fails"],
    ["a!=x", ["y", "z"], "holds"],
    ["a=x", { x: 1 }, "fails"],
    ["a=", "", "holds"],
    ["a=", undefined, "holds"],
    ["a=", null, "holds"],
    ["a=", "x", "fails"],
    ["a!=", "x", "holds"],
    ["a!=", {}, "holds"],
    ["a!=", [], "fails"],
    ["a!=x", undefined, "lacks"],
    ["a!=x", "", "lacks"],
    ["a~^$", null, "lacks"],
    ["a<1", [], "lacks"],
  ])("%s of %j %s", async (text, value, judgement) => {
    expect(await judge(text, value)).toBe(judgement);
  });

  test("finds its operator behind brackets", async () => {
    const [condition] = await compileConditions(['a["x=y<z"].b>=3']);
    expect([condition?.field.name, condition?.operator, condition?.value]).toEqual([
      'a["x=y<z"].b',
      ">=",
      "3",
    ]);
  });

  test.each(["a", "=x", "a..b=1", "a~(", String.raw`a~(x)\1`, "a~(?=x)", `a~${"x".repeat(1001)}`])(
    "%s is refused with the condition's name",
    async (text) => {
      await expect(judge(text, "x")).rejects.toMatchObject({
        code: "wrong_usage",
        message: expect.stringContaining(`--where ${JSON.stringify(text)}`) as string,
      });
    },
  );

  test("with a pattern that would take for ever elsewhere is judged at once", async () => {
    const long = "a".repeat(100_000);
    expect(await judge("a~^(a+)+$", `${long}!`)).toBe("fails");
    expect(await judge("a~(.*a){20}b", long)).toBe("fails");
  });

  test("orders numbers and times as they are, whatever they look like", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer(), async (one, other) => {
        expect(await judge(`a<${other}`, String(one))).toBe(one < other ? "holds" : "fails");
        expect(await judge(`a!=${other}`, one)).toBe(one === other ? "fails" : "holds");
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-01-01") }),
        fc.integer({ min: -12, max: 14 }),
        async (date, hours) => {
          const zone = `${hours < 0 ? "-" : "+"}${String(Math.abs(hours)).padStart(2, "0")}:00`;
          const there = new Date(date.getTime() + hours * 3_600_000).toISOString().replace("Z", zone);
          expect(await judge(`a=${date.toISOString()}`, there)).toBe("holds");
        },
      ),
    );
  });
});

test("times that are none are texts", () => {
  for (const text of ["2026", "2026-13-01", "2026-01-01T25:00", "x2026-01-01", "2026-01-01T", ""])
    expect(isoNanoseconds(text), text).toBeUndefined();
});
