"""
A client with nothing but msgpack, and the driver around it: what a new one may begin with. With the name
of a fault it has that fault, so that tests see the kit find it.
"""

import json
import os
import pathlib
import socket
import sys
import time

import msgpack

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from conformance.tagged import tag, untag  # noqa: E402

FOR_EVER_S = 3600


class CallError(Exception):
    """An error of the protocol, or of the connection."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Client:
    def __init__(self):
        self.next = 1
        self.answers = {}

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.unpacker = msgpack.Unpacker(
            strict_map_key=False, unicode_errors="surrogateescape", max_buffer_size=1 << 30
        )
        try:
            self.sock.connect(os.environ["MORO_SOCKET"])
        except OSError as e:
            raise CallError("NO_SERVER", e.strerror) from None

    def number(self):
        self.next += 1
        return self.next - 1

    def pack(self, message):
        return msgpack.packb(message)

    def params(self, data, options):
        return [data, options] if options else [data]

    def submit(self, method, data, options=None):
        number = self.number()
        try:
            self.sock.sendall(self.pack([0, number, method, self.params(data, options)]))
        except OSError:
            pass  # the answer tells
        return number

    def receive(self):
        """The next message."""
        while True:
            try:
                for message in self.unpacker:
                    return message
                data = self.sock.recv(65536)
            except OSError:
                data = b""
            except (ValueError, MemoryError, TypeError, msgpack.UnpackException) as e:
                raise CallError("GARBLED", str(e) or type(e).__name__) from None
            if not data:
                return self.lost()
            self.unpacker.feed(data)

    def lost(self):
        raise CallError("LOST", "the server closed the connection")

    def take(self, message):
        if not isinstance(message, list) or message[:1] not in ([0], [1], [2]):
            raise CallError("GARBLED", "the server sent what is no message")
        if message[0] == 1:
            self.answers.setdefault(message[1], message[2:])

    def wait(self, number):
        while number not in self.answers:
            self.take(self.receive())
        error, result = self.answers.pop(number)
        if error is not None:
            raise self.error(error)
        return result

    def error(self, error):
        code, colon, message = str(error).partition(": ")
        return CallError(code, message) if colon else CallError("INTERNAL", str(error))


class Driver:
    """Follows the contract of proto/CONFORMANCE.md."""

    def __init__(self, client):
        self.client = client
        self.numbers = {}

    def do(self, given):
        what = getattr(self, "do_" + given["do"], None)
        if what is None:
            return {"unsupported": given["do"]}
        try:
            return what(given)
        except CallError as e:
            return {"error": {"code": e.code, "message": str(e)}}

    def do_connect(self, _):
        self.client.connect()
        return {"ok": True}

    def do_submit(self, given):
        number = self.client.submit(given["type"], untag(given["data"]), given.get("options"))
        self.numbers[given["as"]] = number
        return {"ok": True}

    def do_wait(self, given):
        return {"result": tag(self.client.wait(self.numbers[given["as"]]))}

    def do_call(self, given):
        number = self.client.submit(given["type"], untag(given["data"]), given.get("options"))
        return {"result": tag(self.client.wait(number))}


# ---- Faults, each the name of a class below with dashes


class MsgidReuse(Client):
    def number(self):
        return 1


class MsgidNegative(Client):
    def number(self):
        return -super().number()


class HangsAtEnd(Client):
    def lost(self):
        time.sleep(FOR_EVER_S)


class NilAtEnd(Client):
    def lost(self):
        return [1, self.next - 1, None, None]


class FirstAnswer(Client):
    def take(self, message):
        if message[0] == 1:
            self.answers[self.wanted] = message[2:]

    def wait(self, number):
        self.wanted = number
        return super().wait(number)


class LastAnswer(Client):
    """Of two answers that have come the last one counts."""

    def take(self, message):
        for one in [message, *self.unpacker]:
            self.answers[one[1]] = one[2:]


class OneRead(Client):
    def receive(self):
        try:
            return msgpack.unpackb(self.sock.recv(1 << 23), strict_map_key=False)
        except ValueError as e:
            raise CallError("GARBLED", str(e)) from None


class DropsRest(Client):
    def receive(self):
        message = super().receive()
        for _ in self.unpacker:
            pass
        return message


class TextAsBytes(Client):
    def params(self, data, options):
        return super().params(data.encode() if isinstance(data, str) else data, options)


class BytesAsText(Client):
    def pack(self, message):
        return msgpack.packb(message, use_bin_type=False)


class IntegersAsFloats(Client):
    def params(self, data, options):
        return super().params([float(n) if type(n) is int else n for n in data] if isinstance(data, list) else data,
                              options)


class SnakeOptions(Client):
    def params(self, data, options):
        return super().params(data, options and {"time_out": options["timeout"]})


class DropsOptions(Client):
    def params(self, data, options):
        return [data]


class BareParams(Client):
    def params(self, data, options):
        return data


class DiesOfNotification(Client):
    def take(self, message):
        if message[0] != 1:
            raise CallError("GARBLED", "no answer")
        super().take(message)


class ErrorAsResult(Client):
    def error(self, error):
        return None

    def wait(self, number):
        try:
            return super().wait(number)
        except TypeError:  # raise None
            return None


class LosesCode(Client):
    def error(self, error):
        return CallError("INTERNAL", str(error).partition(": ")[2])


class LosesMessage(Client):
    def error(self, error):
        return CallError(str(error).partition(": ")[0], "")


class NilIsNoAnswer(Client):
    def wait(self, number):
        while True:
            while number not in self.answers:
                self.take(self.receive())
            if self.answers[number] != [None, None]:
                return super().wait(number)
            del self.answers[number]


class RoundsIntegers(Client):
    def wait(self, number):
        result = super().wait(number)
        return float(result) if type(result) is int and result >= 1 << 53 else result


class BytesBecomeText(Client):
    def wait(self, number):
        result = super().wait(number)
        return result.decode("latin-1") if isinstance(result, bytes) else result


class Newlines(Client):
    def pack(self, message):
        return super().pack(message) + b"\n"


def main(words):
    faults = {kind.__name__: kind for kind in Client.__subclasses__()}
    kind = faults["".join(part.title() for part in words[0].split("-"))] if words else Client
    driver = Driver(kind())
    for line in sys.stdin:
        print(json.dumps(driver.do(json.loads(line))), flush=True)


main(sys.argv[1:])
