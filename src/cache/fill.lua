-- Puts entries under KEYS, unless what is there is newer: of a higher version, or of the same one and read
-- later. ARGV: how long they stay in ms, how much of a value is looked at in bytes, an entry for each key.
-- Returns for each key 1 when it was put, and 0 when it was not.
--
-- An entry is '1 VERSION AVAILABLE HELD AS_OF'; 1 is the number of this form. Numbers are compared as they
-- are written, without leading zeros: Lua's own are exact up to 2^53 only.
local function parse(value)
    return string.match(value, '^1 (%d+) %d+ %d+ (%d+)$')
end

local function less(a, b)
    if #a ~= #b then return #a < #b end
    return a < b
end

local put = {}
for place, key in ipairs(KEYS) do
    local entry = ARGV[place + 2]
    local there = redis.pcall('GETRANGE', key, 0, ARGV[2] - 1)
    if type(there) == 'table' then there = '?' end
    local version, as_of = parse(entry)
    local version_there, as_of_there = parse(there)
    local newer = version_there
        and (less(version, version_there) or version == version_there and less(as_of, as_of_there))
    if newer then
        put[place] = 0
    else
        redis.call('SET', key, entry, 'PX', ARGV[1])
        put[place] = 1
    end
end
return put
