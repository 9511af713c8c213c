/**
 * Rule: a settlement moves ledger, result and counts in one step, and always acknowledges. `added` is believed
 * whatever the ledger says (the server has the row); every other settlement counts only for the token that claimed.
 *
 * ARGV[1]: records of key, token, row, kind, mode, attempts, HTTP status, duration, draft, and the places in ARGV of
 * run id, group key and text, and the bucket.
 */
import { SETTLE_KINDS, SETTLE_RECORD } from "../layout.ts";
import type { Script } from "../script.ts";
import { CLOCK } from "./shared/clock.ts";
import { ENTRIES, GROUPS } from "./shared/entries.ts";
import { RUNS } from "./shared/runs.ts";

const kind = (name: (typeof SETTLE_KINDS)[number]): number => SETTLE_KINDS.indexOf(name) + 1;

const LATE_TEXT = "landed_late\\0the server confirmed the row after its claim was given up";

/**
 * With `TOLD_BEFORE` the settlement was acknowledged once, and may have been forgotten with its claim: then a row
 * without an entry is no surprise, and a refusal still becomes its row's result.
 */
export const SETTLE = `${CLOCK}${RUNS}${ENTRIES}${GROUPS}
local function settleAdded(run, group, bucket, key, token, row, facts, draft, mode, text)
  local entry = readEntry(bucket, key)
  local own = entry and tokenOf(entry) == token
  if own and stateOf(entry) == LANDED then return end
  if group.draft == noBytes then
    group.draft = draft
    redis.call('HSET', group.key, 'draft', string.format('%.0f', struct.unpack('<I6', draft)))
  end
  if group.draft == draft then group.addedMoved = group.addedMoved + 1 end
  if own then
    land(group, bucket, key, entry, draft, token)
  else
    if entry or not TOLD_BEFORE then text = '${LATE_TEXT}' end
    moveEntry(group, bucket, key, entry,
      struct.pack('<BI4I4I4c6c8', LANDED, run and run.seq or 0, row, group.seq, draft, token))
  end
  if run then setResult(run, row, ADDED, facts, draft, mode, text) end
end

local function settle(run, groupKey, bucket, key, token, row, kind, facts, draft, mode, text)
  if kind == ${kind("added")} then
    return settleAdded(run, groupByKey(groupKey, true), bucket, key, token, row, facts, draft, mode, text)
  end
  local entry = readEntry(bucket, key)
  local refusal = kind == ${kind("rejected")} and REJECTED or kind == ${kind("failed")} and FAILED
  if not entry and TOLD_BEFORE and refusal and run and statusOf(run, row) == QUEUED then
    setResult(run, row, refusal, facts, noBytes, 0, text)
  end
  if not entry or tokenOf(entry) ~= token then return end
  local state, status = stateOf(entry)
  if state == LANDED then return end
  local group = groupByKey(groupKey, true)
  if kind == ${kind("unknown")} then
    if state ~= SENDING then return end
    toUnknown(group, bucket, key, entry)
    status = UNKNOWN
  else
    moveEntry(group, bucket, key, entry, false)
    status = refusal
  end
  if not status then
    -- A row that was given up for unknown is nobody's job any more: in a run that stopped it has not been sent.
    local givenUp = run and statusOf(run, row) == UNKNOWN and not RUNNING[run.state]
    status = givenUp and UNPROCESSED or QUEUED
    facts = sub(facts, 1, 2) .. '\\0\\0\\0\\0\\0'
  end
  if run then setResult(run, row, status, facts, noBytes, 0, text) end
end

local at, packed = 1, ARGV[1]
local key, token, row, kind, mode, facts, draft, run, group, text, bucket
for n = 1, #packed / ${SETTLE_RECORD} do
  key, token, row, kind, mode, facts, draft, run, group, text, bucket, at =
    struct.unpack('<c16c8I4BBc7c6I2I2I2c4', packed, at)
  settle(runById(ARGV[run]), ARGV[group], bucket, key, token, row, kind, facts, draft, mode, ARGV[text])
end
flushRuns()
flushGroups()
return redis.status_reply('OK')
`;

export const settleScript: Script = { name: "settle", lua: `local TOLD_BEFORE = false\n${SETTLE}` };
