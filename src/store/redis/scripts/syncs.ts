/** Rules of syncs: definitions change all or none, one process runs a sync, a change is of the version that was read. */
import { HISTORY_TICKS } from "../../../core/syncs.ts";
import type { Script } from "../script.ts";
import { CLOCK, LEASES } from "./shared/clock.ts";

const SYNCS = `
local function keyOf(name) return base .. ':sync:' .. name end
local function readSync(name)
  local f = redis.call('HMGET', keyOf(name), 'origin', 'text', 'version', 'applied', 'state', 'owner', 'token')
  if not f[1] then return false end
  return { name, f[1], f[2], f[3], f[4], f[5] or '', f[6] or '', f[7] or '', f[6] and isHeld(f[6]) and 1 or 0 }
end
`;

/** Answers the revision, then each sync. */
export const listSyncsScript: Script = {
  name: "list-syncs",
  lua: `${CLOCK}${LEASES}${SYNCS}
local found = { redis.call('HGET', base .. ':meta', 'syncs') or '0' }
for _, name in ipairs(redis.call('ZRANGE', base .. ':syncs', 0, -1)) do found[#found + 1] = readSync(name) end
return found
`,
};

/** ARGV: name. */
export const readSyncScript: Script = {
  name: "read-sync",
  lua: `${CLOCK}${LEASES}${SYNCS}
return readSync(ARGV[1])
`,
};

/** ARGV: revision, then of each change what it does and three values. Answers 1 if all were made. */
export const applySyncsScript: Script = {
  name: "apply-syncs",
  lua: `${CLOCK}
if (redis.call('HGET', base .. ':meta', 'syncs') or '0') ~= ARGV[1] then return 0 end
redis.call('HINCRBY', base .. ':meta', 'syncs', 1)
local names = base .. ':syncs'
local changes = {
  rename = function(from, to)
    local old, new = base .. ':sync:' .. from, base .. ':sync:' .. to
    if redis.call('ZREM', names, from) == 0 then return end
    redis.call('ZADD', names, 0, to)
    for _, part in ipairs({ '', ':t', ':r' }) do
      if redis.call('EXISTS', old .. part) == 1 then redis.call('RENAME', old .. part, new .. part) end
    end
    redis.call('HDEL', new, 'owner', 'token', 'group')
  end,
  put = function(name, origin, text)
    redis.call('ZADD', names, 0, name)
    redis.call('HSET', base .. ':sync:' .. name, 'origin', origin, 'text', text, 'applied', now)
    redis.call('HINCRBY', base .. ':sync:' .. name, 'version', 1)
  end,
  remove = function(name)
    local key = base .. ':sync:' .. name
    redis.call('ZREM', names, name)
    redis.call('UNLINK', key, key .. ':t', key .. ':r')
  end,
}
for n = 2, #ARGV, 4 do changes[ARGV[n]](ARGV[n + 1], ARGV[n + 2], ARGV[n + 3]) end
return 1
`,
};

/**
 * ARGV: name, owner, token, group ('': any). Answers nil when there is no such sync, '' when it is claimed, else the name
 * of the sync that is in the way.
 */
export const claimSyncScript: Script = {
  name: "claim-sync",
  lua: `${CLOCK}${LEASES}${SYNCS}
local name, owner, token, group = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local f = redis.call('HMGET', keyOf(name), 'origin', 'owner')
if not f[1] then return false end
if not isHeld(owner) or (f[2] and f[2] ~= owner and isHeld(f[2])) then return name end
for _, other in ipairs(redis.call('ZRANGE', base .. ':syncs', 0, -1)) do
  if other ~= name then
    local theirs = redis.call('HMGET', keyOf(other), 'origin', 'owner', 'group')
    if theirs[1] == f[1] and theirs[2] and isHeld(theirs[2])
      and (group == '' or theirs[3] == '' or theirs[3] == group) then return other end
  end
end
redis.call('HSET', keyOf(name), 'owner', owner, 'token', token, 'group', group)
return ''
`,
};

/**
 * ARGV: name, version, token or '', then of each change what it does and three values. Answers 1 if it was made.
 */
export const changeSyncScript: Script = {
  name: "change-sync",
  lua: `${CLOCK}
local key = base .. ':sync:' .. ARGV[1]
local f = redis.call('HMGET', key, 'version', 'token')
if f[1] ~= ARGV[2] or (ARGV[3] ~= '' and f[2] ~= ARGV[3]) then return 0 end
redis.call('HINCRBY', key, 'version', 1)
local changes = {
  set = function(field, value) redis.call('HSET', key, field, value) end,
  release = function() redis.call('HDEL', key, 'owner', 'token', 'group') end,
  tick = function(id, at, record)
    redis.call('ZADD', key .. ':t', at, id)
    redis.call('HSET', key .. ':r', id, record)
  end,
}
for n = 4, #ARGV, 4 do changes[ARGV[n]](ARGV[n + 1], ARGV[n + 2], ARGV[n + 3]) end
for _, old in ipairs(redis.call('ZRANGE', key .. ':t', 0, -${HISTORY_TICKS + 1})) do
  redis.call('ZREM', key .. ':t', old)
  redis.call('HDEL', key .. ':r', old)
end
return 1
`,
};

/** ARGV: name. */
export const readCarriedScript: Script = {
  name: "read-carried",
  lua: `${CLOCK}
return redis.call('HGET', base .. ':sync:' .. ARGV[1], 'carried') or '[]'
`,
};

/** ARGV: name, limit, before or ''. Answers id, time and record of each, newest first. */
export const readTicksScript: Script = {
  name: "read-ticks",
  lua: `${CLOCK}
local key = base .. ':sync:' .. ARGV[1]
local most = ARGV[3] == '' and '+inf' or '(' .. ARGV[3]
local ids = redis.call('ZREVRANGEBYSCORE', key .. ':t', most, '-inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local found = {}
for n = 1, #ids, 2 do
  local at = #found
  found[at + 1], found[at + 2], found[at + 3] = ids[n], ids[n + 1], redis.call('HGET', key .. ':r', ids[n])
end
return found
`,
};
