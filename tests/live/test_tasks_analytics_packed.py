"""Events of analytics:process that stand packed, in the message or in a file."""

import os
import random

import msgpack
import pytest

from harness import SANITIZED, TaskError
from test_files import assert_no_leak, connect, files, range_of, submit

TASK = "analytics:process"
ASK = {"groupBy": "state", "metrics": ["sum:value", "p50:value", "distinct:who.id"],
       "interval": "1h"}

__all__ = ["files"]


def some_events(n):
    rng = random.Random(1)
    return [{"state": f"s{i % 7}", "value": rng.random(), "timestamp": i * 60_000,
             "who": {"id": rng.randrange(100)}, "tags": ["a", None, b"\0"]} for i in range(n)]


def pack(events):
    return b"".join(map(msgpack.packb, events))


@pytest.mark.parametrize("n", [0, 1, 5000])
def test_as_the_same_values(morod, files, n):
    """The result is the same, by message, by file, and as a partial one."""
    events = some_events(n)
    packed = pack(events)
    with morod(workers=1) as d, connect(d) as c:
        wanted = c.call(TASK, {"events": events, **ASK})
        assert wanted["events"] == n
        assert c.call(TASK, {"packed": packed, **ASK}) == wanted
        fd = files.make(b"before" + packed + b"behind")
        data = {"packed": range_of(0, len(packed), 6), **ASK}
        assert submit(c, TASK, data, [fd]).result() == wanted
        halves = [c.call(TASK, {"packed": part, "partial": True, **ASK})
                  for part in (pack(events[: n // 3]), pack(events[n // 3 :]))]
        assert c.call(TASK, {"merge": halves}) == wanted
        assert_no_leak(d)


def refused(c, data):
    with pytest.raises(TaskError) as caught:
        c.call(TASK, data)
    return caught.value


def test_what_is_none(morod):
    """Damaged bytes are refused with their place, other values as among events."""
    good = msgpack.packb({"a": 1})
    with morod(workers=1) as d, d.client() as c:
        for packed, words in (
            (b"\xc1", "no MessagePack at byte 0"),
            (good + b"\x81\xa1", f"ends within the event at byte {len(good)}"),
            (good + b"\x05", "packed[1] takes a map, not 5"),
            (b"\x91" * 40 + b"\x01", "nested too deep"),
            # a sanitizer may end a process that asks for so much memory
            *([] if SANITIZED else [(b"\xdf\xff\xff\xff\xff", "packed"),
                                    (b"\xdd\x00\xff\xff\xff" * 3, "packed")]),
        ):
            e = refused(c, {"packed": packed})
            assert e.code in ("INVALID_ARGUMENT", "TOO_LARGE") and words in e.message, e.message
        e = refused(c, {"packed": msgpack.packb({"a": b"x" * (1 << 20)})})
        assert (e.code, e.error["limit"]) == ("TOO_LARGE", 1 << 20)
        e = refused(c, {"packed": pack([{"v": 1}, {"v": "x"}]), "metrics": ["sum:v"]})
        assert "packed[1].v takes" in e.message
        got = c.call(TASK, {"packed": good + b"\x05", "skipInvalid": True})
        assert (got["events"], got["skipped"]["events"]) == (2, 1)
        for other in ({"events": []}, {"merge": [{}]}):
            assert "cannot be given together" in refused(c, {"packed": b"", **other}).message
        assert d.stats()["crashed"] == 0 and len(d.worker_pids()) == 1


def test_only_one_event_is_in_memory(morod):
    """As many events as never fit as values: a worker needs their bytes, and little more."""
    packed = msgpack.packb({"k": [None] * 100}) * 100_000
    with morod(workers=1) as d, d.client() as c:
        pid, = d.worker_pids()
        assert c.call(TASK, {"packed": packed})["events"] == 100_000
        with open(f"/proc/{pid}/status") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        # as values they would have 240 MB
        assert peak * 1024 < 4 * len(packed) + (64 << 20)
        assert os.path.exists(f"/proc/{pid}")
