"""What a module can do with moro_module.h: the types of tests/modules/whole.c."""

import os
import re
import subprocess

import msgpack
import pytest

from harness import BUILD, DEADLINE, ROOT, SANITIZED, Daemon, TaskError
from test_files import connect, range_of, submit

WHOLE = BUILD / "tests" / "modules" / "whole.so"
HEADER = ROOT / "worker" / "moro_module.h"


@pytest.fixture(scope="module")
def server():
    with Daemon(module=WHOLE, workers=1) as d:
        yield d


@pytest.fixture
def c(server):
    with connect(server) as client:
        yield client


def refused(c, type_, data, **options):
    with pytest.raises(TaskError) as caught:
        c.call(type_, data, **options)
    return caught.value


def test_fields_that_are_given(c):
    """Each is what was sent, by its name or its other one."""
    got = c.call("whole:fields", {
        "integer": 50, "number": 3, "bool": False, "choice": "blue", "text": "äöü",
        "bytes": b"\0\xff", "map": {"inner": {"d": 9}}, "list": [1, [2]], "any": {"x": None},
    })
    assert got == {
        "given": [True] * 9, "int": 50, "number": 3.0, "bool": False, "choice": 2, "text": "äöü",
        "bytes": b"\0\xff", "depth": 9, "list": [1, [2]], "any": {"x": None}, "none": [0, 0.0, False, -1, None],
    }


def test_fields_that_are_not(c):
    """Their fallback counts, or they are nothing; and a handler can tell."""
    got = c.call("whole:fields", {})
    assert got == {
        "given": [False] * 9, "int": -3, "number": 0.5, "bool": True, "choice": 1, "text": "",
        "bytes": None, "depth": None, "list": None, "any": None, "none": [0, 0.0, False, -1, None],
    }


@pytest.mark.parametrize("data, field, words", [
    ({"int": 51}, "int", "int takes an integer from -5 to 50, not 51"),
    ({"int": "1"}, "int", "not a string of 1 byte"),
    ({"choice": "pink"}, "choice", 'Unknown colour "pink": choice takes "red"'),
    ({"list": []}, "list", "1 to 4 elements"),
    ({"map": {"inner": {"depth": 0}}}, "map.inner.depth", "map.inner.depth takes"),
    ({"map": {"inner": {"d": 1, "depth": 1}}}, "map.inner.depth", "is given twice (d is the same)"),
    ({"map": {"inner": {}}}, "map.inner.depth", "map.inner.depth is missing"),
    ({"map": {"outer": 1}}, "map.outer", 'unknown field "map.outer"'),
    ({"text": "123456789"}, "text", "text takes at most 8 bytes, not 9"),
    ({"text": "a\0b"}, "text", "text takes no text with a NUL in it"),
    ({"colour": 1}, "colour", 'unknown field "colour"'),
    ([1], "data", "data takes a map"),
])
def test_fields_that_are_wrong(c, data, field, words):
    """The error names the field, the value and what is allowed."""
    error = refused(c, "whole:fields", data)
    assert error.code == "INVALID_ARGUMENT"
    assert error.error["field"] == field
    assert words in error.message


def test_described(c):
    """`types` shows what the table says."""
    (said,) = c.request("types", "whole:fields")
    by_name = {f["name"]: f for f in said["fields"]}
    assert by_name["int"]["default"] == "-3" and by_name["int"]["alias"] == "integer"
    assert by_name["text"]["default"] == "nothing"
    assert by_name["choice"]["allowed"] == ["red", "green", "blue"]
    assert by_name["map"]["fields"][0]["fields"][0]["max"] == 9
    assert said["idempotent"] and not said["softCancel"] and not said["progress"]
    (said,) = c.request("types", "whole:wait")
    assert said["softCancel"] and said["progress"] and not said["idempotent"]
    (said,) = c.request("types", "whole:copy")
    assert said["priority"] == "high" and said["example"] == "{}" and "fields" not in said


@pytest.mark.parametrize("value", [
    None, True, 0, -1, 2**63 - 1, -(2**63), 0.25, "", "text", b"", b"bytes", [], [1, [2, [3]]],
    {}, {"a": {"b": [None, 1.5, {"c": b"x"}]}}, {1: 2, "k": -3},
])
def test_values(c, value):
    """Any data can be taken to pieces, and put together again."""
    assert c.call("whole:copy", value) == value
    assert c.call("whole:copy", {"x": 1, "only": value}) == value


@pytest.mark.parametrize("value, good", [
    (1, True), (3, True), (4, False), ("abc", True), ("abcd", False), ("", False), (None, True),
    (True, True), (False, True), ({}, True), ({"a": 1, "b": 2, "c": 3, "d": 4}, True),
])
def test_limits_of_several_kinds(c, value, good):
    """min and max hold for what can be measured."""
    if good:
        assert c.call("whole:kinds", {"few": value}) == [value]
    else:
        assert refused(c, "whole:kinds", {"few": value}).error["field"] == "few"


def nest(depth):
    value = None
    for _ in range(depth):
        value = [value]
    return value


def test_deep_results(server, c):
    """A result that no answer can hold is refused, and its worker lives."""
    pid = server.worker_pids()
    assert c.call("whole:wrap", nest(31)) == nest(32)
    error = refused(c, "whole:wrap", nest(32))
    assert (error.code, error.error["limit"]) == ("TOO_LARGE", 32)
    assert server.worker_pids() == pid


def test_results_of_many_values(server, c):
    """As many values as a message may have, and not one more."""
    pid = server.worker_pids()
    most = c.server["limits"]["maxValues"] - 8  # of a request, whose envelope has more
    assert len(c.call("whole:copy", [0] * most)) == most
    deep = [[0] * 99] * (most // 100)
    assert len(c.call("whole:wrap", deep)[0]) == most // 100
    error = refused(c, "whole:put", 5)
    assert error.code == "TOO_LARGE" and error.error["limit"] >= most
    assert server.worker_pids() == pid


def test_values_of_other_kinds(c):
    """What no function gives is told as such, and found nowhere."""
    assert c.call("whole:copy", [2**64 - 1, msgpack.ExtType(5, b"x")]) == ["other", "other"]


def test_read_piece_by_piece(server, c):
    """A streamed field comes in pieces from a file, and at once from a message."""
    size = 3 << 20
    assert c.call("whole:read", {"file": b"\1" * 1000}) == [1, 1000]
    with open(os.path.join(server.folder.name, "ones"), "w+b") as file:
        file.write(b"\1" * size)
        file.flush()
        data = {"file": range_of(0, size)}
        n, total = submit(c, "whole:read", data, [file.fileno()]).result()
    assert total == size and n > 4


def test_whole_from_a_file(server, c):
    """Other fields are in memory, wherever they came from."""
    with open(os.path.join(server.folder.name, "short"), "w+b") as file:
        file.write(b"0123456789")
        file.flush()
        got = submit(c, "whole:fields", {"bytes": range_of(0, 4, 3)}, [file.fileno()]).result()
    assert got["bytes"] == b"3456"


@pytest.mark.parametrize("how, code", enumerate([
    "WORKER_ERROR", "INVALID_ARGUMENT", "TOO_LARGE", "UNSUPPORTED", "NOT_FOUND",
    "PERMISSION_DENIED",
]))
def test_failures(c, how, code):
    error = refused(c, "whole:fail", how)
    assert (error.code, error.message) == (code, f"code {how}")
    assert error.error["limit"] == how and error.error["allowed"] == "try another"


def test_other_failures(c):
    error = refused(c, "whole:fail", 10)
    assert (error.code, error.error["field"]) == ("INVALID_ARGUMENT", "colour")
    assert refused(c, "whole:fail", 11).reason == "memory"
    assert refused(c, "whole:fail", 99).code == "WORKER_ERROR"
    silent = refused(c, "whole:fail", -1)
    assert silent.reason == "failed" and "did not say why" in silent.message
    # what went before is not told again
    assert "did not say why" in refused(c, "whole:put", 9).message


def test_what_is_put(c):
    """Exactly one value, or nothing; all else is the module's error, and told."""
    assert c.call("whole:put", 0) is None
    assert "put more than one value" in refused(c, "whole:put", 1).message
    assert "put 3 values too few" in refused(c, "whole:put", 2).message
    assert c.call("whole:put", 3) == "abc"
    assert refused(c, "whole:put", 4).code == "TOO_LARGE"
    assert c.call("whole:put", 3) == "abc"


def test_stopped(server, c):
    """A task that is asked to stop does, and its worker lives."""
    pid = server.worker_pids()
    task = c.submit("whole:wait", None, progress=True)
    c.read_until(lambda: any(m[1] == "progress" for m in c.unasked))
    assert c.request("cancel", {"msgid": task.msgid})["state"] == "running"
    with pytest.raises(TaskError) as caught:
        task.result()
    assert caught.value.code == "CANCELLED"
    assert c.call("whole:put", 3) == "abc"
    assert server.worker_pids() == pid


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's allocator has its memory already")
def test_memory(server, c):
    """A module can bound what a library takes; the bound ends with the task."""
    pid = server.worker_pids()
    assert c.call("whole:memory", None) == [False, True, 1]
    assert c.call("whole:memory", None) == [False, True, 1]
    assert server.worker_pids() == pid


def test_header_is_whole():
    """Each function of the header is there for modules, and nothing else is."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    declared = set(re.findall(r"\b(moro_\w+)\(", text)) - {"moro_module"}
    table = subprocess.run(
        ["nm", "-D", "--defined-only", BUILD / "server" / "morod"],
        capture_output=True, text=True, check=True, timeout=DEADLINE,
    ).stdout
    exported = {line.split()[-1] for line in table.splitlines() if " T " in line}
    assert declared <= exported
    assert {e for e in exported if e.startswith("moro_")} == declared
