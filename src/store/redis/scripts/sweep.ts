/**
 * Rule: an entry that is sending under a lost lease, or past its time, becomes unknown, whether or not its row is
 * ever tried again.
 *
 * ARGV[1]: where to go on among the sending entries; ARGV[2]: how many to look at. Answers how many were changed, and
 * where to go on (-1: that was all).
 */
import type { Script } from "../script.ts";
import { WORKER_LOST_TEXT } from "./claim.ts";
import { CLOCK, ENTRIES, GROUPS, LEASES, RUNS } from "./prelude.ts";

export const sweepScript: Script = {
  name: "sweep",
  lua: `${CLOCK}${LEASES}${RUNS}${ENTRIES}${GROUPS}
local from, size = tonumber(ARGV[1]), tonumber(ARGV[2])
local keys = redis.call('ZRANGE', base .. ':sending', from, from + size - 1)
local changed = 0
for _, key in ipairs(keys) do
  local entry = readEntry(key)
  if now > entry['until'] or not isHeld(entry.owner) then
    toUnknown(key, entry)
    local run = runBySeq(entry.run)
    if run and not FINAL[statusOf(run, entry.row)] then
      setResult(run, entry.row, UNKNOWN, nil, 0, 0, '${WORKER_LOST_TEXT}')
    end
    changed = changed + 1
  end
end
flushRuns()
flushGroups()
if #keys < size then return { changed, -1 } end
return { changed, from + #keys - changed }
`,
};
