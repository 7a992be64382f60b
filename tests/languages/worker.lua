-- A worker in Lua, which has stdin and stdout alone:
-- [pool lua] command = lua5.3 worker.lua, channel = stdio
local mp = require 'MessagePack'

local tasks = {
    ['lua:upcase'] = string.upper,
    ['lua:reverse'] = string.reverse,
}
io.stdout:setvbuf 'no'
-- a message is whole when it can be unpacked
local bytes = ''
for byte in function() return io.read(1) end do
    bytes = bytes .. byte
    local whole, message = pcall(mp.unpack, bytes)
    if whole then bytes = '' end
    if whole and message[1] == 0 then -- others are notifications of later versions
        local msgid, method, params = message[2], message[3], message[4]
        local done, result = true, nil -- hello: nil will do, the file names the types
        if method ~= 'hello' then
            done, result = pcall(tasks[method], params[1])
        end
        io.write('\x94\1', mp.pack(msgid), mp.pack(not done and result or nil),
            mp.pack(done and result or nil))
    end
end
