"""libmoro, by ctypes: what it is given and gives is MessagePack. The library's path is the only word."""

import ctypes
import json
import os
import pathlib
import select
import sys
from ctypes import CFUNCTYPE, byref, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint, c_uint32, c_uint64, c_void_p

import msgpack

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from conformance.notation import messages  # noqa: E402
from conformance.tagged import tag, untag  # noqa: E402

PROGRESS = CFUNCTYPE(None, c_void_p, c_uint64, c_double, c_double, c_char_p, c_void_p)
BACKPRESSURE = CFUNCTYPE(None, c_void_p, c_char_p, c_int, c_uint64, c_uint64, c_void_p)
PRIORITIES = {"high": 1, "normal": 2, "low": 3}
CAUSES = {"crash": 1, "error": 2}
WAIT_DEFAULT = -1

# what each function gives, if it is no int, and what it takes
SIGNATURES = {
    "moro_new": (c_void_p, []),
    "moro_connect": (c_int, [c_void_p, c_char_p]),
    "moro_close": (None, [c_void_p]),
    "moro_error": (c_int, [c_void_p]),
    "moro_errstr": (c_char_p, [c_void_p]),
    "moro_code_name": (c_char_p, [c_int]),
    "moro_call": (c_void_p, [c_void_p, c_char_p, c_char_p, c_size_t, c_void_p]),
    "moro_submit": (c_uint64, [c_void_p, c_char_p, c_char_p, c_size_t, c_void_p, c_void_p, c_void_p]),
    "moro_wait": (c_void_p, [c_void_p, c_uint64, c_int64]),
    "moro_cancel": (c_void_p, [c_void_p, c_uint64]),
    "moro_subscribe": (c_void_p, [c_void_p, c_char_p]),
    "moro_fd": (c_int, [c_void_p]),
    "moro_dispatch": (c_int, [c_void_p]),
    "moro_on_progress": (None, [c_void_p, PROGRESS, c_void_p]),
    "moro_on_backpressure": (None, [c_void_p, BACKPRESSURE, c_void_p]),
    "moro_options_new": (c_void_p, []),
    "moro_options_free": (None, [c_void_p]),
    "moro_options_set_priority": (c_int, [c_void_p, c_int]),
    "moro_options_set_id": (c_int, [c_void_p, c_char_p]),
    "moro_options_set_timeout": (c_int, [c_void_p, c_uint64]),
    "moro_options_set_run_timeout": (c_int, [c_void_p, c_uint64]),
    "moro_options_set_queue_timeout": (c_int, [c_void_p, c_uint64]),
    "moro_options_set_cancel_grace": (c_int, [c_void_p, c_uint64]),
    "moro_options_set_progress": (None, [c_void_p, c_int]),
    "moro_options_set_idempotent": (None, [c_void_p, c_int]),
    "moro_options_set_retry": (c_int, [c_void_p, c_uint32, c_uint64, c_uint64, c_uint]),
    "moro_options_set_wait_when_full": (None, [c_void_p, c_int]),
    "moro_options_set_batch": (None, [c_void_p, c_int]),
    "moro_reply_free": (None, [c_void_p]),
    "moro_reply_ok": (c_int, [c_void_p]),
    "moro_reply_code_name": (c_char_p, [c_void_p]),
    "moro_reply_message": (c_char_p, [c_void_p]),
    "moro_reply_reason": (c_char_p, [c_void_p]),
    "moro_reply_retryable": (c_int, [c_void_p]),
    "moro_reply_details": (c_size_t, [c_void_p]),
    "moro_reply_detail_name": (c_char_p, [c_void_p, c_size_t]),
    "moro_reply_detail_text": (c_char_p, [c_void_p, c_char_p]),
    "moro_reply_detail_number": (c_int, [c_void_p, c_char_p, c_void_p]),
    "moro_reply_result": (c_void_p, [c_void_p, c_void_p]),
}


def load(path):
    library = ctypes.CDLL(path)
    for name, (gives, takes) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = gives, takes
    return library


class Driver:
    def __init__(self, library):
        self.lib = library
        self.moro = library.moro_new()
        self.numbers, self.reports, self.news = {}, {}, []
        self.callbacks = PROGRESS(self.progress), BACKPRESSURE(self.backpressure)  # which ctypes does not keep
        library.moro_on_progress(self.moro, self.callbacks[0], None)
        library.moro_on_backpressure(self.moro, self.callbacks[1], None)

    # ---- What is called

    def progress(self, _moro, number, done, total, note, _user):
        report = {"done": done, "total": None if total < 0 else total,
                  "note": note.decode() if note else None}
        self.reports.setdefault(number, []).append({k: v for k, v in report.items() if v is not None})

    def backpressure(self, _moro, pool, high, queued, limit, _user):
        self.news.append({"pool": pool.decode(), "state": "high" if high else "low",
                          "queueSize": queued, "maxQueueSize": limit})

    # ---- Options and replies

    def options(self, given):
        if not given:
            return None
        o, lib = self.lib.moro_options_new(), self.lib
        take = {
            "priority": lambda v: lib.moro_options_set_priority(o, PRIORITIES[v]),
            "id": lambda v: lib.moro_options_set_id(o, v.encode()),
            "timeout": lambda v: lib.moro_options_set_timeout(o, v),
            "runTimeout": lambda v: lib.moro_options_set_run_timeout(o, v),
            "queueTimeout": lambda v: lib.moro_options_set_queue_timeout(o, v),
            "cancelGrace": lambda v: lib.moro_options_set_cancel_grace(o, v),
            "progress": lambda v: lib.moro_options_set_progress(o, v),
            "idempotent": lambda v: lib.moro_options_set_idempotent(o, v),
            "onFull": lambda v: lib.moro_options_set_wait_when_full(o, v == "wait"),
            "batch": lambda v: lib.moro_options_set_batch(o, v),
            "retry": lambda v: lib.moro_options_set_retry(
                o, v["max"], v["backoffMs"], v["maxBackoffMs"], sum(CAUSES[cause] for cause in v["on"])
            ),
        }
        for name, value in given.items():
            take[name](value)
        return o

    def reply(self, r):
        """The outcome that a reply is."""
        if not r:
            return self.failed()
        try:
            return self.result(r) if self.lib.moro_reply_ok(r) else {"error": self.error(r)}
        finally:
            self.lib.moro_reply_free(r)

    def result(self, r):
        size = c_size_t()
        data = ctypes.string_at(self.lib.moro_reply_result(r, byref(size)), size.value)
        return {"result": tag(messages(data)[0])}

    def error(self, r):
        lib = self.lib
        error = {"code": lib.moro_reply_code_name(r).decode(), "message": lib.moro_reply_message(r).decode(),
                 "reason": lib.moro_reply_reason(r).decode(), "retryable": bool(lib.moro_reply_retryable(r))}
        for i in range(lib.moro_reply_details(r)):
            name = lib.moro_reply_detail_name(r, i)
            number, text = c_int64(), lib.moro_reply_detail_text(r, name)
            if text is not None:
                error[name.decode()] = text.decode()
            elif lib.moro_reply_detail_number(r, name, byref(number)) == 0:
                error[name.decode()] = number.value
        return error

    def failed(self):
        code = self.lib.moro_code_name(self.lib.moro_error(self.moro)).decode()
        return {"error": {"code": code, "message": self.lib.moro_errstr(self.moro).decode()}}

    # ---- Instructions

    def do_connect(self, _):
        path = os.environ["MORO_SOCKET"].encode()
        return {"ok": True} if self.lib.moro_connect(self.moro, path) == 0 else self.failed()

    def submitted(self, given):
        options = self.options(given.get("options"))
        data = msgpack.packb(untag(given["data"]))
        number = self.lib.moro_submit(self.moro, given["type"].encode(), data, len(data), options, None, None)
        self.lib.moro_options_free(options)
        return number

    def do_call(self, given):
        options = self.options(given.get("options"))
        data = msgpack.packb(untag(given["data"]))
        reply = self.lib.moro_call(self.moro, given["type"].encode(), data, len(data), options)
        self.lib.moro_options_free(options)
        return self.reply(reply)

    def do_submit(self, given):
        number = self.submitted(given)
        self.numbers[given["as"]] = number
        self.lib.moro_dispatch(self.moro)  # writes what can be written now
        return {"ok": True} if number else self.failed()

    def do_wait(self, given):
        number = self.numbers[given["as"]]
        outcome = self.reply(self.lib.moro_wait(self.moro, number, WAIT_DEFAULT))
        return {**outcome, "progress": self.reports.pop(number, [])}

    def do_cancel(self, given):
        outcome = self.reply(self.lib.moro_cancel(self.moro, self.numbers[given["as"]]))
        return outcome if "error" in outcome else {"ok": True}

    def do_request(self, given):
        if len(given["params"]) > 1:
            return {"unsupported": "more params than one"}
        data = msgpack.packb(given["params"][0]) if given["params"] else None
        return self.reply(self.lib.moro_call(self.moro, given["method"].encode(), data, len(data or b""), None))

    def do_subscribe(self, _):
        return self.reply(self.lib.moro_subscribe(self.moro, b"backpressure"))

    def do_news(self, _):
        poll = select.poll()
        poll.register(self.lib.moro_fd(self.moro), select.POLLIN)
        while not self.news:
            poll.poll()
            if self.lib.moro_dispatch(self.moro) < 0:
                return self.failed()
        return {"news": [self.news.pop(0)]}

    def do_close(self, _):
        self.lib.moro_close(self.moro)
        return {"ok": True}


def main(words):
    driver = Driver(load(words[0]))
    for line in sys.stdin:
        given = json.loads(line)
        what = getattr(driver, f"do_{given['do']}", None)
        outcome = what(given) if what else {"unsupported": given["do"]}
        print(json.dumps(outcome), flush=True)


main(sys.argv[1:])
