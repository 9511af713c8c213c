/**
 * Rules of recovery: a server that may have forgotten what it acknowledged grants nothing until the processes that live
 * have had time to tell it again. What they tell never goes against what the store still knows.
 */
import { CLAIM_RECORD } from "../layout.ts";
import type { Script } from "../script.ts";
import { CLOCK } from "./shared/clock.ts";
import { ENTRIES, GROUPS } from "./shared/entries.ts";
import { RUNS } from "./shared/runs.ts";
import { SETTLE } from "./settle.ts";

/** More than can be lost: numbers given out again would name two things at once. */
const LEASE_LEAP = 10_000;
const VERSION_LEAP = 1_000_000;

/**
 * ARGV: ms of a recovery, '1' if the server forgets nothing, the run_id that the caller last saw or ''. Answers the
 * server's run_id ('-': it does not tell), ms until the recovery is over (0: there is none), and when that is.
 *
 * A verdict's version and a lease's number may have been given out in the time that was lost: what comes next must be
 * none of them.
 */
export const checkInScript: Script = {
  name: "check-in",
  lua: `${CLOCK}
local meta = base .. ':meta'
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or '-'
local f = redis.call('HMGET', meta, 'server', 'recoverUntil')
local before, recoverUntil = f[1] or ARGV[3], tonumber(f[2] or 0)
if f[1] ~= server and not (server == '-' and f[1]) then redis.call('HSET', meta, 'server', server) end
local another = server ~= '-' and before ~= server and before ~= '-' and before ~= ''
if another and ARGV[2] == '0' then
  recoverUntil = now + ARGV[1]
  redis.call('HSET', meta, 'recoverUntil', recoverUntil)
  redis.call('HINCRBY', meta, 'lease', ${LEASE_LEAP})
  for _, seq in ipairs(redis.call('HVALS', base .. ':groups')) do
    redis.call('HINCRBY', base .. ':g:' .. seq, 'version', ${VERSION_LEAP})
  end
end
return { server, math.max(0, recoverUntil - now), recoverUntil }
`,
};

/**
 * Claims that were granted, told again: what has an entry keeps it; what has none is sending, until when it was. A
 * claim whose time is over needs none: nothing of it can be applied any more.
 *
 * ARGV[1]: records of key, token, row, until, owner, the places in ARGV of run id and group key, and the bucket.
 */
export const reclaimScript: Script = {
  name: "reclaim",
  lua: `${CLOCK}${RUNS}${ENTRIES}${GROUPS}
local packed, at = ARGV[1], 1
local key, token, row, untilMs, owner, run, group, bucket
for n = 1, #packed / ${CLAIM_RECORD} do
  key, token, row, untilMs, owner, run, group, bucket, at = struct.unpack('<c16c8I4I6I4I2I2c4', packed, at)
  if now <= untilMs and not readEntry(bucket, key) then
    run, group = runById(ARGV[run]), groupByKey(ARGV[group], true)
    moveEntry(group, bucket, key, false, struct.pack('<BI4I4I4c6c8I4I6', SENDING, run and run.seq or 0, row, group.seq,
      group.draft, token, owner, untilMs))
  end
end
flushGroups()
return redis.status_reply('OK')
`,
};

/** Settlements that were acknowledged, told again. ARGV: as settle's. */
export const resettleScript: Script = {
  name: "resettle",
  lua: `local TOLD_BEFORE = true\n${SETTLE}`,
};
