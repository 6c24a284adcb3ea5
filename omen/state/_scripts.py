"""The steps that must not be divided, as Redis runs them: plain Lua, one script a step.

All keys carry the hash tag of one slot, so that the scripts run on a cluster as well. Amounts are
below 2**53, where Lua's numbers are exact; they are written as integers.
"""

from __future__ import annotations

_HELPERS = """
local function int(n) return string.format('%.0f', n) end
local function now() local t = redis.call('TIME'); return tonumber(t[1]) + tonumber(t[2]) / 1e6 end
local function release(base, id)
  local held = redis.call('HGET', base .. ':held', id)
  if held then
    redis.call('HDEL', base .. ':held', id)
    redis.call('ZREM', base .. ':leases', id)
    redis.call('DECRBY', base .. ':sum', held)
  end
end
"""

HOLD = (
    _HELPERS
    + """
-- KEYS: one base a cap. ARGV: hold id, lease, number of caps, their limits, then the amounts.
local id, lease, n, at = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), now()
local scarcest, least, known = 0, nil, {}
for i = 1, n do
  local base = KEYS[i]
  release(base, id) -- asked a second time, the first answer having come too late
  local ended = redis.call('ZRANGEBYSCORE', base .. ':leases', '-inf', at, 'LIMIT', 0, 64)
  for _, old in ipairs(ended) do
    release(base, old)
  end
  local spent = tonumber(redis.call('GET', base .. ':spent') or '0')
  local sum = tonumber(redis.call('GET', base .. ':sum') or '0')
  local left = tonumber(ARGV[3 + i]) - spent - sum
  known[i] = int(spent + sum)
  if least == nil or left < least then least, scarcest = left, i end
end
local granted = false
for j = 4 + n, #ARGV do
  if tonumber(ARGV[j]) <= least then granted = ARGV[j]; break end
end
if granted then
  for i = 1, n do
    redis.call('HSET', KEYS[i] .. ':held', id, granted)
    redis.call('ZADD', KEYS[i] .. ':leases', at + lease, id)
    redis.call('INCRBY', KEYS[i] .. ':sum', granted)
  end
end
return {granted or '', scarcest, int(least), known}
"""
)

SETTLE = (
    _HELPERS
    + """
-- KEYS: a marker, n bases to release, then bases to add to. ARGV: hold id, ttl, n, amounts.
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', 900) then return 0 end
local n = tonumber(ARGV[3])
for i = 2, 1 + n do release(KEYS[i], ARGV[1]) end
for i = 2 + n, #KEYS do
  redis.call('INCRBY', KEYS[i] .. ':spent', ARGV[2 - n + i])
  redis.call('EXPIRE', KEYS[i] .. ':spent', ARGV[2])
end
return 1
"""
)

RAISE = """
for i = 1, #KEYS do
  local spent = tonumber(redis.call('GET', KEYS[i] .. ':spent') or '0')
  if spent < tonumber(ARGV[i + 1]) then
    redis.call('SET', KEYS[i] .. ':spent', ARGV[i + 1], 'EX', ARGV[1])
  end
end
return 1
"""

TAKE = (
    _HELPERS
    + """
-- KEYS: one hash of seconds a window. ARGV: whether it may be refused, then limit and amount each.
local at = now()
local second, room, states = math.floor(at), true, {}
for i = 1, #KEYS do
  local limit, amount = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local fields, total, counts = redis.call('HGETALL', KEYS[i]), 0, {}
  for f = 1, #fields, 2 do
    local when, count = tonumber(fields[f]), tonumber(fields[f + 1])
    if when <= second - 60 then redis.call('HDEL', KEYS[i], fields[f])
    else total = total + count; counts[#counts + 1] = {when, count} end
  end
  table.sort(counts, function(a, b) return a[1] < b[1] end)
  local fits = total + amount <= limit
  room = room and fits
  states[i] = {total = total, counts = counts, fits = fits, limit = limit, amount = amount}
end
local answer = {}
for i = 1, #KEYS do
  local s = states[i]
  local newest = #s.counts > 0 and s.counts[#s.counts][1] or nil
  local retry = -1
  if room or ARGV[1] == '0' then
    if s.amount ~= 0 then
      redis.call('HINCRBY', KEYS[i], second, s.amount)
      redis.call('EXPIRE', KEYS[i], 120)
      s.total, newest = s.total + s.amount, second
    end
  elseif not s.fits then
    local left = s.total
    retry = 60
    for _, c in ipairs(s.counts) do
      left = left - c[2]
      if left + s.amount <= s.limit then retry = c[1] + 60 - at; break end
    end
  end
  local resets = newest and newest + 60 - at or 0
  answer[i] = {int(s.total), tostring(resets), tostring(retry)}
end
return answer
"""
)
