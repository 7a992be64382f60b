-- A client in Lua: lua5.3 client.lua TYPE TEXT [SOCKET]
local mp = require 'MessagePack'
local unix = require 'socket.unix'

local sock = assert(unix())
assert(sock:connect(arg[3] or os.getenv 'MORO_SOCKET'))
assert(sock:send(mp.pack { 0, 1, arg[1], { arg[2], { timeout = 5000 } } }))
-- the answer ends where a whole message does
local bytes, whole, answer = '', false, nil
repeat
    bytes = bytes .. assert(sock:receive(1))
    whole, answer = pcall(mp.unpack, bytes)
until whole
if answer[3] then
    io.stderr:write(answer[3], '\n') -- "CODE: message"
    os.exit(1)
end
print(answer[4])
