# A client in Ruby: ruby client.rb TYPE TEXT [SOCKET]
require 'msgpack'
require 'socket'

type, text, path = ARGV
sock = UNIXSocket.new(path || ENV.fetch('MORO_SOCKET'))
sock.write([0, 1, type, [text, { 'timeout' => 5000 }]].to_msgpack)
_, _msgid, error, result = MessagePack::Unpacker.new(sock).read
abort error if error # "CODE: message"
puts result
