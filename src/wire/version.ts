/** This package's version, for the user agent and `--version`. */
import { createRequire } from "node:module";
import { z } from "zod";

/** package.json is two levels up from the source, three from the compiled file. */
export function packageVersion(): string {
  const require = createRequire(import.meta.url);
  for (const place of ["../../package.json", "../../../package.json"]) {
    try {
      const parsed = z
        .object({ name: z.literal("traceload"), version: z.string() })
        .safeParse(require(place));
      if (parsed.success) return parsed.data.version;
    } catch {
      // Not there: the other place has it.
    }
  }
  return "unknown";
}
