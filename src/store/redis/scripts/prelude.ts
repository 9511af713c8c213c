/**
 * Lua that every script begins with, and the two parts that rules share: runs with their results, and groups with
 * their entries. Scripts read what they need once per call, collect changes of counters, and write them in `flush`.
 */
import { RUNNING_STATES, STORED_STATUSES } from "../../../core/status.ts";
import { BLOCK_ROWS, CHUNK_ROWS, RESULT_BYTES } from "../layout.ts";

/** The store's clock: Redis's own, in whole milliseconds. */
export const CLOCK = `
local base = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local floor = math.floor
`;

/** Leases: held while its time has not come, looked up once per call. */
export const LEASES = `
local leaseHeld = {}
local function isHeld(lease)
  local held = leaseHeld[lease]
  if held == nil then
    local expires = redis.call('ZSCORE', base .. ':leases', lease)
    held = expires ~= false and tonumber(expires) > now
    leaseHeld[lease] = held
  end
  return held
end
`;

/**
 * Runs, and the one place where a result and the counts change (rule: a count is the number of results with that
 * status). A result of a run or row that is not there is left alone.
 */
export const RUNS = `
local ${STORED_STATUSES.map((status) => status.toUpperCase()).join(", ")} = ${STORED_STATUSES.map((_, index) => index + 1).join(", ")}
local FINAL = { [ADDED] = true, [DUPLICATE] = true, [REJECTED] = true, [FAILED] = true, [INVALID] = true }
local RUNNING = { ${RUNNING_STATES.map((state) => `${state} = true`).join(", ")} }
local runs, runsById = {}, {}
local function runBySeq(seq)
  local run = runs[seq]
  if run == nil then
    local key = base .. ':r:' .. seq
    local state = redis.call('HGET', key, 'state')
    run = state and { seq = seq, key = key, state = state, moved = {} }
    runs[seq] = run
  end
  return run
end
local function runById(id)
  local run = runsById[id]
  if run == nil then
    local seq = redis.call('ZSCORE', base .. ':runs', id)
    run = seq and runBySeq(tonumber(seq))
    runsById[id] = run
  end
  return run
end
local function place(run, row)
  local index = row - 1
  return run.key .. ':s:' .. floor(index / ${CHUNK_ROWS}), (index % ${CHUNK_ROWS}) * ${RESULT_BYTES}
end
local function statusOf(run, row)
  local chunk, at = place(run, row)
  local head = string.byte(redis.call('GETRANGE', chunk, at, at))
  return head and head % 16 or 0
end
local function move(run, from, to)
  local moved = run.moved
  if from > 0 then moved[from] = (moved[from] or 0) - 1 end
  moved[to] = (moved[to] or 0) + 1
end
local function textPlace(run, row)
  return run.key .. ':t:' .. floor((row - 1) / ${BLOCK_ROWS}), (row - 1) % ${BLOCK_ROWS}
end
-- facts: { attempts, http, duration } of an attempt; without them, the row keeps those it has.
-- mode: 0 none, 1 trace, 2 span. draft: 0 none. text: '' none, else code and message with a zero byte between.
local function setResult(run, row, status, facts, draft, mode, text)
  local chunk, at = place(run, row)
  local raw = redis.call('GETRANGE', chunk, at, at + ${RESULT_BYTES - 1})
  if #raw < ${RESULT_BYTES} then return end
  local head, attempts, http, duration = struct.unpack('<BI2I2I3', raw)
  local was = head % 16
  if was == 0 or (was == status and not facts) then return end
  if facts then attempts, http, duration = facts[1], facts[2], facts[3] end
  if was ~= status then move(run, was, status) end
  local flag = 0
  if text ~= '' then
    local key, field = textPlace(run, row)
    redis.call('HSET', key, field, text)
    flag = 64
  elseif head >= 64 then
    local key, field = textPlace(run, row)
    redis.call('HDEL', key, field)
  end
  redis.call('SETRANGE', chunk, at, struct.pack('<BI2I2I3I6I6', status + mode * 16 + flag,
    attempts, http, duration, draft, status == QUEUED and 0 or now))
end
local function flushRuns()
  for _, run in pairs(runs) do
    if run then
      for status, by in pairs(run.moved) do
        if by ~= 0 then redis.call('HINCRBY', run.key, 'c' .. status, by) end
      end
    end
  end
end
`;

/** Reading entries. Their form: state, run, row, group, draft, token; while sending or unknown also owner and until. */
export const ENTRIES = `
local SENDING, UNSURE, LANDED = 1, 2, 3
local function entryPlace(key)
  local first, second = string.byte(key, 1, 2)
  return base .. ':l:' .. string.format('%04x', first * 256 + second), string.sub(key, 3)
end
local function readEntry(key)
  local bucket, field = entryPlace(key)
  local raw = redis.call('HGET', bucket, field)
  if not raw then return nil end
  local state, run, row, group, draft, token = struct.unpack('<BI4I4I4I6c8', raw)
  local entry = { state = state, run = run, row = row, group = group, draft = draft, token = token }
  if state ~= LANDED then entry.owner, entry['until'] = struct.unpack('<I4I6', raw, 28) end
  return entry
end
`;

/**
 * Changing entries, and the groups that count them (rule: sending and unknown are what a recount of the entries would
 * give, and the version moves with every change of an entry).
 */
export const GROUPS = `
local groups, groupsByKey = {}, {}
local function groupBySeq(seq)
  local group = groups[seq]
  if group == nil then
    local key = base .. ':g:' .. seq
    local f = redis.call('HMGET', key, 'phase', 'draft', 'sending')
    group = { seq = seq, key = key, phase = f[1] or 'new', draft = tonumber(f[2] or 0), sending = tonumber(f[3] or 0),
      moved = { sending = 0, unknown = 0, added = 0, version = 0 } }
    groups[seq] = group
  end
  return group
end
local function groupByKey(name, create)
  local group = groupsByKey[name]
  if group == nil then
    local seq = redis.call('HGET', base .. ':groups', name)
    if not seq then
      if not create then return nil end
      seq = redis.call('HINCRBY', base .. ':meta', 'group', 1)
      redis.call('HSET', base .. ':groups', name, seq)
      redis.call('HSET', base .. ':g:' .. seq, 'key', name, 'phase', 'new')
    end
    group = groupBySeq(tonumber(seq))
    groupsByKey[name] = group
  end
  return group
end
local function count(group, state, by)
  if state == SENDING then
    group.sending = group.sending + by
    group.moved.sending = group.moved.sending + by
  elseif state == UNSURE then
    group.moved.unknown = group.moved.unknown + by
  end
end
-- old and new: an entry, or nil for none.
local function moveEntry(key, old, new)
  local group = groupBySeq((old or new).group)
  group.moved.version = group.moved.version + 1
  if old then
    count(group, old.state, -1)
    if old.state == SENDING then redis.call('ZREM', base .. ':sending', key)
    elseif old.state == UNSURE then redis.call('SREM', group.key .. ':u', key) end
  end
  local bucket, field = entryPlace(key)
  if not new then
    redis.call('HDEL', bucket, field)
    return
  end
  count(group, new.state, 1)
  local raw = struct.pack('<BI4I4I4I6c8', new.state, new.run, new.row, new.group, new.draft, new.token)
  if new.state ~= LANDED then
    raw = raw .. struct.pack('<I4I6', new.owner, new['until'])
    if new.state == SENDING then redis.call('ZADD', base .. ':sending', new['until'], key)
    else redis.call('SADD', group.key .. ':u', key) end
  end
  redis.call('HSET', bucket, field, raw)
end
local function toUnknown(key, entry)
  moveEntry(key, entry, { state = UNSURE, run = entry.run, row = entry.row, group = entry.group, draft = entry.draft,
    token = entry.token, owner = entry.owner, ['until'] = entry['until'] })
end
local function flushGroups()
  for _, group in pairs(groups) do
    for field, by in pairs(group.moved) do
      if by ~= 0 then redis.call('HINCRBY', group.key, field, by) end
    end
  end
end
`;
