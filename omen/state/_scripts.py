"""The atomic steps of the store in Redis: plain Lua, one script per step.

All keys have the hash tag of one slot, so that the scripts also run on a cluster. Numbers are exact
below 2**53, as Lua's are, and are written as integers. A script that runs again with the same
arguments changes nothing, because a call that exceeds its timeout is repeated.

The keys of a budget begin with the key of its scope. `:spent` is the sum of the costs, and `:by`
has the costs of each replica. `:held` has the holds as `amount:sequence:replica`, and `:leases` the
ends of their leases. `:sum` is the sum of all holds, and `:sums` has the sum of each replica. Empty
keys are deleted.
"""

from __future__ import annotations

_HELPERS = """
local function int(n) return string.format('%.0f', n) end
local function num(text) return tonumber(text or '0') end
local function now() local t = redis.call('TIME'); return tonumber(t[1]) + tonumber(t[2]) / 1e6 end
local function held(base, id)
  local text = redis.call('HGET', base .. ':held', id)
  if not text then return '0', -1, '' end
  local amount, sequence, by = string.match(text, '^(%d+):(%d+):(.*)$')
  return amount, num(sequence), by
end
local function release(base, id)
  local amount, sequence, by = held(base, id)
  if sequence < 0 then return end
  redis.call('HDEL', base .. ':held', id)
  redis.call('ZREM', base .. ':leases', id)
  if num(amount) == 0 then return end
  if redis.call('DECRBY', base .. ':sum', amount) <= 0 then
    redis.call('DEL', base .. ':sum')
  end
  if redis.call('HINCRBY', base .. ':sums', by, '-' .. amount) <= 0 then
    redis.call('HDEL', base .. ':sums', by)
  end
end
local function add(base, amount)
  -- An upstream may report any number: beyond 64 bits, INCRBY would fail for ever.
  local done = redis.pcall('INCRBY', base .. ':spent', int(amount))
  if type(done) == 'table' then redis.call('SET', base .. ':spent', '9000000000000000000') end
end
local function count(base, by, total, ttl)
  local more = num(total) - num(redis.call('HGET', base .. ':by', by))
  if more > 0 then
    redis.call('HSET', base .. ':by', by, total)
    add(base, more)
  end
  redis.call('EXPIRE', base .. ':by', ttl)
  redis.call('EXPIRE', base .. ':spent', ttl)
end
local function others(base, by)
  local spent = num(redis.call('GET', base .. ':spent'))
  local sum = num(redis.call('GET', base .. ':sum'))
  return {
    int(spent - num(redis.call('HGET', base .. ':by', by))),
    int(sum - num(redis.call('HGET', base .. ':sums', by))),
  }
end
"""

HOLD = (
    _HELPERS
    + """
-- KEYS: the mark that the id is settled; the key of the data's id; one base per cap; then further
-- bases in which the id may have a hold. ARGV: hold id, replica, sequence, lease, the expected id
-- of the data or '', the number of caps, their limits, then the amounts.
local id, by, sequence = ARGV[1], ARGV[2], num(ARGV[3])
local lease, n, at = num(ARGV[4]), num(ARGV[6]), now()
if ARGV[5] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[5] then return {'forgot'} end
local void = redis.call('EXISTS', KEYS[1]) == 1
local scarcest, least, stand = 0, nil, {}
for i = 1, n do
  local base = KEYS[2 + i]
  local ended = redis.call('ZRANGEBYSCORE', base .. ':leases', '-inf', at, 'LIMIT', 0, 64)
  for _, old in ipairs(ended) do release(base, old) end
  local mine, its = held(base, id)
  void = void or its > sequence
  local gone = num(redis.call('GET', base .. ':spent')) + num(redis.call('GET', base .. ':sum'))
  local left = num(ARGV[6 + i]) - gone + num(mine)
  stand[i] = others(base, by)
  if least == nil or left < least then least, scarcest = left, i end
end
local granted = false
for j = 7 + n, #ARGV do
  if not void and num(ARGV[j]) <= least then granted = ARGV[j]; break end
end
if granted then
  for i = 3, #KEYS do release(KEYS[i], id) end
  for i = 3, 2 + n do
    redis.call('HSET', KEYS[i] .. ':held', id, granted .. ':' .. ARGV[3] .. ':' .. by)
    redis.call('ZADD', KEYS[i] .. ':leases', at + lease, id)
    redis.call('INCRBY', KEYS[i] .. ':sum', granted)
    redis.call('HINCRBY', KEYS[i] .. ':sums', by, granted)
  end
end
return {granted or '', scarcest, int(least), stand}
"""
)

SETTLE = (
    _HELPERS
    + """
-- KEYS: the mark that the id is settled; n bases to release; then bases to count in. ARGV: hold id,
-- replica, ttl, n, then the total costs of the replica in each of them, since its start.
redis.call('SET', KEYS[1], '1', 'EX', 900)
local n, stand = num(ARGV[4]), {}
for i = 2, 1 + n do release(KEYS[i], ARGV[1]) end
for i = 2 + n, #KEYS do
  count(KEYS[i], ARGV[2], ARGV[3 - n + i], ARGV[3])
  stand[#stand + 1] = others(KEYS[i], ARGV[2])
end
return stand
"""
)

RAISE = (
    _HELPERS
    + """
-- KEYS: bases. ARGV: ttl, replica or '', then its total costs in each of them.
for i = 1, #KEYS do
  local base, total = KEYS[i], ARGV[2 + i]
  if ARGV[2] ~= '' then
    count(base, ARGV[2], total, ARGV[1])
  else
    -- The costs of unknown replicas are the sum minus the costs of the known ones.
    local rest = num(redis.call('GET', base .. ':spent'))
    for _, own in ipairs(redis.call('HVALS', base .. ':by')) do rest = rest - num(own) end
    if num(total) > rest then add(base, num(total) - rest) end
    redis.call('EXPIRE', base .. ':spent', ARGV[1])
  end
end
return 1
"""
)

TAKE = (
    _HELPERS
    + """
-- KEYS: the mark of this call; then one hash of seconds per window. ARGV: whether it may be
-- refused, then per window: limit, amount, and the earlier second to which it is added, or ''.
local at, before = now(), redis.call('GET', KEYS[1])
local second, room, states = math.floor(at), true, {}
for i = 2, #KEYS do
  local limit, amount, towards = num(ARGV[3 * i - 4]), num(ARGV[3 * i - 3]), ARGV[3 * i - 2]
  local fields, total, counts = redis.call('HGETALL', KEYS[i]), 0, {}
  for f = 1, #fields, 2 do
    local when, n = num(fields[f]), num(fields[f + 1])
    if when <= second - 60 then redis.call('HDEL', KEYS[i], fields[f])
    else total = total + n; counts[#counts + 1] = {when, n} end
  end
  table.sort(counts, function(a, b) return a[1] < b[1] end)
  local fits = total + amount <= limit
  room = room and fits
  states[i] = {total = total, counts = counts, fits = fits, limit = limit, amount = amount,
               towards = towards}
end
room = room or ARGV[1] == '0'
if before then
  -- This is a repeated call: it was counted or refused before, but its answer came too late.
  room, second = string.sub(before, 1, 1) == '1', num(string.sub(before, 2))
else
  redis.call('SET', KEYS[1], (room and '1' or '0') .. int(second), 'EX', 120)
end
local answer = {}
for i = 2, #KEYS do
  local s = states[i]
  local newest = #s.counts > 0 and s.counts[#s.counts][1] or nil
  local retry = -1
  if room then
    if s.amount ~= 0 and not before then
      if s.towards == '' then
        redis.call('HINCRBY', KEYS[i], second, s.amount)
        redis.call('EXPIRE', KEYS[i], 120)
        s.total, newest = s.total + s.amount, second
      elseif redis.call('HEXISTS', KEYS[i], s.towards) == 1 then
        redis.call('HINCRBY', KEYS[i], s.towards, s.amount)
      end
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
  answer[i - 1] = {int(s.total), tostring(resets), tostring(retry), room and int(second) or ''}
end
return answer
"""
)

DRAW = (
    _HELPERS
    + """
-- KEYS: a bucket: its level, and per replica "added taken leased lacking until". ARGV: replica,
-- seconds of the lease, size, added, taken, needed, wanted. See `_token_bucket.py`.
local by, at, size, level = ARGV[1], now(), num(ARGV[3]), nil
local mine, leased, lacking = {0, 0}, 0, 0
local fields = redis.call('HGETALL', KEYS[1])
for f = 1, #fields, 2 do
  if fields[f] == 'level' then level = num(fields[f + 1]) end
end
level = level or size
local function keep(name, added, taken, tokens, lacks, till)
  local text = table.concat({int(added), int(taken), int(tokens), int(lacks), till}, ' ')
  redis.call('HSET', KEYS[1], name, text)
end
for f = 1, #fields, 2 do
  local name = string.match(fields[f], '^r:(.*)$')
  if name then
    local pattern = '^(%S+) (%S+) (%S+) (%S+) (%S+)$'
    local added, taken, tokens, lacks, till = string.match(fields[f + 1], pattern)
    added, taken, tokens, lacks = num(added), num(taken), num(tokens), num(lacks)
    if num(till) <= at and tokens + lacks > 0 then
      level, taken = level - tokens * 1000000, taken + tokens
      tokens, lacks = 0, 0
      keep(fields[f], added, taken, 0, 0, till)
    end
    if num(till) + 3600 <= at then redis.call('HDEL', KEYS[1], fields[f])
    elseif name == by then mine = {added, taken}
    else leased, lacking = leased + tokens, lacking + lacks end
  end
end
local added, taken = num(ARGV[4]), num(ARGV[5])
level = level + math.max(0, added - mine[1]) - math.max(0, taken - mine[2]) * 1000000
level = math.max(-size, math.min(size, level))
local free = math.max(0, math.floor(level / 1000000) - leased)
local needed = math.min(num(ARGV[6]), free)
local tokens = needed + math.max(0, math.min(num(ARGV[7]) - needed, free - needed - lacking))
redis.call('HSET', KEYS[1], 'level', int(level))
local till = string.format('%.3f', at + num(ARGV[2]))
keep('r:' .. by, math.max(added, mine[1]), math.max(taken, mine[2]), tokens,
     num(ARGV[6]) - needed, till)
redis.call('EXPIRE', KEYS[1], 86400)
return tokens
"""
)

COLLECT = (
    _HELPERS
    + """
-- KEYS: a hash with the value of each replica and its expiry. Expired values are removed.
local at, valid = now(), {}
local published = redis.call('HGETALL', KEYS[1])
for f = 1, #published, 2 do
  local expiry, value = string.match(published[f + 1], '^(%S+) (.*)$')
  if num(expiry) > at then
    valid[#valid + 1] = published[f]
    valid[#valid + 1] = value
  else
    redis.call('HDEL', KEYS[1], published[f])
  end
end
return valid
"""
)
