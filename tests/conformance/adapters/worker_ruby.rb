# A worker in Ruby that tools/conformance tests: tests/languages/worker.rb with the kit's task types.
require 'msgpack'
require 'socket'

# An error with a code of the protocol.
class TaskError < StandardError
  attr_reader :code

  def initialize(code, message)
    super(message)
    @code = code
  end
end

TASKS = {
  'conform:echo' => ->(data, _) { data },
  'conform:fail' => ->(data, _) { raise TaskError.new(data['code'], data['message']) },
  'conform:attempt' => ->(_, info) { info.fetch('attempt', 1) }
}.freeze

stdio = ENV['MORO_CHANNEL'] == 'stdio'
sock = UNIXSocket.for_fd(stdio ? 0 : ENV.fetch('MORO_FD').to_i)
MessagePack::Unpacker.new(sock, allow_unknown_ext: true).each do |kind, msgid, method, params|
  next unless kind.zero?

  error = result = nil
  begin
    unknown = ->(*) { raise TaskError.new('UNKNOWN_TASK', "no type #{method}") }
    result = method == 'hello' ? { types: TASKS.keys } : TASKS.fetch(method, unknown).call(*params)
  rescue TaskError => e
    error = { code: e.code, message: e.message }
  end
  sock.write([1, msgid, error, result].to_msgpack)
end
