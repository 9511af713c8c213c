/**
 * Rule: a person may end the doubt about an entry, or contradict the ledger, while nothing is being sent for it; who did
 * and why is kept beside it. What the present draft was given is known better by it only for an entry that was claimed
 * for it and in doubt; any other change says that its count proves nothing.
 */
import type { Script } from "../script.ts";
import { CLOCK } from "./shared/clock.ts";
import { ENTRIES, GROUPS } from "./shared/entries.ts";

/**
 * ARGV: key, the same in hex, group key, `added` or `absent`, draft or '', note, what was seen: '' for whatever it is
 * now, a zero byte for no entry, else state and token. Answers 0 if it is refused.
 */
export const decideScript: Script = {
  name: "decide",
  lua: `${CLOCK}${ENTRIES}${GROUPS}
local key, bucket = ARGV[1], bucketOf(ARGV[1])
local entry = readEntry(bucket, key)
local state = stateOf(entry)
if state == SENDING then return 0 end
local group = entry and groupBySeq((struct.unpack('<I4', entry, 10)))
local notes, note, changed = base .. ':n:' .. ARGV[2], ARGV[6], false
local draft = struct.pack('<I6', tonumber(ARGV[5]) or 0)
local isThere = state == LANDED and (draft == noBytes or draftOf(entry) == draft)
local isSo = ARGV[4] == 'added' and isThere or ARGV[4] == 'absent' and not entry
local isAsSeen = ARGV[7] == '' or ARGV[7] == char(state) .. (entry and tokenOf(entry) or '')
if not isSo and not isAsSeen then return 0 end
if ARGV[4] == 'added' then
  group = group or groupByKey(ARGV[3], true)
  changed = confirm(group, bucket, key, entry or noEntry(group), draft)
elseif entry then
  if state == LANDED and isOfDraft(group, entry) then group.resentMoved = 1 end
  moveEntry(group, bucket, key, entry, false)
  changed = true
end
local last = redis.call('LINDEX', notes, -1)
if changed or not last or sub(last, (string.find(last, ' ', 1, true)) + 1) ~= note then
  redis.call('RPUSH', notes, now .. ' ' .. note)
end
flushGroups()
return 1
`,
};

/** ARGV: key in hex. Answers the notes, oldest first: time, a space, the note as it was given. */
export const readNotesScript: Script = {
  name: "read-notes",
  lua: `${CLOCK}
return redis.call('LRANGE', base .. ':n:' .. ARGV[1], 0, -1)
`,
};
