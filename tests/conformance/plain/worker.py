"""
A worker with nothing but msgpack. With the name of a fault it has that fault, so that tests see the kit
find it.
"""

import os
import select
import socket
import sys
import time

import msgpack

FOR_EVER_S = 3600
LOOK_S = 0.01


class TaskError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Worker:
    def __init__(self):
        fd = 0 if os.environ.get("MORO_CHANNEL") == "stdio" else int(os.environ["MORO_FD"])
        self.sock = socket.socket(fileno=fd)
        self.unpacker = msgpack.Unpacker(
            strict_map_key=False, unicode_errors="surrogateescape", max_buffer_size=1 << 30
        )
        self.early = []

    def send(self, message):
        self.sock.sendall(msgpack.packb(message, unicode_errors="surrogateescape"))

    def read(self):
        data = self.sock.recv(1 << 20)
        if not data:
            self.end()
        self.unpacker.feed(data)
        self.early += self.unpacker

    def end(self):
        sys.exit(0)

    def serve(self):
        while True:
            while not self.early:
                self.read()
            self.take(self.early.pop(0))

    def take(self, message):
        if message[0] == 0:
            self.answer(*message[1:])

    def answer(self, number, method, params):
        try:
            result = self.hello() if method == "hello" else self.run(number, method, *params)
        except TaskError as e:
            self.send([1, number, {"code": e.code, "message": str(e)}, None])
        except (TypeError, ValueError) as e:
            self.send([1, number, {"code": "WORKER_ERROR", "message": str(e)}, None])
        else:
            self.send([1, number, None, result])

    def hello(self):
        names = ("echo", "fail", "attempt", "progress")
        slow = {"name": "conform:slow", "softCancel": True}
        return {"types": [*(f"conform:{name}" for name in names), slow]}

    def run(self, number, method, data, info):
        name = method.partition("conform:")[2]
        if name == "echo":
            return data
        if name == "fail":
            raise TaskError(data["code"], data["message"])
        if name == "attempt":
            return info.get("attempt", 1)
        if name == "progress":
            self.report(number, data, info)
            return data
        if name == "slow":
            return self.slow(number, data, info)
        raise TaskError("UNKNOWN_TASK", f"no type {method}")

    def report(self, number, done, info):
        if info.get("progress"):
            self.send([2, "progress", [number, {"done": done}]])

    def slow(self, number, ms, info):
        self.report(number, 0, info)
        end = time.monotonic() + ms / 1000
        while time.monotonic() < end and not self.cancelled(number):
            if select.select([self.sock], [], [], LOOK_S)[0]:
                self.read()
        return "done"

    def cancelled(self, number):
        return [2, "cancel", [number]] in self.early


# ---- Faults, each the name of a class below with dashes


class TypesAsText(Worker):
    def hello(self):
        return {"types": "conform:echo"}


class TextForTrue(Worker):
    def hello(self):
        return {"types": [{"name": "conform:echo", "softCancel": "yes"}]}


class AnswersTwice(Worker):
    def send(self, message):
        super().send(message)
        if message[0] == 1 and message[1] > 0:
            super().send(message)


class WrongMsgid(Worker):
    def send(self, message):
        super().send([1, message[1] + 1, *message[2:]] if message[0] == 1 and message[1] > 0 else message)


class SmallMsgid(Worker):
    def send(self, message):
        super().send([1, message[1] & 0xFF, *message[2:]] if message[0] == 1 else message)


class DiesOfUnknownType(Worker):
    def run(self, number, method, data, info):
        if not method.startswith("conform:"):
            sys.exit(1)
        return super().run(number, method, data, info)


class SilentOnFailure(Worker):
    def send(self, message):
        if message[0] != 1 or message[2] is None:
            super().send(message)


class ErrorAsResult(Worker):
    def send(self, message):
        super().send([1, message[1], None, str(message[2])] if message[0] == 1 and message[2] else message)


class ErrorAndResult(Worker):
    def send(self, message):
        super().send([*message[:3], "failed"] if message[0] == 1 and message[2] else message)


class ForgetsCancel(Worker):
    def cancelled(self, number):
        return False


class CancelsAnything(Worker):
    def slow(self, number, ms, info):
        result = super().slow(number, ms, info)
        if any(m[:2] == [2, "cancel"] for m in self.early):
            raise TaskError("WORKER_ERROR", "stopped")
        return result


class CancelWithoutAnswer(Worker):
    def slow(self, number, ms, info):
        super().slow(number, ms, info)
        time.sleep(FOR_EVER_S)


class ProgressToAll(Worker):
    def report(self, number, done, info):
        super().report(number, done, {"progress": True})


class StaysAtEnd(Worker):
    def end(self):
        time.sleep(FOR_EVER_S)


class OneRead(Worker):
    def read(self):
        data = self.sock.recv(1 << 23)
        if not data:
            self.end()
        self.early.append(msgpack.unpackb(data, strict_map_key=False))


class BytesAsText(Worker):
    def run(self, number, method, data, info):
        result = super().run(number, method, data, info)
        return result.decode("latin-1") if isinstance(result, bytes) else result


class Prints(Worker):
    def serve(self):
        self.sock.sendall(b"starting\n")
        super().serve()


class DiesOfNotification(Worker):
    def take(self, message):
        if message[0] != 0:
            sys.exit(1)
        super().take(message)


class NoHello(Worker):
    def answer(self, number, method, params):
        if method != "hello":
            super().answer(number, method, params)


class HelloByNumber(Worker):
    """Expects hello's params to be as they are in version 1."""

    def answer(self, number, method, params):
        if method == "hello" and set(params[0]) != {"proto", "server", "pool", "worker", "types"}:
            sys.exit(1)
        super().answer(number, method, params)


def main(words):
    faults = {kind.__name__: kind for kind in Worker.__subclasses__()}
    kind = faults["".join(part.title() for part in words[0].split("-"))] if words else Worker
    kind().serve()


main(sys.argv[1:])
