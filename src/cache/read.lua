-- The values of KEYS, of each the first ARGV[1] bytes: nothing longer can be an entry. Nothing is '', and a
-- value of another type is '?', which is no entry either.
local values = {}
for place, key in ipairs(KEYS) do
    local value = redis.pcall('GETRANGE', key, 0, ARGV[1] - 1)
    if type(value) == 'table' then value = '?' end
    values[place] = value
end
return values
