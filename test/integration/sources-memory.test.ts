import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const script = fileURLToPath(new URL("../support/source-memory.ts", import.meta.url));

async function measure(kind: string, heapMib = 32): Promise<{ rows: number; grownMib: number }> {
  // The rows alone would be more than the heap that the process is given.
  const flags = [`--max-old-space-size=${heapMib}`, "--max-semi-space-size=4"];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, script, kind]);
  return JSON.parse(stdout) as { rows: number; grownMib: number };
}

describe("memory does not grow with the input", () => {
  test.each([
    ["csv", 200_000],
    ["empty csv", 200_001],
    ["ndjson", 200_000],
    ["json", 200_001],
  ])("200,000 rows of %s", async (kind, rows) => {
    expect(await measure(kind)).toEqual({ rows, grownMib: expect.any(Number) as number });
  });

  test.each(["long csv", "long quoted csv", "long ndjson", "long json"])(
    "a line of 200 MiB: %s",
    async (kind) => {
      const { rows, grownMib } = await measure(kind);
      expect(rows).toBe(2);
      expect(grownMib).toBeLessThan(150);
    },
  );

  test("a line of 200 million empty cells", async () => {
    expect(await measure("many cells of csv", 128)).toMatchObject({ rows: 2 });
  });
});
