/**
 * Rules of verification: what is in doubt in a group is read in one step, and a verdict on it counts only while nothing
 * of the group has changed since.
 */
import type { Script } from "../script.ts";
import { CLOCK } from "./shared/clock.ts";
import { ENTRIES, GROUPS } from "./shared/entries.ts";
import { RECOVERY } from "./shared/recovery.ts";

/** ARGV: group key. Answers version, now, sending, unknown, elsewhere, and until when of both (0: there are none). */
export const readDoubtScript: Script = {
  name: "read-doubt",
  lua: `${CLOCK}${ENTRIES}${GROUPS}
local group = groupByKey(ARGV[1])
if not group then return { 0, now, 0, 0, 0, 0, 0 } end
local judged, elsewhere, latest, latestElsewhere = 0, 0, 0, 0
for _, key in ipairs(redis.call('SMEMBERS', group.key .. ':u')) do
  local entry = readEntry(bucketOf(key), key)
  local untilMs = struct.unpack('<I6', entry, 32)
  if isOfDraft(group, entry) then
    judged = judged + 1
    latest = math.max(latest, untilMs)
  else
    elsewhere = elsewhere + 1
    latestElsewhere = math.max(latestElsewhere, untilMs)
  end
end
return { redis.call('HGET', group.key, 'version') or 0, now, group.sending, judged, elsewhere, latest,
  latestElsewhere }
`,
};

/**
 * ARGV: group key, `landed`, `absent` or `resend`, version, draft or '', then the keys it is about, 16 bytes each, if
 * it is not about all. Answers the number of entries, or nil when it is refused.
 */
export const commitVerdictScript: Script = {
  name: "commit-verdict",
  lua: `${CLOCK}${ENTRIES}${GROUPS}${RECOVERY}
local unchecked = requireCheckedIn()
if unchecked then return unchecked end
if recovery > 0 then return false end
local group = groupByKey(ARGV[1])
local kind, version, draft = ARGV[2], tonumber(ARGV[3]), struct.pack('<I6', tonumber(ARGV[4]) or 0)
if not group then return version == 0 and draft == noBytes and 0 end
if tonumber(redis.call('HGET', group.key, 'version') or 0) ~= version then return false end
if group.draft ~= draft or group.sending > 0 then return false end
local keys = {}
if ARGV[5] then
  for n = 1, #ARGV[5] / 16 do keys[n] = sub(ARGV[5], n * 16 - 15, n * 16) end
else
  keys = redis.call('SMEMBERS', group.key .. ':u')
end
local ended = 0
for _, key in ipairs(keys) do
  local bucket = bucketOf(key)
  local entry = readEntry(bucket, key)
  local ours = stateOf(entry) == UNSURE and struct.unpack('<I4', entry, 10) == group.seq
  if ours and (kind == 'resend' or isOfDraft(group, entry)) then
    if kind == 'landed' then land(group, bucket, key, entry, draft, tokenOf(entry))
    else moveEntry(group, bucket, key, entry, false) end
    ended = ended + 1
  end
end
if kind == 'landed' then group.addedMoved = ended end
if kind == 'resend' then group.resentMoved = ended end
flushGroups()
return ended
`,
};
