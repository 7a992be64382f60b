# A client in Ruby that tools/conformance tests: tests/languages/client.rb as a driver.
require 'json'
require 'msgpack'
require 'socket'

# What the server said, or that it has gone: code and message.
class CallError < StandardError
  attr_reader :code

  def initialize(code, message)
    super(message)
    @code = code
  end
end

# Calls, and their answers in whatever order.
class Client
  def connect(path)
    @sock = UNIXSocket.new(path)
    @unpacker = MessagePack::Unpacker.new(@sock, allow_unknown_ext: true)
    @answers = {}
    @msgid = 0
  end

  def submit(type, data, options)
    @sock.write([0, @msgid += 1, type, options ? [data, options] : [data]].to_msgpack)
    @msgid
  end

  def wait(msgid)
    until @answers.key?(msgid)
      kind, *rest = @unpacker.read
      raise CallError.new('GARBLED', 'no message') unless [0, 1, 2].include?(kind)

      @answers[rest[0]] ||= rest[1..] if kind == 1
    end
    error, result = @answers.delete(msgid)
    raise CallError.new(*error.to_s.split(': ', 2)) if error

    result
  end
end

def untag(value)
  case value
  when Array then value.map { |v| untag(v) }
  when Hash
    return [value['$bin']].pack('H*') if value.key?('$bin')
    return value['$int'].to_i if value.key?('$int')
    return value['$repeat'][0] * value['$repeat'][1] if value.key?('$repeat')
    return MessagePack::ExtensionValue.new(value['$ext'][0], [value['$ext'][1]].pack('H*')) if value.key?('$ext')

    value.transform_values { |v| untag(v) }
  else value
  end
end

def tag(value)
  case value
  when Array then value.map { |v| tag(v) }
  when Hash then value.to_h { |k, v| [k.to_s, tag(v)] }
  when String
    value.encoding == Encoding::BINARY ? { '$bin' => value.unpack1('H*') } : value.scrub
  when Integer then value.abs > 1 << 53 ? { '$int' => value.to_s } : value
  when Float then value.finite? ? value : { '$float' => value.nan? ? 'nan' : value.to_s.downcase[0..-6] }
  when MessagePack::ExtensionValue then { '$ext' => [value.type, value.payload.unpack1('H*')] }
  else value
  end
end

def follow(client, numbers, given)
  call = -> { client.submit(given['type'], untag(given['data']), given['options']) }
  case given['do']
  when 'connect' then client.connect(ENV.fetch('MORO_SOCKET'))
  when 'call' then return { result: tag(client.wait(call.call)) }
  when 'submit' then numbers[given['as']] = call.call
  when 'wait' then return { result: tag(client.wait(numbers[given['as']])) }
  else return { unsupported: given['do'] }
  end
  { ok: true }
rescue CallError => e
  { error: { code: e.code, message: e.message } }
rescue StandardError, NoMemoryError => e # the gem makes room for what an array announces
  { error: { code: 'LOST', message: "#{e.class}: #{e.message}" } }
end

client = Client.new
numbers = {}
$stdout.sync = true
$stdin.each_line { |line| puts JSON.generate(follow(client, numbers, JSON.parse(line))) }
