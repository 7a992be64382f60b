# A worker in Ruby: [pool ruby] command = ruby worker.rb
require 'msgpack'
require 'socket'

TASKS = {
  'ruby:upcase' => ->(data) { data.upcase },
  'ruby:reverse' => ->(data) { data.reverse }
}.freeze

sock = UNIXSocket.for_fd(ENV.fetch('MORO_FD').to_i)
MessagePack::Unpacker.new(sock).each do |kind, msgid, method, params|
  next unless kind.zero? # a notification of a later version

  error = result = nil
  begin
    result = method == 'hello' ? { types: TASKS.keys } : TASKS.fetch(method).call(params[0])
  rescue StandardError => e
    error = { code: 'WORKER_ERROR', message: "#{e.class}: #{e.message}" }
  end
  sock.write([1, msgid, error, result].to_msgpack)
end
