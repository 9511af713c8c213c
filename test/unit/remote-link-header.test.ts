/** What a header Link says of a next page. */
import { expect, test } from "vitest";
import { nextLink } from "../../src/sources/remote/link-header.ts";

test.each<[string | string[] | undefined, string | undefined]>([
  [undefined, undefined],
  ["", undefined],
  ['</a?page=2>; rel="next"', "/a?page=2"],
  [
    '<https://x.example/a,b;c>; rel="last", <https://x.example/2>; title="a, b"; REL=next',
    "https://x.example/2",
  ],
  [["</1>; rel=prev", '</2>; rel="last next"'], "/2"],
  ['</1>; rel="previous"; results="true", </2>; rel="next"; results="true"; cursor="0:2:0"', "/2"],
  ['</2>; rel="next"; results="false"; cursor="0:2:0"', undefined],
  ["</2>; rel=nextish, </3>; other=next, next", undefined],
])("of %j the next page is %s", (header, next) => {
  expect(nextLink(header)).toBe(next);
});

test("takes no longer for a header that is made to take long", () => {
  expect(nextLink(`${"<".repeat(8_000)}${"; a=".repeat(8_000)}`)).toBeUndefined();
});
