/** Rules of rows: stored once, whatever the batch they come in; read in order. */
import { BLOCK_ROWS, CHUNK_ROWS, RESULT_BYTES } from "../layout.ts";
import type { Script } from "../script.ts";
import { CLOCK } from "./shared/clock.ts";
import { RUNS, WINDOW_BYTES } from "./shared/runs.ts";

/**
 * ARGV[1]: run id; ARGV[2]: records of row, status, draft, length of identity, place in ARGV of text;
 * ARGV[3]: the identities. A row that is there keeps what it has. Answers 0 when there is no such run.
 */
export const putRowsScript: Script = {
  name: "put-rows",
  lua: `${CLOCK}${RUNS}
local run = runById(ARGV[1])
if not run then return 0 end
local packed, identities = ARGV[2], ARGV[3]
local blocks, highest = {}, 0
local at, from = 1, 1
local row, status, draft, length, text
for n = 1, #packed / 15 do
  row, status, draft, length, text, at = struct.unpack('<I4Bc6I2I2', packed, at)
  if statusOf(run, row) == 0 then
    local window, place = windowOf(run, row)
    if window.bytes == '' then
      -- At full length at once: a string that grows is given up to twice what it needs.
      redis.call('SETRANGE', window.key, ${CHUNK_ROWS * RESULT_BYTES - 1}, '\\0')
      window.bytes = string.rep('\\0', ${WINDOW_BYTES})
    end
    local flag = 0
    if ARGV[text] ~= '' then
      local key, field = textPlace(run, row)
      redis.call('HSET', key, field, ARGV[text])
      flag = 64
    end
    writeIn(window, place, char(status + flag) .. '\\0\\0\\0\\0\\0\\0\\0' .. draft ..
      (status == QUEUED and noBytes or nowBytes))
    count(run, 0, status)
    local number = floor((row - 1) / ${BLOCK_ROWS})
    local block = blocks[number]
    if not block then
      block = {}
      blocks[number] = block
    end
    block[#block + 1] = (row - 1) % ${BLOCK_ROWS}
    block[#block + 1] = sub(identities, from, from + length - 1)
    if row > highest then highest = row end
  end
  from = from + length
end
for number, block in pairs(blocks) do
  redis.call('HSET', run.key .. ':i:' .. number, unpack(block))
end
if highest > tonumber(redis.call('HGET', run.key, 'highest') or 0) then
  redis.call('HSET', run.key, 'highest', highest)
end
flushRuns()
return 1
`,
};

/** Results looked at in one call while rows of certain statuses are searched for. */
const SCAN_CHUNKS = 5;

/**
 * ARGV: run id, first row, limit, and one character per status number, '1' where it is wanted. Answers the row to go
 * on from (0: there are no more), then row, result, identity and text of each row found.
 */
export const readRowsScript: Script = {
  name: "read-rows",
  lua: `${CLOCK}${RUNS}
local run = runById(ARGV[1])
if not run then return { 0 } end
local row, limit, wanted, there = tonumber(ARGV[2]), tonumber(ARGV[3]), {}, false
for status = 1, #ARGV[4] do
  wanted[status] = sub(ARGV[4], status, status) == '1'
  if wanted[status] and tonumber(redis.call('HGET', run.key, 'c' .. status) or 0) > 0 then there = true end
end
if not there then return { 0 } end
local highest = tonumber(redis.call('HGET', run.key, 'highest') or 0)
local found, read = { 0 }, 0
local identityKey, identities, texts
local chunks = 0
while row <= highest and read < limit and chunks < ${SCAN_CHUNKS} do
  local chunkKey = run.key .. ':s:' .. floor((row - 1) / ${CHUNK_ROWS})
  local offset = (row - 1) % ${CHUNK_ROWS} * ${RESULT_BYTES}
  local chunk = redis.call('GET', chunkKey) or ''
  chunks = chunks + 1
  repeat
    local head = byte(chunk, offset + 1) or 0
    if wanted[head % 16] then
      local block, field = floor((row - 1) / ${BLOCK_ROWS}), tostring((row - 1) % ${BLOCK_ROWS})
      local key = run.key .. ':i:' .. block
      if key ~= identityKey then
        identityKey, identities, texts = key, {}, nil
        local all = redis.call('HGETALL', key)
        for n = 1, #all, 2 do identities[all[n]] = all[n + 1] end
      end
      local text = ''
      if head >= 64 then
        local textKey, textField = textPlace(run, row)
        text = redis.call('HGET', textKey, textField) or ''
      end
      local n = #found
      found[n + 1], found[n + 2] = row, sub(chunk, offset + 1, offset + ${RESULT_BYTES})
      found[n + 3], found[n + 4] = identities[field] or '', text
      read = read + 1
    end
    row = row + 1
    offset = offset + ${RESULT_BYTES}
  until offset >= ${CHUNK_ROWS * RESULT_BYTES} or row > highest or read >= limit
end
if row <= highest then found[1] = row end
return found
`,
};
