-- Copyright The QueueWorker Authors.
-- SPDX-License-Identifier: Apache-2.0
--
-- What one of Laravel's queues holds. It reads, and changes nothing.
--
-- KEYS  the list of ready jobs, the sorted set of delayed ones (score: when due),
--       the sorted set of reserved ones (score: when given out again)
-- ARGV  now in whole seconds, the span of "soon" in seconds, how many payloads to
--       look at for the oldest job, how many for timeouts, and the length above
--       which a payload is not looked at
--
-- The work is bounded: counts take logarithmic time, and no more payloads are
-- looked at than ARGV says. Times are returned as text, for Redis cuts numbers.
local list, delayed, reserved = KEYS[1], KEYS[2], KEYS[3]
local now, soon, looks, samples, longest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local function lowest(key, from, to)
  return redis.call('ZRANGEBYSCORE', key, from, to, 'WITHSCORES', 'LIMIT', 0, 1)[2] or ''
end

local function decode(payload)
  if #payload > longest then return nil end
  local fine, job = pcall(cjson.decode, payload)
  if fine and type(job) == 'table' then return job end
end

-- When a job of the list became ready, if its payload tells: Laravel writes
-- createdAt (Horizon pushedAt) when the job is dispatched, and the delay it was
-- given. A retried job does not tell when its last attempt was given back.
local function since(job)
  local created = tonumber(job.createdAt) or tonumber(job.pushedAt)
  local delay = job.delay
  if delay == nil or delay == cjson.null then delay = 0 end
  if not created or type(delay) ~= 'number' or (tonumber(job.attempts) or 0) > 0 then return nil end
  return string.format('%.3f', created + math.max(0, delay))
end

-- The first job that tells counts. One before it may have waited longer, so the
-- wait is never said to be longer than it is. The head's name tells whether it moves.
local oldest, head = '', ''
for i = 0, looks - 1 do
  local payload = redis.call('LINDEX', list, i)
  if not payload then break end
  local job = decode(payload)
  if i == 0 and job then
    local name = job.id or job.uuid
    head = type(name) == 'string' and string.sub(name, 1, 64) or ''
  end
  local told = job and since(job)
  if told then
    oldest = told
    break
  end
end

local timeout = -1
local function sample(payloads)
  for _, payload in ipairs(payloads) do
    local job = decode(payload)
    local own = job and job.timeout
    if type(own) == 'number' and own > timeout and own <= 2147483647 then timeout = own end
  end
end
if samples > 0 then
  sample(redis.call('LRANGE', list, 0, samples - 1))
  sample(redis.call('ZRANGE', delayed, 0, samples - 1))
end

local dueSoon = 0
if soon > 0 then
  dueSoon = redis.call('ZCOUNT', delayed, '(' .. now, string.format('%.0f', now + soon))
end
return {
  redis.call('LLEN', list),
  redis.call('ZCOUNT', delayed, '-inf', now),
  redis.call('ZCOUNT', delayed, '(' .. now, '+inf'),
  redis.call('ZCOUNT', reserved, '-inf', now),
  redis.call('ZCOUNT', reserved, '(' .. now, '+inf'),
  dueSoon, timeout, head, oldest,
  lowest(delayed, '-inf', now),
  lowest(reserved, '-inf', now),
  lowest(delayed, '(' .. now, '+inf'),
  lowest(reserved, '(' .. now, '+inf'),
}
