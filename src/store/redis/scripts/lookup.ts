/** Reads the entries of many keys at once. ARGV[1]: the keys, 16 bytes each. Answers one entry or nil for each. */
import type { Script } from "../script.ts";
import { CLOCK } from "./shared/clock.ts";
import { ENTRIES } from "./shared/entries.ts";

export const lookupScript: Script = {
  name: "lookup",
  lua: `${CLOCK}${ENTRIES}
local found = {}
for n = 1, #ARGV[1] / 16 do
  local key = sub(ARGV[1], n * 16 - 15, n * 16)
  found[n] = readEntry(bucketOf(key), key)
end
return found
`,
};
