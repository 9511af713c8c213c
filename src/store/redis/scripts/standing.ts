/**
 * Rules of rows that nobody sends at the moment: given up while nothing of theirs is sent, taken up again by a run that
 * goes on, and carried after the ledger once it knows what became of their requests.
 */
import type { Script } from "../script.ts";
import { CLOCK } from "./shared/clock.ts";
import { ENTRIES } from "./shared/entries.ts";
import { RUNS } from "./shared/runs.ts";

/**
 * Rule: a row is `unprocessed` only while its run grants no claims, and when nothing of its own is being sent.
 * ARGV[1]: run id; ARGV[2]: records of key and row. Answers how many were written.
 */
export const markUnprocessedScript: Script = {
  name: "mark-unprocessed",
  lua: `${CLOCK}${RUNS}${ENTRIES}
local run = runById(ARGV[1])
if not run or RUNNING[run.state] then return 0 end
local packed, at, marked = ARGV[2], 1, 0
local key, row
for n = 1, #packed / 20 do
  key, row, at = struct.unpack('<c16I4', packed, at)
  if statusOf(run, row) == QUEUED then
    local entry = readEntry(bucketOf(key), key)
    if not (stateOf(entry) == SENDING and isRow(entry, run.seq, row)) then
      setResult(run, row, UNPROCESSED, false, noBytes, 0, '')
      marked = marked + 1
    end
  end
end
flushRuns()
return marked
`,
};

/**
 * Rule: only a run that grants claims takes rows up again. ARGV: run id, first and last row. Answers how many were
 * queued.
 */
export const requeueScript: Script = {
  name: "requeue",
  lua: `${CLOCK}${RUNS}
local run = runById(ARGV[1])
if not run or not RUNNING[run.state] then return 0 end
local queued = 0
for row = math.max(1, tonumber(ARGV[2])), tonumber(ARGV[3]) do
  if statusOf(run, row) == UNPROCESSED then
    setResult(run, row, QUEUED, false, noBytes, 0, '')
    queued = queued + 1
  end
end
flushRuns()
return queued
`,
};

/**
 * Rule: a row stays unknown no longer than its entry is in doubt. ARGV[1]: run id; ARGV[2]: records of key and row.
 * Answers how many changed.
 */
export const reconcileScript: Script = {
  name: "reconcile",
  lua: `${CLOCK}${RUNS}${ENTRIES}
local run = runById(ARGV[1])
if not run then return 0 end
local packed, at, changed = ARGV[2], 1, 0
local unsent = (RUNNING[run.state] or run.state == 'verifying') and QUEUED or UNPROCESSED
local key, row
for n = 1, #packed / 20 do
  key, row, at = struct.unpack('<c16I4', packed, at)
  if statusOf(run, row) == UNKNOWN then
    local entry = readEntry(bucketOf(key), key)
    if not entry then
      setResult(run, row, unsent, false, noBytes, 0, '')
      changed = changed + 1
    elseif stateOf(entry) == LANDED then
      setResult(run, row, isRow(entry, run.seq, row) and ADDED or DUPLICATE, false, draftOf(entry), 0, '')
      changed = changed + 1
    end
  end
end
flushRuns()
return changed
`,
};
