"""The table of task types, as clients see it."""

import pytest

from harness import TaskError

TYPES = [
    "crypto:hash",
    "crypto:encrypt",
    "crypto:decrypt",
    "crypto:random",
    "crypto:keygen",
    "password:hash",
    "password:verify",
    "jwt:sign",
    "jwt:verify",
    "data:compress",
    "data:decompress",
    "analytics:process",
]
DEBUG_TYPES = ["debug:echo", "debug:sleep", "debug:spin", "debug:fail", "debug:crash",
               "debug:tally"]


def offered(c):
    types = c.request("types")
    return [t["type"] for t in (types["types"] if isinstance(types, dict) else types)]


def test_identifiers_are_stable(morod):
    """T1, T2: the names are spelled as ever, and each stands there once."""
    with morod(debug_tasks=True) as d, d.client() as c:
        names = offered(c)
        assert sorted(names) == sorted(set(names))
        assert set(TYPES + DEBUG_TYPES) <= set(names)


def test_debug_types_only_on_request(morod):
    """Without --debug-tasks nobody can crash a worker on purpose."""
    with morod(debug_tasks=False) as d, d.client() as c:
        assert not set(offered(c)) & set(DEBUG_TYPES)
        for name in DEBUG_TYPES:
            with pytest.raises(TaskError) as caught:
                c.call(name, {})
            assert caught.value.code == "UNKNOWN_TASK"


def test_echo_gives_back_any_value(morod):
    """What MessagePack can say comes back as it was."""
    values = [None, True, -1, 2**63, -(2**63), 1.5, "grüß", b"\xff", [], {}]
    values.append({"a": [1, {"b": [None, b"x", "y"]}], "": {}})
    with morod() as d, d.client() as c:
        for value in values:
            assert c.call("debug:echo", value) == value


def test_fail_fails(morod):
    """A failing task's message reaches its caller; the worker lives on."""
    with morod(workers=1) as d, d.client() as c:
        pids = d.worker_pids()
        error = c.submit("debug:fail", {"message": "100% grüß"}).error()
        assert error["code"] == "WORKER_ERROR" and error["reason"] == "failed"
        assert error["message"] == "100% grüß"
        assert d.worker_pids() == pids
