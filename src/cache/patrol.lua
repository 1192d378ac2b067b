-- Removes keys whose values stay longer than an entry does: hotrow has not put them there, and nobody would
-- look at them before somebody reads that SKU. ARGV: where to go on, the pattern of the keys, how many keys
-- to look at, how long an entry stays in ms. Returns where to go on, '0' at the end, and how many were removed.
local step = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local removed = 0
for _, key in ipairs(step[2]) do
    local left = redis.call('PTTL', key)
    if left == -1 or left > tonumber(ARGV[4]) then
        removed = removed + redis.call('UNLINK', key)
    end
end
return {step[1], removed}
