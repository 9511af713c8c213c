/** `:since` and `:until` in SQL: what is a parameter, what is not, and where a place in what is sent was written. */
import { describe, expect, test } from "vitest";
import { parameterize } from "../../src/sources/remote/sql-parameters.ts";

describe("parameters", () => {
  test.each([
    ["select 1", "select 1", []],
    ["where at >= :since", "where at >= $1::timestamptz", ["since"]],
    [
      "where at < :until and at >= :since",
      "where at < $1::timestamptz and at >= $2::timestamptz",
      ["until", "since"],
    ],
    ["(:since,:since)", "($1::timestamptz,$1::timestamptz)", ["since"]],
    ["at > :since::date", "at > $1::timestamptz::date", ["since"]],
    [":since", "$1::timestamptz", ["since"]],
    ["at > '1'::since", "at > '1'::since", []],
    ["':since'", "':since'", []],
    ["'it''s :since'", "'it''s :since'", []],
    [String.raw`E'\':since' :since`, String.raw`E'\':since' $1::timestamptz`, ["since"]],
    [String.raw`'\' :since`, String.raw`'\' $1::timestamptz`, ["since"]],
    ['":since" :until', '":since" $1::timestamptz', ["until"]],
    ["$$:since$$ $a$ :since $$ $a$ :since", "$$:since$$ $a$ :since $$ $a$ $1::timestamptz", ["since"]],
    ["a$b$:since", "a$b$$1::timestamptz", ["since"]],
    ["-- :since\n:until", "-- :since\n$1::timestamptz", ["until"]],
    ["/* /* :since */ :since */ :until", "/* /* :since */ :since */ $1::timestamptz", ["until"]],
    [":since_at :sincerely :untilx :SINCE", ":since_at :sincerely :untilx :SINCE", []],
    ["'open :since", "'open :since", []],
    ["/* open :since", "/* open :since", []],
    ["$x$ open :since", "$x$ open :since", []],
    ["tags[1:2] :other", "tags[1:2] :other", []],
  ])("%j", (written, text, parameters) => {
    const sql = parameterize(written);
    expect([sql.text, sql.parameters]).toEqual([text, parameters]);
  });

  test("keep the place of everything behind them", () => {
    const written = "select a from t where x >= :since and nope = 1 and y < :until and gone";
    const sql = parameterize(written);
    for (const word of ["select", "nope", "gone"]) {
      expect(sql.writtenAt(sql.text.indexOf(word))).toBe(written.indexOf(word));
    }
    expect(sql.writtenAt(sql.text.indexOf("timestamptz"))).toBeLessThanOrEqual(written.indexOf(" and nope"));
  });
});
