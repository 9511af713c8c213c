/**
 * Rule: a settlement moves ledger, result and counts in one step, and always acknowledges. `added` is believed
 * whatever the ledger says (the server has the row); every other settlement counts only for the token that claimed.
 *
 * ARGV[1]: records of key, token, row, kind, mode, attempts, HTTP status, duration, draft, and the places in ARGV of
 * run id, group key, text, and the text for an addition that nobody waited for.
 */
import { SETTLE_KINDS } from "../layout.ts";
import type { Script } from "../script.ts";
import { CLOCK, ENTRIES, GROUPS, RUNS } from "./prelude.ts";

const kind = (name: (typeof SETTLE_KINDS)[number]): number => SETTLE_KINDS.indexOf(name) + 1;

const LATE_TEXT = "landed_late\\0the server confirmed the row after its claim was given up";

export const settleScript: Script = {
  name: "settle",
  lua: `${CLOCK}${RUNS}${ENTRIES}${GROUPS}
local function settleAdded(run, group, key, token, row, facts, draft, mode, text)
  local entry = readEntry(key)
  if entry and entry.state == LANDED and entry.token == token then return end
  if not entry or entry.token ~= token then text = '${LATE_TEXT}' end
  if group.draft == 0 then
    group.draft = draft
    redis.call('HSET', group.key, 'draft', draft)
  end
  if group.draft == draft then group.moved.added = group.moved.added + 1 end
  -- An addition of a removed run still belongs to it: its number is on the entry, if it is this token's.
  local seq = run and run.seq or (entry and entry.token == token and entry.run) or 0
  moveEntry(key, entry, { state = LANDED, run = seq, row = row, group = group.seq, draft = draft, token = token })
  if run then setResult(run, row, ADDED, facts, draft, mode, text) end
end

local function settle(run, groupKey, key, token, row, kind, facts, draft, mode, text)
  if kind == ${kind("added")} then
    return settleAdded(run, groupByKey(groupKey, true), key, token, row, facts, draft, mode, text)
  end
  local entry = readEntry(key)
  if not entry or entry.token ~= token or entry.state == LANDED then return end
  local status
  if kind == ${kind("unknown")} then
    if entry.state ~= SENDING then return end
    toUnknown(key, entry)
    status = UNKNOWN
  else
    moveEntry(key, entry, nil)
    status = kind == ${kind("rejected")} and REJECTED or kind == ${kind("failed")} and FAILED or QUEUED
  end
  if run then setResult(run, row, status, facts, 0, 0, text) end
end

local at, packed = 1, ARGV[1]
local key, token, row, kind, mode, attempts, http, duration, draft, run, group, text
for n = 1, #packed / 49 do
  key, token, row, kind, mode, attempts, http, duration, draft, run, group, text, at =
    struct.unpack('<c16c8I4BBI2I2I3I6I2I2I2', packed, at)
  settle(runById(ARGV[run]), ARGV[group], key, token, row, kind, { attempts, http, duration }, draft, mode, ARGV[text])
end
flushRuns()
flushGroups()
return redis.status_reply('OK')
`,
};
