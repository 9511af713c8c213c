/**
 * Lua shared by all scripts that touch runs, and the one place where a result and the counts change (rule: a count is
 * the number of results with that status). A result of a run or row that is not there is left alone.
 *
 * Calls into Redis are what scripts spend their time on. So results are read and written a window of 100 rows at a
 * time, and counters once: `flushRuns` must end every script that changes them.
 */
import { RUNNING_STATES, STORED_STATUSES } from "../../../../core/status.ts";
import { BLOCK_ROWS, CHUNK_ROWS, RESULT_BYTES } from "../../layout.ts";
import { MAX_ATTEMPTS } from "../../records.ts";

const WINDOW_ROWS = 100;
export const WINDOW_BYTES = WINDOW_ROWS * RESULT_BYTES;
const WINDOWS = CHUNK_ROWS / WINDOW_ROWS;

/** Lua names of the statuses' numbers: QUEUED, ADDED … */
const STATUS_NAMES = STORED_STATUSES.map((status) => status.toUpperCase()).join(", ");
const STATUS_NUMBERS = STORED_STATUSES.map((_, index) => index + 1).join(", ");

export const RUNS = `
local ${STATUS_NAMES} = ${STATUS_NUMBERS}
local FINAL = { [ADDED] = true, [DUPLICATE] = true, [REJECTED] = true, [FAILED] = true, [INVALID] = true }
local RUNNING = { ${RUNNING_STATES.map((state) => `${state} = true`).join(", ")} }
local nowBytes = struct.pack('<I6', now)
local runs, runsById = {}, {}
local function runBySeq(seq)
  local run = runs[seq]
  if run == nil then
    local key = base .. ':r:' .. seq
    local state = redis.call('HGET', key, 'state')
    run = state and { seq = seq, key = key, state = state, moved = {}, windows = {} }
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

-- The window that a row's result lies in, and the result's place in it, from 0.
local function windowOf(run, row)
  local number = floor((row - 1) / ${WINDOW_ROWS})
  local window = run.windows[number]
  if not window then
    local key = run.key .. ':s:' .. floor(number / ${WINDOWS})
    local at = number % ${WINDOWS} * ${WINDOW_BYTES}
    window = { key = key, at = at, bytes = redis.call('GETRANGE', key, at, at + ${WINDOW_BYTES - 1}), changed = {} }
    run.windows[number] = window
  end
  return window, (row - 1) % ${WINDOW_ROWS}
end
local function resultIn(window, place)
  return window.changed[place] or sub(window.bytes, place * ${RESULT_BYTES} + 1, (place + 1) * ${RESULT_BYTES})
end
local function writeIn(window, place, result)
  window.changed[place] = result
  if not window.first or place < window.first then window.first = place end
  if not window.last or place > window.last then window.last = place end
end
-- 0: the row is not stored.
local function statusOf(run, row)
  local window, place = windowOf(run, row)
  local head = byte(window.changed[place] or '') or byte(window.bytes, place * ${RESULT_BYTES} + 1)
  return head and head % 16 or 0
end

local function count(run, from, to)
  local moved = run.moved
  if from > 0 then moved[from] = (moved[from] or 0) - 1 end
  moved[to] = (moved[to] or 0) + 1
end
local function textPlace(run, row)
  return run.key .. ':t:' .. floor((row - 1) / ${BLOCK_ROWS}), (row - 1) % ${BLOCK_ROWS}
end
-- facts: attempts, HTTP status and duration of an attempt, 7 bytes; its attempts are added to the row's. With false a row
-- that has the status already keeps all it has. draft: 6 bytes. mode: 0 none, 1 trace, 2 span. text: '' none, else
-- code and message with a zero byte between.
local function setResult(run, row, status, facts, draft, mode, text)
  local window, place = windowOf(run, row)
  local result = resultIn(window, place)
  local head = byte(result) or 0
  local was = head % 16
  if was == 0 or (was == status and not facts) then return end
  if was ~= status then count(run, was, status) end
  if text ~= '' then
    local key, field = textPlace(run, row)
    redis.call('HSET', key, field, text)
  elseif head >= 64 then
    local key, field = textPlace(run, row)
    redis.call('HDEL', key, field)
  end
  local attempts = struct.unpack('<I2', result, 2)
  if facts then attempts = math.min(${MAX_ATTEMPTS}, attempts + (struct.unpack('<I2', facts))) end
  writeIn(window, place, char(status + mode * 16 + (text ~= '' and 64 or 0)) .. struct.pack('<I2', attempts) ..
    (facts and sub(facts, 3) or '\\0\\0\\0\\0\\0') .. draft .. (status == QUEUED and noBytes or nowBytes))
end

local function flushRuns()
  for _, run in pairs(runs) do
    if run then
      for _, window in pairs(run.windows) do
        if window.first then
          local results = {}
          for place = window.first, window.last do results[#results + 1] = resultIn(window, place) end
          redis.call('SETRANGE', window.key, window.at + window.first * ${RESULT_BYTES}, table.concat(results))
        end
      end
      for status, by in pairs(run.moved) do
        if by ~= 0 then redis.call('HINCRBY', run.key, 'c' .. status, by) end
      end
    end
  end
end
`;
