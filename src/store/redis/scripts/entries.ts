/**
 * Rules of entries as a whole: read, taken over and forgotten in pieces of bounded size. A walk goes from bucket to
 * bucket, and within a big one by Redis's own scan, which comes by everything that stays; so entries may come and go
 * meanwhile.
 */
import type { Script } from "../script.ts";
import { CLOCK } from "./shared/clock.ts";
import { ENTRIES, GROUPS } from "./shared/entries.ts";

/** Entries lie in this many hashes. */
export const BUCKETS = 65_536;
/** Buckets looked at in one call: Redis serves nobody else meanwhile. */
const BUCKETS_A_CALL = 2048;
/** Entries looked at in one call, up to a bucket more. */
export const ENTRIES_A_CALL = 1000;

/** ARGV[1], ARGV[2]: bucket and place in it to start from ('0': its beginning); ARGV[3]: how many entries. */
const WALK = `
local place, inside, wanted = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local function walk(visit)
  local stop, met, seen = math.min(${BUCKETS}, place + ${BUCKETS_A_CALL}), 0, 0
  while place < stop and met < wanted and seen < ${ENTRIES_A_CALL} do
    local bucket = string.format('%04x', place)
    local head = char(floor(place / 256), place % 256)
    local page = redis.call('HSCAN', buckets .. bucket, inside, 'COUNT', wanted)
    for n = 1, #page[2], 2 do
      if visit(bucket, head .. page[2][n], page[2][n + 1]) then met = met + 1 end
    end
    seen = seen + #page[2] / 2
    inside = page[1]
    if inside == '0' then place = place + 1 end
  end
end
`;

/**
 * ARGV: as above. Answers bucket and place to go on from, keys and entries by turns, and the groups they are of:
 * sequence numbers and keys by turns.
 */
export const readEntriesScript: Script = {
  name: "read-entries",
  lua: `${CLOCK}${ENTRIES}${WALK}
local found, known, names = {}, {}, {}
walk(function(_, key, entry)
  found[#found + 1], found[#found + 2] = key, entry
  local seq = struct.unpack('<I4', entry, 10)
  if not known[seq] then
    known[seq] = true
    names[#names + 1], names[#names + 2] = tostring(seq), redis.call('HGET', base .. ':g:' .. seq, 'key')
  end
  return true
end)
return { place, inside, found, names }
`,
};

/** ARGV: as above, then the group's key. Answers bucket and place to go on from, and how many entries went. */
export const removeEntriesScript: Script = {
  name: "remove-entries",
  lua: `${CLOCK}${ENTRIES}${GROUPS}${WALK}
local group, removed = groupByKey(ARGV[4]), 0
if not group then return { ${BUCKETS}, '0', 0 } end
walk(function(bucket, key, entry)
  if stateOf(entry) ~= LANDED or struct.unpack('<I4', entry, 10) ~= group.seq then return false end
  moveEntry(group, bucket, key, entry, false)
  removed = removed + 1
  return true
end)
flushGroups()
return { place, inside, removed }
`,
};

/**
 * Rule: what is known here stands, but that knowing goes before not knowing.
 *
 * ARGV[1]: records of key, state, token, draft, until and place in ARGV of the group key. Answers how many changed
 * something.
 */
export const putEntriesScript: Script = {
  name: "put-entries",
  lua: `${CLOCK}${ENTRIES}${GROUPS}
local packed, at, changed = ARGV[1], 1, 0
local key, state, token, draft, untilBytes, place
for n = 1, #packed / 39 do
  key, state, token, draft, untilBytes, place, at = struct.unpack('<c16Bc8c6c6I2', packed, at)
  local bucket = bucketOf(key)
  local entry = readEntry(bucket, key)
  if not entry then
    local group = groupByKey(ARGV[place], true)
    local new = struct.pack('<BI4I4I4c6c8', state, 0, 0, group.seq, draft, token)
    if state == UNSURE then new = new .. struct.pack('<I4', 0) .. untilBytes end
    moveEntry(group, bucket, key, false, new)
    changed = changed + 1
  elseif stateOf(entry) == UNSURE and state == LANDED then
    confirm(groupBySeq((struct.unpack('<I4', entry, 10))), bucket, key, entry, draft)
    changed = changed + 1
  end
end
flushGroups()
return changed
`,
};
