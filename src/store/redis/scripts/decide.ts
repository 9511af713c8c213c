/**
 * Rule: a person may end the doubt about an entry, or contradict the ledger, while nothing is being sent for it; who did
 * and why is kept beside it. The count of what the present draft was given follows an entry that is known to be in it.
 */
import type { Script } from "../script.ts";
import { CLOCK } from "./shared/clock.ts";
import { ENTRIES, GROUPS } from "./shared/entries.ts";

/** Entries that a decision made from nothing: no request was sent under this token, and no count knows of them. */
const NO_TOKEN = "\\0\\0\\0\\0\\0\\0\\0\\0";

/** ARGV: key, the same in hex, group key, `added` or `absent`, draft or '', note. Answers 0 if it is refused. */
export const decideScript: Script = {
  name: "decide",
  lua: `${CLOCK}${ENTRIES}${GROUPS}
local key, bucket = ARGV[1], bucketOf(ARGV[1])
local entry = readEntry(bucket, key)
local state = stateOf(entry)
if state == SENDING then return 0 end
local group = entry and groupBySeq((struct.unpack('<I4', entry, 10))) or groupByKey(ARGV[3], true)
local was = entry and draftOf(entry) or noBytes
local counts = group.draft ~= noBytes and was == group.draft and tokenOf(entry) ~= '${NO_TOKEN}'
local notes, note, changed = base .. ':n:' .. ARGV[2], ARGV[6], false
if ARGV[4] == 'absent' then
  if entry then
    if state == LANDED and counts then group.addedMoved = -1 end
    moveEntry(group, bucket, key, entry, false)
    changed = true
  end
else
  local draft = ARGV[5] ~= '' and struct.pack('<I6', tonumber(ARGV[5])) or was ~= noBytes and was or group.draft
  if state ~= LANDED or draft ~= was then
    if counts then group.addedMoved = (draft == group.draft and 1 or 0) - (state == LANDED and 1 or 0) end
    if entry then land(group, bucket, key, entry, draft, tokenOf(entry))
    else
      moveEntry(group, bucket, key, false,
        struct.pack('<BI4I4I4c6c8', LANDED, 0, 0, group.seq, draft, '${NO_TOKEN}'))
    end
    changed = true
  end
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
