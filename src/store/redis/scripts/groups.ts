/** Rules of groups: one process at a time looks after the draft; another draft starts its count anew. */
import type { Script } from "../script.ts";
import { CLOCK, LEASES } from "./shared/clock.ts";
import { ENTRIES, GROUPS } from "./shared/entries.ts";
import { RECOVERY } from "./shared/recovery.ts";

/** ARGV: group key. Answers fields and values; none when nobody has seen the group. */
export const readGroupScript: Script = {
  name: "read-group",
  lua: `${CLOCK}
local seq = redis.call('HGET', base .. ':groups', ARGV[1])
return seq and redis.call('HGETALL', base .. ':g:' .. seq) or {}
`,
};

/** Answers fields and values of each group. */
export const listGroupsScript: Script = {
  name: "list-groups",
  lua: `${CLOCK}
local found = {}
for n, seq in ipairs(redis.call('HVALS', base .. ':groups')) do
  found[n] = redis.call('HGETALL', base .. ':g:' .. seq)
end
return found
`,
};

/**
 * ARGV: group key, owner, ttl ms. Answers 1 if the owner has the hold. A hold ends with its time or its lease; claims
 * look. Nobody gets it while the store recovers: what would be read behind the gate is not all that was sent.
 */
export const lockGroupScript: Script = {
  name: "lock-group",
  lua: `${CLOCK}${LEASES}${ENTRIES}${GROUPS}${RECOVERY}
local unchecked = requireCheckedIn()
if unchecked then return unchecked end
if not isHeld(ARGV[2]) then return 0 end
local group = groupByKey(ARGV[1], true)
local holder = group.lockOwner
local isLocked = holder and group.lockUntil > now and isHeld(holder)
if isLocked and holder ~= ARGV[2] then return 0 end
if recovery > 0 and not isLocked then return 0 end
redis.call('HSET', group.key, 'lockOwner', ARGV[2], 'lockUntil', now + ARGV[3])
return 1
`,
};

/** ARGV: group key, owner. */
export const unlockGroupScript: Script = {
  name: "unlock-group",
  lua: `${CLOCK}
local seq = redis.call('HGET', base .. ':groups', ARGV[1])
local key = seq and base .. ':g:' .. seq
if key and redis.call('HGET', key, 'lockOwner') == ARGV[2] then
  redis.call('HDEL', key, 'lockOwner', 'lockUntil')
end
return redis.status_reply('OK')
`,
};

/**
 * ARGV: group key, phase, draft or '', baseline or ''. A count that starts anew moves the version: nobody judges by
 * both. While the store recovers no baseline is taken: rows that it counts may yet be told again as added since.
 */
export const setGroupScript: Script = {
  name: "set-group",
  lua: `${CLOCK}${ENTRIES}${GROUPS}${RECOVERY}
local unchecked = requireCheckedIn()
if unchecked then return unchecked end
local group = groupByKey(ARGV[1], true)
local draft, baseline = ARGV[3], recovery == 0 and ARGV[4] or ''
redis.call('HSET', group.key, 'phase', ARGV[2], 'checked', now)
local another = draft ~= '' and struct.pack('<I6', tonumber(draft)) ~= group.draft
if another then
  redis.call('HSET', group.key, 'draft', draft)
  redis.call('HDEL', group.key, 'baseline')
end
if another or draft ~= '' and baseline ~= '' then
  redis.call('HSET', group.key, 'added', 0, 'resent', 0)
  if baseline ~= '' then redis.call('HSET', group.key, 'baseline', baseline) end
  group.versionMoved = 1
end
flushGroups()
return redis.status_reply('OK')
`,
};

/** ARGV: group key, phase, draft or '', baseline or '', added, resent. A group that is known keeps what it has. */
export const putGroupScript: Script = {
  name: "put-group",
  lua: `${CLOCK}${ENTRIES}${GROUPS}
local group = groupByKey(ARGV[1], true)
if group.phase ~= 'new' then return redis.status_reply('OK') end
redis.call('HSET', group.key, 'phase', ARGV[2], 'added', ARGV[5], 'resent', ARGV[6])
for name, value in pairs({ draft = ARGV[3], baseline = ARGV[4] }) do
  if value == '' then redis.call('HDEL', group.key, name) else redis.call('HSET', group.key, name, value) end
end
group.versionMoved = 1
flushGroups()
return redis.status_reply('OK')
`,
};
