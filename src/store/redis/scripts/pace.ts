/** Rules of a limiter's pace: answers are counted by all, and a ceiling is set only by who saw the one before it. */
import type { Script } from "../script.ts";
import { CLOCK } from "./shared/clock.ts";

/** ARGV: limiter, answered, refused. Answers now, version, both counts, ceiling and memory (nil where there is none). */
export const noteAnswersScript: Script = {
  name: "note-answers",
  lua: `${CLOCK}
local key = base .. ':limit:' .. ARGV[1]
local answered = redis.call('HINCRBY', key, 'answered', ARGV[2])
local refused = redis.call('HINCRBY', key, 'refused', ARGV[3])
local f = redis.call('HMGET', key, 'pace', 'ceiling', 'memory')
return { now, f[1] or 0, answered, refused, f[2], f[3] }
`,
};

/** ARGV: limiter, version, ceiling or '', memory. Answers 1 if that is the pace now. */
export const setPaceScript: Script = {
  name: "set-pace",
  lua: `${CLOCK}
local key, version = base .. ':limit:' .. ARGV[1], tonumber(ARGV[2])
local f = redis.call('HMGET', key, 'pace', 'ceiling', 'memory')
local stands = tonumber(f[1] or 0)
if stands ~= version then
  return stands == version + 1 and (f[2] or '') == ARGV[3] and f[3] == ARGV[4] and 1 or 0
end
redis.call('HSET', key, 'pace', version + 1, 'memory', ARGV[4])
if ARGV[3] == '' then redis.call('HDEL', key, 'ceiling') else redis.call('HSET', key, 'ceiling', ARGV[3]) end
return 1
`,
};
