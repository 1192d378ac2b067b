-- Puts entries under those of KEYS whose values are still what somebody saw, so that a value that was put
-- there meanwhile stays. ARGV: how long they stay in ms, how much of a value is looked at in bytes, then for
-- each key what was seen, as read.lua returns it, and the entry; an entry that is '' removes the key.
-- Returns for each key 1 when it was done, and 0 when it was not.
local done = {}
for place, key in ipairs(KEYS) do
    local seen, entry = ARGV[2 * place + 1], ARGV[2 * place + 2]
    local there = redis.pcall('GETRANGE', key, 0, ARGV[2] - 1)
    if type(there) == 'table' then there = '?' end
    if there ~= seen then
        done[place] = 0
    elseif entry == '' then
        redis.call('DEL', key)
        done[place] = 1
    else
        redis.call('SET', key, entry, 'PX', ARGV[1])
        done[place] = 1
    end
end
return done
