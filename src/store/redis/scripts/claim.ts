/**
 * Rule: a request may leave only while its entry says `sending` under its own token, and an entry of somebody else's
 * is either waited for or, when its sender is gone or out of time, called unknown. Checks and their order are the
 * port's; one record is one claim, atomic and answered by itself.
 *
 * ARGV[1]: records of key, token, row, hold ms, owner, and the places in ARGV of run id, group key and limiter.
 */
import { CLAIM_ANSWERS } from "../layout.ts";
import type { Script } from "../script.ts";
import { CLOCK, ENTRIES, GROUPS, LEASES, RUNS } from "./prelude.ts";

/** Stands in the report for rows held because an earlier request's outcome is not known. */
const HELD_TEXT = "held\\0an earlier request for this row has an unknown outcome";

export const WORKER_LOST_TEXT =
  "worker_lost\\0the process that sent the row was lost before it knew the outcome";

export const claimScript: Script = {
  name: "claim",
  lua: `${CLOCK}${LEASES}${RUNS}${ENTRIES}${GROUPS}
local pauses = {}
local function pauseOf(limiter)
  local rest = pauses[limiter]
  if rest == nil then
    rest = tonumber(redis.call('HGET', base .. ':limit:' .. limiter, 'paused') or 0) - now
    pauses[limiter] = rest
  end
  return rest
end

local function claim(key, token, row, hold, owner, runId, groupKey, limiter)
  local run = runById(runId)
  if not run or not RUNNING[run.state] then return ${CLAIM_ANSWERS.stopped} end
  if FINAL[statusOf(run, row)] then return ${CLAIM_ANSWERS.done} end
  local pause = pauseOf(limiter)
  if pause > 0 then return ${CLAIM_ANSWERS.paused} + math.ceil(pause) end
  local group = groupByKey(groupKey)
  if not group or group.phase == 'new' then return ${CLAIM_ANSWERS.waitDraft} end
  local entry = readEntry(key)
  if group.phase == 'solo' and group.draft == 0 then
    local own = entry and entry.state == SENDING and entry.token == token and 1 or 0
    if group.sending > own then return ${CLAIM_ANSWERS.waitDraft} end
  end
  if not entry then
    moveEntry(key, nil, { state = SENDING, run = run.seq, row = row, group = group.seq, draft = group.draft,
      token = token, owner = owner, ['until'] = now + hold })
    return ${CLAIM_ANSWERS.claimed}
  end
  local sameRow = entry.run == run.seq and entry.row == row
  if entry.state == LANDED then
    setResult(run, row, sameRow and ADDED or DUPLICATE, nil, entry.draft, 0, '')
    return sameRow and ${CLAIM_ANSWERS.addedOwn} or ${CLAIM_ANSWERS.addedBefore}
  end
  if entry.state == UNSURE then
    setResult(run, row, UNKNOWN, nil, 0, 0, '${HELD_TEXT}')
    return ${CLAIM_ANSWERS.unknown}
  end
  if entry.token == token then return ${CLAIM_ANSWERS.claimed} end
  if sameRow or now > entry['until'] or not isHeld(entry.owner) then
    toUnknown(key, entry)
    local other = runBySeq(entry.run)
    if other and not FINAL[statusOf(other, entry.row)] then
      setResult(other, entry.row, UNKNOWN, nil, 0, 0, '${WORKER_LOST_TEXT}')
    end
    setResult(run, row, UNKNOWN, nil, 0, 0, '${WORKER_LOST_TEXT}')
    return ${CLAIM_ANSWERS.unknown}
  end
  return ${CLAIM_ANSWERS.waitSending}
end

local answers = {}
local at, packed = 1, ARGV[1]
local key, token, row, hold, owner, run, group, limiter
for n = 1, #packed / 42 do
  key, token, row, hold, owner, run, group, limiter, at = struct.unpack('<c16c8I4I4I4I2I2I2', packed, at)
  answers[n] = claim(key, token, row, hold, owner, ARGV[run], ARGV[group], ARGV[limiter])
end
flushRuns()
flushGroups()
return answers
`,
};
