import { describe, expect, test } from "vitest";
import { INVALID_ROW_CODES } from "../../src/sources/row-problems.ts";
import { brief, readFileOf } from "../support/source-reading.ts";

describe("invalid rows", () => {
  test.each([
    ["missing_trace_id", ",s1", "trace_id is empty"],
    ["missing_trace_id", "-,s1", 'trace_id is "-"'],
    ["missing_trace_id", "NULL,s1", 'trace_id is "NULL"'],
    ["missing_trace_id", "\\N,s1", 'trace_id is "\\\\N"'],
    ["missing_trace_id", `${"0".repeat(32)},s1`, `trace_id is "${"0".repeat(32)}"`],
    ["missing_trace_id", "00000000-0000-0000-0000-000000000000,s1", "trace_id is"],
    ["excel_damage", "1.07E+18,s1", 'trace_id "1.07E+18" is a rounded number'],
    ["excel_damage", '"1,07E+18",s1', "rounded number"],
    ["excel_damage", "t1,4E+15", 'span_id "4E+15"'],
    ["id_too_long", `${"a".repeat(513)},s1`, "is 513 characters long"],
    ["id_too_long", `t1,${"a".repeat(2000)}`, "is 2000 characters long"],
    ["id_control_characters", '"a\nb",s1', 'trace_id "a\\nb" holds'],
    ["id_control_characters", "t1,a\u0000b", 'span_id "a\\u0000b" holds'],
  ])("%s: %j", async (code, line, message) => {
    const { rows } = await readFileOf(`trace_id,span_id\n${line}\nt2,s2\n`);
    expect(rows[0]).toMatchObject({
      line: 2,
      invalid: { code, message: expect.stringContaining(message) as string },
    });
    expect(brief(rows.slice(1))).toEqual(["t2/s2"]);
    expect(Object.keys(INVALID_ROW_CODES)).toContain(code);
  });

  test("halves of characters are no part of an ID", async () => {
    const { rows } = await readFileOf('{"trace_id":"a\\ud800"}\n');
    expect(brief(rows)).toEqual(["1:id_control_characters"]);
  });

  test("keep their texts, cut where these are far too long", async () => {
    const { rows } = await readFileOf(`trace_id,span_id\n${"a".repeat(5000)},s1\n-,s2\n`);
    expect(rows[0]?.traceId).toHaveLength(1001);
    expect(rows[1]).toMatchObject({ traceId: "-", spanId: "s2", datasetGroupId: "42" });
  });

  test("IDs of every usual shape are good, and stay as they are written", async () => {
    const ids = [
      "4BF92F3577B34DA6A3CE929D0E0E4736",
      "1-58406520-a006649127e371903a2de979",
      "NDc0OGI5ZjM1NzdiMzRkYQ==",
      "-5081234567890123456",
      "12e45678",
      "1234567890123456",
      "tr-1",
      "a",
      "空間",
      "0".repeat(31) + "1",
      "x".repeat(512),
    ];
    const { rows } = await readFileOf(ids.map((id) => JSON.stringify({ trace_id: id })).join("\n"));
    expect(brief(rows)).toEqual(ids.map((id) => `${id}/`));
  });
});

describe("IDs in the form of another system", () => {
  const HEX = "0af7651916cd43dd8448eb211c80319c";
  const asRead = async (ids: readonly string[], options = {}) => {
    const text = ids.map((id) => JSON.stringify({ trace_id: id })).join("\n");
    const { rows } = await readFileOf(text, options);
    return rows.map(({ traceId }) => traceId);
  };

  test("lose the prefix before hex, and all of a resource's name but its last part", async () => {
    const ids = [`0x${HEX}`, `\\x${HEX}`, `projects/p/traces/${HEX}`, "0xyz12345678", "projects/p/logs/x"];
    expect(await asRead(ids)).toEqual([HEX, HEX, HEX, "0xyz12345678", "projects/p/logs/x"]);
  });

  test("get their zeros back with --pad-ids, if they are hex and too short", async () => {
    const ids = [HEX.slice(1), "abc", "1234567890abcdef", HEX, "not-hex"];
    expect(await asRead(ids)).toEqual(ids);
    expect(await asRead(ids, { padIds: true })).toEqual([
      HEX,
      "0000000000000abc",
      "1234567890abcdef",
      HEX,
      "not-hex",
    ]);
  });
});

describe("dataset groups", () => {
  test("a row's own group goes before the given one", async () => {
    const { rows } = await readFileOf("trace_id,dataset_group_id\nt1,7\nt2,\nt3,null\n", {
      datasetGroupId: 9,
    });
    expect(rows.map(({ datasetGroupId }) => datasetGroupId)).toEqual(["7", "9", "9"]);
  });

  test("no group at all is an invalid row", async () => {
    const text = "trace_id,datasetGroupId\nt1,7\nt2,\n";
    expect(brief((await readFileOf(text, { datasetGroupId: undefined })).rows)).toEqual([
      "t1/",
      "3:missing_dataset_group",
    ]);
  });

  test.each(["-1", "1.5", "abc", "9007199254740992", "1e3", "0x10"])("%s is no group", async (group) => {
    const { rows } = await readFileOf(`trace_id,dataset_group_id\nt1,${group}\n`);
    expect(brief(rows)).toEqual(["2:invalid_dataset_group"]);
    expect(rows[0]?.datasetGroupId).toBe(group);
  });

  test("columns of foreign datasets are no groups", async () => {
    const { rows } = await readFileOf("trace_id,dataset_id,datasetId\nt1,5,6\n", { datasetGroupId: 9 });
    expect(rows[0]?.datasetGroupId).toBe("9");
  });
});

describe("unit", () => {
  const text = "trace_id,span_id\nt1,s1\nt2,\nt3,0000000000000000\n";

  test("auto takes a span where there is one", async () => {
    expect(brief((await readFileOf(text)).rows)).toEqual(["t1/s1", "t2/", "t3/"]);
  });

  test("trace leaves spans out, one row a record", async () => {
    expect(brief((await readFileOf(text, { unit: "trace" })).rows)).toEqual(["t1/", "t2/", "t3/"]);
    expect(brief((await readFileOf('{"trace_id":"t1","span_id":["x"]}\n', { unit: "trace" })).rows)).toEqual([
      "t1/",
    ]);
  });

  test("span wants one in every row", async () => {
    const { rows } = await readFileOf(text, { unit: "span" });
    expect(brief(rows)).toEqual(["t1/s1", "3:missing_span_id", "4:missing_span_id"]);
    expect((await readFileOf("trace_id\nt1\n", { unit: "span" })).fault).toMatchObject({
      code: "source_columns",
    });
  });
});

describe("skip and limit", () => {
  const text = "trace_id\nt1\n-\nt3\nt4\n";

  test("skip leaves records out at the start, bad ones included", async () => {
    expect(brief((await readFileOf(text, { skip: 2 })).rows)).toEqual(["t3/", "t4/"]);
    expect(brief((await readFileOf(text, { skip: 9 })).rows)).toEqual([]);
  });

  test("limit ends the reading, and nothing behind it is looked at", async () => {
    const { rows, fault } = await readFileOf(`[{"trace_id":"t1"},{"trace_id":"t2"},{"trace_id":"t3"} oops`, {
      skip: 1,
      limit: 1,
    });
    expect(brief(rows)).toEqual(["t2/"]);
    expect(fault).toBeUndefined();
  });
});
