/** Lua that scripts begin with: the store's clock, names for what they use most, and who holds a lease. */

/** The store's clock: Redis's own, in whole milliseconds. `noBytes`: a draft or time that is not known. */
export const CLOCK = `
local base = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local floor, byte, sub, char = math.floor, string.byte, string.sub, string.char
local noBytes = '\\0\\0\\0\\0\\0\\0'
`;

/** Leases: held while its time has not come, looked up once per call. */
export const LEASES = `
local leaseHeld = {}
local function isHeld(lease)
  local held = leaseHeld[lease]
  if held == nil then
    local expires = redis.call('ZSCORE', base .. ':leases', lease)
    held = expires ~= false and tonumber(expires) > now
    leaseHeld[lease] = held
  end
  return held
end
`;
