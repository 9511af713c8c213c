/**
 * Rule: an entry that is sending under a lost lease, or past its time, becomes unknown, whether or not its row is
 * ever tried again.
 *
 * ARGV[1]: where to go on among the sending entries (0 at first). Answers how many were changed, and where to go on
 * (0: that was all).
 */
import type { Script } from "../script.ts";
import { CLOCK, LEASES } from "./shared/clock.ts";
import { ENTRIES, GROUPS, LOST_SENDERS } from "./shared/entries.ts";
import { RUNS } from "./shared/runs.ts";

export const sweepScript: Script = {
  name: "sweep",
  lua: `${CLOCK}${LEASES}${RUNS}${ENTRIES}${GROUPS}${LOST_SENDERS}
local page = redis.call('SSCAN', base .. ':sending', ARGV[1], 'COUNT', 500)
local changed = 0
for _, key in ipairs(page[2]) do
  local bucket = bucketOf(key)
  local entry = readEntry(bucket, key)
  if stateOf(entry) == SENDING and isLost(entry) then
    loseEntry(bucket, key, entry)
    changed = changed + 1
  end
end
flushRuns()
flushGroups()
return { changed, page[1] }
`,
};
