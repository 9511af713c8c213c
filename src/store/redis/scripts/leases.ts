/** Rules of leases: a number names one process, once; a lease that ran out or was ended is never held again. */
import type { Script } from "../script.ts";
import { CLOCK, LEASES } from "./shared/clock.ts";
import { RECOVERY } from "./shared/recovery.ts";

/** How long the holder of a lost lease can still be read, for people who ask who it was. */
const REMEMBER_MS = 24 * 60 * 60 * 1000;

/** ARGV: holder, ttl ms. Answers the lease. */
export const openLeaseScript: Script = {
  name: "open-lease",
  lua: `${CLOCK}${RECOVERY}
local unchecked = requireCheckedIn()
if unchecked then return unchecked end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', base .. ':leases', '-inf', now - ${REMEMBER_MS})) do
  redis.call('ZREM', base .. ':leases', old)
  redis.call('HDEL', base .. ':holders', old)
end
local lease = redis.call('HINCRBY', base .. ':meta', 'lease', 1)
redis.call('ZADD', base .. ':leases', now + ARGV[2], lease)
redis.call('HSET', base .. ':holders', lease, ARGV[1])
return tostring(lease)
`,
};

/** ARGV: lease, ttl ms. Answers 1 if it is held. */
export const renewLeaseScript: Script = {
  name: "renew-lease",
  lua: `${CLOCK}${LEASES}
if not isHeld(ARGV[1]) then return 0 end
redis.call('ZADD', base .. ':leases', now + ARGV[2], ARGV[1])
return 1
`,
};

/** ARGV: lease. */
export const endLeaseScript: Script = {
  name: "end-lease",
  lua: `${CLOCK}
redis.call('ZREM', base .. ':leases', ARGV[1])
redis.call('HDEL', base .. ':holders', ARGV[1])
return redis.status_reply('OK')
`,
};

/** Answers lease, when it runs out, and holder of each that is held. */
export const listLeasesScript: Script = {
  name: "list-leases",
  lua: `${CLOCK}
local held = redis.call('ZRANGEBYSCORE', base .. ':leases', '(' .. now, '+inf', 'WITHSCORES')
local found = {}
for n = 1, #held, 2 do
  local holder = redis.call('HGET', base .. ':holders', held[n])
  if holder then
    local at = #found
    found[at + 1], found[at + 2], found[at + 3] = held[n], held[n + 1], holder
  end
end
return found
`,
};
