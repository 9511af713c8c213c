/**
 * Rule: a request may leave only while its entry says `sending` under its own token, and an entry of somebody else's
 * is either waited for or, when its sender is gone or out of time, called unknown. While somebody who lives holds the
 * group's lock, nothing is granted; nor while the store recovers. Checks and their order are the port's; one record is one claim, atomic and
 * answered by itself.
 *
 * ARGV[1]: records of key, token, row, hold ms, owner, the places in ARGV of run id, group key
 * and limiter, and the bucket. Answers a number for each, and then the store's time.
 */
import { CLAIM_ANSWERS, CLAIM_RECORD } from "../layout.ts";
import type { Script } from "../script.ts";
import { CLOCK, LEASES } from "./shared/clock.ts";
import { ENTRIES, GROUPS, LOST_SENDERS } from "./shared/entries.ts";
import { RECOVERY } from "./shared/recovery.ts";
import { RUNS } from "./shared/runs.ts";

/** Stands in the report for rows held because an earlier request's outcome is not known. */
const HELD_TEXT = "held\\0an earlier request for this row has an unknown outcome";

export const claimScript: Script = {
  name: "claim",
  lua: `${CLOCK}${LEASES}${RUNS}${ENTRIES}${GROUPS}${LOST_SENDERS}${RECOVERY}
local unchecked = requireCheckedIn()
if unchecked then return unchecked end
local pauses = {}
local function pauseOf(limiter)
  local rest = pauses[limiter]
  if rest == nil then
    rest = tonumber(redis.call('HGET', base .. ':limit:' .. limiter, 'paused') or 0) - now
    pauses[limiter] = rest
  end
  return rest
end

local function claim(bucket, key, token, row, hold, owner, runId, groupKey, limiter)
  local run = runById(runId)
  if not run or not RUNNING[run.state] then return ${CLAIM_ANSWERS.stopped} end
  if FINAL[statusOf(run, row)] then return ${CLAIM_ANSWERS.done} end
  local entry = readEntry(bucket, key)
  local state = stateOf(entry)
  -- What was granted before a pause, or a closed gate, stays so, however late its answer is asked for again.
  if state == SENDING and tokenOf(entry) == token then return ${CLAIM_ANSWERS.claimed} end
  if recovery > 0 then return -recovery end
  local pause = pauseOf(limiter)
  if pause > 0 then return ${CLAIM_ANSWERS.paused} + math.ceil(pause) end
  local group = groupByKey(groupKey)
  if not group or group.phase == 'new' then return ${CLAIM_ANSWERS.waitDraft} end
  if group.lockUntil > now and isHeld(group.lockOwner) then return ${CLAIM_ANSWERS.waitDraft} end
  if group.phase == 'solo' and group.draft == noBytes and group.sending > 0 then return ${CLAIM_ANSWERS.waitDraft} end
  if not entry then
    moveEntry(group, bucket, key, false, struct.pack('<BI4I4I4c6c8I4I6', SENDING, run.seq, row, group.seq, group.draft,
      token, owner, now + hold))
    return ${CLAIM_ANSWERS.claimed}
  end
  local sameRow = isRow(entry, run.seq, row)
  if state == LANDED then
    setResult(run, row, sameRow and ADDED or DUPLICATE, false, draftOf(entry), 0, '')
    return sameRow and ${CLAIM_ANSWERS.addedOwn} or ${CLAIM_ANSWERS.addedBefore}
  end
  if state == SENDING then
    if not sameRow and not isLost(entry) then return ${CLAIM_ANSWERS.waitSending} end
    loseEntry(bucket, key, entry)
  end
  setResult(run, row, UNKNOWN, false, noBytes, 0, '${HELD_TEXT}')
  return ${CLAIM_ANSWERS.unknown}
end

local answers = {}
local at, packed = 1, ARGV[1]
local key, token, row, hold, owner, run, group, limiter, bucket
for n = 1, #packed / ${CLAIM_RECORD} do
  key, token, row, hold, owner, run, group, limiter, bucket, at =
    struct.unpack('<c16c8I4I4I4I2I2I2c4', packed, at)
  answers[n] = claim(bucket, key, token, row, hold, owner, ARGV[run], ARGV[group], ARGV[limiter])
end
flushRuns()
flushGroups()
answers[#answers + 1] = now
return answers
`,
};
