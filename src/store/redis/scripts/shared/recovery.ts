/**
 * Lua that knows whether this server may have forgotten something. A restart or a failover can lose what was
 * acknowledged last; what shows it is the server's run_id, which is another one after each of them. (A script that is
 * missing from the server's cache would show it, too, but not always: a replica of Redis 6.2 has its master's scripts.)
 */

/**
 * `recoveryRest()`: 0 when the store holds what it was told; else the milliseconds until every living process has had
 * time to tell it again, or -1 when nobody has looked at this server yet. `requireCheckedIn`: answers an error reply
 * then, which the script runner understands; to be returned before anything is written.
 */
export const RECOVERY = `
local function recoveryRest()
  local f = redis.call('HMGET', base .. ':meta', 'server', 'recoverUntil')
  if f[1] ~= '-' then
    local info = redis.pcall('INFO', 'server')
    local mayTell = type(info) == 'string'
    if mayTell and not (f[1] and string.find(info, 'run_id:' .. f[1], 1, true)) then return -1 end
  end
  return math.max(0, tonumber(f[2] or 0) - now)
end
local recovery = recoveryRest()
local function requireCheckedIn()
  return recovery < 0 and redis.error_reply('UNCHECKED this server was not looked at yet')
end
`;
