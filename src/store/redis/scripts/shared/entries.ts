/** Lua shared by all scripts that touch the ledger: entries, the groups that count them, and lost senders. */

/** Stands in the report for rows whose sender was lost. Code and message, with a zero byte between. */
const WORKER_LOST_TEXT = "worker_lost\\0the process that sent the row was lost before it knew the outcome";

/**
 * Reading entries, as they lie: state, run, row, group, draft, token; while sending or unknown also owner and until.
 * A bucket is named by the first four hex digits of the key, which records carry, so that no script formats numbers.
 */
export const ENTRIES = `
local SENDING, UNSURE, LANDED = 1, 2, 3
local buckets = base .. ':l:'
local function bucketOf(key)
  local first, second = byte(key, 1, 2)
  return string.format('%02x%02x', first, second)
end
local function readEntry(bucket, key)
  return redis.call('HGET', buckets .. bucket, sub(key, 3))
end
local function stateOf(entry) return entry and byte(entry) or 0 end
local function tokenOf(entry) return sub(entry, 20, 27) end
local function draftOf(entry) return sub(entry, 14, 19) end
local function isRow(entry, run, row)
  local entryRun, entryRow = struct.unpack('<I4I4', entry, 2)
  return entryRun == run and entryRow == row
end
`;

/**
 * Changing entries, and the groups that count them (rule: sending and unknown are what a recount of the entries would
 * give, and the version moves with every change of an entry). `flushGroups` must end every script that changes them.
 * A group's draft is held as its six bytes. What is read of a group here, a claim reads once for all its rows.
 */
export const GROUPS = `
local groups, groupsByKey, sendingMoved, noToken = {}, {}, {}, noBytes .. '\\0\\0'
local function groupBySeq(seq)
  local group = groups[seq]
  if group == nil then
    local key = base .. ':g:' .. seq
    local f = redis.call('HMGET', key, 'phase', 'draft', 'sending', 'lockOwner', 'lockUntil')
    group = { seq = seq, key = key, phase = f[1] or 'new', sending = tonumber(f[3] or 0),
      draft = struct.pack('<I6', tonumber(f[2] or 0)), lockOwner = f[4], lockUntil = tonumber(f[5] or 0),
      sendingMoved = 0, unknownMoved = 0, addedMoved = 0, resentMoved = 0, versionMoved = 0 }
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
local function countSending(group, by)
  group.sending = group.sending + by
  group.sendingMoved = group.sendingMoved + by
end
-- The one place where entries change. old and new: an entry, or false for none.
local function moveEntry(group, bucket, key, old, new)
  local was, is = stateOf(old), stateOf(new)
  group.versionMoved = group.versionMoved + 1
  if was == SENDING then
    countSending(group, -1)
    sendingMoved[key] = false
  elseif was == UNSURE then
    group.unknownMoved = group.unknownMoved - 1
    redis.call('SREM', group.key .. ':u', key)
  end
  if is == SENDING then
    countSending(group, 1)
    sendingMoved[key] = true
  elseif is == UNSURE then
    group.unknownMoved = group.unknownMoved + 1
    redis.call('SADD', group.key .. ':u', key)
  end
  if new then redis.call('HSET', buckets .. bucket, sub(key, 3), new)
  else redis.call('HDEL', buckets .. bucket, sub(key, 3)) end
end
local function land(group, bucket, key, entry, draft, token)
  moveEntry(group, bucket, key, entry, char(LANDED) .. sub(entry, 2, 13) .. draft .. token)
end
-- Whether an entry is in the group's present draft, or is if its request was applied.
local function isOfDraft(group, entry)
  return group.draft ~= noBytes and draftOf(entry) == group.draft
end
-- An entry that is not sending, or noEntry(), becomes added on somebody's word. Answers whether anything changed.
local function confirm(group, bucket, key, entry, draft)
  if draft == noBytes then draft = draftOf(entry) end
  if draft == noBytes then draft = group.draft end
  local state, was = stateOf(entry), isOfDraft(group, entry)
  if state == LANDED and draftOf(entry) == draft then return false end
  local is = group.draft ~= noBytes and draft == group.draft
  if state == UNSURE and was then group.addedMoved = group.addedMoved + (is and 1 or 0)
  elseif was or is then group.resentMoved = group.resentMoved + 1 end
  land(group, bucket, key, entry, draft, tokenOf(entry))
  return true
end
-- What is made an entry from nothing: of no state, run or row, under no token.
local function noEntry(group)
  return struct.pack('<BI4I4I4c6c8', 0, 0, 0, group.seq, noBytes, noToken)
end
local function toUnknown(group, bucket, key, entry)
  moveEntry(group, bucket, key, entry, char(UNSURE) .. sub(entry, 2))
end
local function flushGroups()
  local started, ended = {}, {}
  for key, isSending in pairs(sendingMoved) do
    local list = isSending and started or ended
    list[#list + 1] = key
  end
  if #started > 0 then redis.call('SADD', base .. ':sending', unpack(started)) end
  if #ended > 0 then redis.call('SREM', base .. ':sending', unpack(ended)) end
  for _, group in pairs(groups) do
    if group.versionMoved ~= 0 then redis.call('HINCRBY', group.key, 'version', group.versionMoved) end
    if group.sendingMoved ~= 0 then redis.call('HINCRBY', group.key, 'sending', group.sendingMoved) end
    if group.unknownMoved ~= 0 then redis.call('HINCRBY', group.key, 'unknown', group.unknownMoved) end
    if group.addedMoved ~= 0 then redis.call('HINCRBY', group.key, 'added', group.addedMoved) end
    if group.resentMoved ~= 0 then redis.call('HINCRBY', group.key, 'resent', group.resentMoved) end
  end
end
`;

/**
 * An entry whose sender is gone or out of time: the entry becomes unknown, and so does its row, unless that has its
 * final result.
 */
export const LOST_SENDERS = `
local function isLost(entry)
  local owner, untilMs = struct.unpack('<I4I6', entry, 28)
  return now > untilMs or not isHeld(owner)
end
local function loseEntry(bucket, key, entry)
  local seq, row, group = struct.unpack('<I4I4I4', entry, 2)
  toUnknown(groupBySeq(group), bucket, key, entry)
  local run = runBySeq(seq)
  if run and not FINAL[statusOf(run, row)] then setResult(run, row, UNKNOWN, false, noBytes, 0, '${WORKER_LOST_TEXT}') end
end
`;
