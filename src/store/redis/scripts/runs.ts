/** Rules of runs: one id, one import; a state changes only from where the caller thinks it is. */
import { BLOCK_ROWS, CHUNK_ROWS } from "../layout.ts";
import type { Script } from "../script.ts";
import { CLOCK, LEASES } from "./shared/clock.ts";
import { ENTRIES } from "./shared/entries.ts";
import { RUNS } from "./shared/runs.ts";

/** A run: its hash, its warnings, halted groups and verdicts as fields and values; whether its owner's lease is held. */
const READ_RUN = `
local function readRun(run)
  local owner = redis.call('HGET', run.key, 'owner')
  return { redis.call('HGETALL', run.key), redis.call('HGETALL', run.key .. ':w'),
    redis.call('HGETALL', run.key .. ':h'), redis.call('HGETALL', run.key .. ':v'),
    owner and owner ~= '' and isHeld(owner) and 1 or 0 }
end
`;

/** ARGV: id, fingerprint, origin, sources, options, owner, parent or ''. Answers the run, or nil when another has the id. */
export const createRunScript: Script = {
  name: "create-run",
  lua: `${CLOCK}${LEASES}${RUNS}${READ_RUN}
local id = ARGV[1]
local run = runById(id)
if run then
  local f = redis.call('HMGET', run.key, 'fingerprint', 'creator', 'owner')
  if f[1] ~= ARGV[2] or (f[2] ~= ARGV[6] and f[3] ~= ARGV[6]) then return false end
  return readRun(run)
end
local seq = redis.call('HINCRBY', base .. ':meta', 'run', 1)
redis.call('ZADD', base .. ':runs', seq, id)
redis.call('HSET', base .. ':r:' .. seq, 'seq', seq, 'id', id, 'fingerprint', ARGV[2], 'origin', ARGV[3],
  'sources', ARGV[4], 'options', ARGV[5], 'owner', ARGV[6], 'creator', ARGV[6], 'state', 'reading', 'created', now)
if ARGV[7] ~= '' then redis.call('HSET', base .. ':r:' .. seq, 'parent', ARGV[7]) end
return readRun({ key = base .. ':r:' .. seq })
`,
};

/** ARGV: id. Answers the run, or nil. */
export const readRunScript: Script = {
  name: "read-run",
  lua: `${CLOCK}${LEASES}${RUNS}${READ_RUN}
local run = runById(ARGV[1])
return run and readRun(run)
`,
};

/** ARGV: limit, then the states that are wanted (none: all). Answers the runs, newest first. */
export const listRunsScript: Script = {
  name: "list-runs",
  lua: `${CLOCK}${LEASES}${RUNS}${READ_RUN}
local limit, wanted = tonumber(ARGV[1]), {}
for n = 2, #ARGV do wanted[ARGV[n]] = true end
local found = {}
for _, id in ipairs(redis.call('ZREVRANGE', base .. ':runs', 0, -1)) do
  if #found >= limit then break end
  local run = runById(id)
  if run and (#ARGV == 1 or wanted[run.state]) then found[#found + 1] = readRun(run) end
end
return found
`,
};

/**
 * ARGV: id, new state or '', states it may come from (one text, commas around each) or '', then of each further change
 * what it changes, a name and a value. Answers 1 if it was applied. A repeat finds the state it asked for; what came
 * with the first time stands.
 */
export const changeRunScript: Script = {
  name: "change-run",
  lua: `${CLOCK}${RUNS}
local run = runById(ARGV[1])
if not run then return 0 end
local state, from = ARGV[2], ARGV[3]
if from ~= '' and not string.find(from, ',' .. run.state .. ',', 1, true) then return run.state == state and 1 or 0 end
if state ~= '' then redis.call('HSET', run.key, 'state', state) end
local changes = {
  set = function(field, value) redis.call('HSET', run.key, field, value) end,
  clear = function(field) redis.call('HDEL', run.key, field) end,
  finish = function() redis.call('HSETNX', run.key, 'finished', now) end,
  warn = function(text) redis.call('HSETNX', run.key .. ':w', text, redis.call('HLEN', run.key .. ':w')) end,
  halt = function(group, why)
    local halted = run.key .. ':h'
    redis.call('HSETNX', halted, group, redis.call('HLEN', halted) .. ' ' .. why)
  end,
  unhalt = function() redis.call('DEL', run.key .. ':h') end,
  judge = function(group, verdict) redis.call('HSET', run.key .. ':v', group, verdict) end,
}
for n = 4, #ARGV, 3 do changes[ARGV[n]](ARGV[n + 1], ARGV[n + 2]) end
return 1
`,
};

/**
 * Rule: a run that can still run, or has rows that are sending or unknown, stays. ARGV: id. Answers 0 if it stays.
 * The rows are many: they go into the trash, and are removed by and by.
 */
export const removeRunScript: Script = {
  name: "remove-run",
  lua: `${CLOCK}${RUNS}${ENTRIES}
local run = runById(ARGV[1])
if not run then return 1 end
if RUNNING[run.state] or run.state == 'verifying' then return 0 end
if tonumber(redis.call('HGET', run.key, 'c' .. UNKNOWN) or 0) > 0 then return 0 end
for _, key in ipairs(redis.call('SMEMBERS', base .. ':sending')) do
  if struct.unpack('<I4', readEntry(bucketOf(key), key), 2) == run.seq then return 0 end
end
for _, group in ipairs(redis.call('HVALS', base .. ':groups')) do
  for _, key in ipairs(redis.call('SMEMBERS', base .. ':g:' .. group .. ':u')) do
    if struct.unpack('<I4', readEntry(bucketOf(key), key), 2) == run.seq then return 0 end
  end
end
redis.call('HSET', base .. ':trash', run.seq, redis.call('HGET', run.key, 'highest') or 0)
redis.call('ZREM', base .. ':runs', ARGV[1])
redis.call('UNLINK', run.key, run.key .. ':w', run.key .. ':h', run.key .. ':v')
return 1
`,
};

/** Keys removed in one call. */
const PURGE_ROWS = 100 * CHUNK_ROWS;

/** Removes a piece of what lies in the trash. Answers 1 while there is more. */
export const purgeScript: Script = {
  name: "purge",
  lua: `${CLOCK}
local trash = redis.call('HGETALL', base .. ':trash')
if #trash == 0 then return 0 end
local seq, highest = trash[1], tonumber(trash[2])
local key = base .. ':r:' .. seq
local from = math.max(0, (math.ceil(highest / ${PURGE_ROWS}) - 1) * ${PURGE_ROWS})
for n = floor(from / ${CHUNK_ROWS}), floor(highest / ${CHUNK_ROWS}) do redis.call('UNLINK', key .. ':s:' .. n) end
for n = floor(from / ${BLOCK_ROWS}), floor(highest / ${BLOCK_ROWS}) do
  redis.call('UNLINK', key .. ':i:' .. n, key .. ':t:' .. n)
end
if from == 0 then redis.call('HDEL', base .. ':trash', seq) else redis.call('HSET', base .. ':trash', seq, from) end
return redis.call('HLEN', base .. ':trash') > 0 and 1 or 0
`,
};
