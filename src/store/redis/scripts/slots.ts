/**
 * Rule: one rate for a limiter, over all processes: evenly spaced slots by GCRA, at the lowest rate that a sender of
 * the last 10 s asks for, or the ceiling below it. A pause moves the next free slot and holds back rows that have theirs
 * already (claim looks); so does the store's recovery.
 */
import type { Script } from "../script.ts";
import { CLOCK } from "./shared/clock.ts";

const SENDER_MEMORY_MS = 10_000;

/**
 * ARGV[1]: records of rate (0: none), count, and the places in ARGV of limiter and sender. Answers
 * µs and rate of each, and then 1 if they come after the store's recovery.
 */
export const slotsScript: Script = {
  name: "slots",
  lua: `${CLOCK}
local exact = time[1] * 1000 + time[2] / 1000
local recoverUntil = tonumber(redis.call('HGET', base .. ':meta', 'recoverUntil') or 0)
local limiters = {}
local function limiterOf(name)
  local limiter = limiters[name]
  if limiter == nil then
    local key = base .. ':limit:' .. name
    local f = redis.call('HMGET', key, 'next', 'paused', 'ceiling')
    limiter = { key = key, next = tonumber(f[1] or 0), paused = tonumber(f[2] or 0), ceiling = tonumber(f[3] or 0),
      senders = {} }
    local senders = redis.call('HGETALL', key .. ':s')
    for n = 1, #senders, 2 do
      local rate, seen = struct.unpack('<dd', senders[n + 1])
      if seen < now - ${SENDER_MEMORY_MS} then redis.call('HDEL', key .. ':s', senders[n])
      else limiter.senders[senders[n]] = rate end
    end
    limiters[name] = limiter
  end
  return limiter
end
local function lowest(limiter)
  local low = limiter.ceiling
  for _, rate in pairs(limiter.senders) do
    if rate > 0 and (low == 0 or rate < low) then low = rate end
  end
  return low
end

-- Every sender of this call is known before the first slot is given: the lowest rate holds for all of them.
local packed, items = ARGV[1], {}
local at = 1
for n = 1, #packed / 16 do
  local rate, count, name, sender
  rate, count, name, sender, at = struct.unpack('<dI4I2I2', packed, at)
  local limiter = limiterOf(ARGV[name])
  limiter.senders[ARGV[sender]] = rate
  redis.call('HSET', limiter.key .. ':s', ARGV[sender], struct.pack('<dd', rate, now))
  items[n] = { limiter, count }
end
local answers = {}
for n, item in ipairs(items) do
  local limiter = item[1]
  local rate = lowest(limiter)
  local start = math.max(limiter.next, exact, limiter.paused, recoverUntil)
  limiter.next = start + (rate > 0 and item[2] * 1000 / rate or 0)
  answers[n * 2 - 1] = math.ceil((start - exact) * 1000)
  answers[n * 2] = string.format('%.17g', rate)
end
for _, limiter in pairs(limiters) do
  redis.call('HSET', limiter.key, 'next', string.format('%.3f', limiter.next))
end
answers[#answers + 1] = recoverUntil > now and 1 or 0
return answers
`,
};

/** ARGV: limiter, ms. The longer of two pauses holds. */
export const pauseScript: Script = {
  name: "pause",
  lua: `${CLOCK}
local key = base .. ':limit:' .. ARGV[1]
local f = redis.call('HMGET', key, 'next', 'paused')
local paused = math.max(tonumber(f[2] or 0), now + math.ceil(ARGV[2]))
local nextFree = math.max(tonumber(f[1] or 0), paused)
redis.call('HSET', key, 'paused', string.format('%.0f', paused), 'next', string.format('%.3f', nextFree))
return redis.status_reply('OK')
`,
};
