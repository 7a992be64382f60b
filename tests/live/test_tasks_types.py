"""The table of task types, as clients see it."""

import re

import pytest

from harness import BUILD, ROOT, TaskError

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
    "json:transform",
    "analytics:process",
    "heavy:computation",
]
ALIASES = {"computation:heavy": "heavy:computation"}
IMAGE = BUILD / "worker" / "modules" / "image.so"
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


def test_second_names(morod):
    """T1 and D13: the ancestor's other spelling is the same type."""
    with morod() as d, d.client() as c:
        for alias, name in ALIASES.items():
            (described,) = c.request("types", alias)
            assert (described["type"], described["alias"]) == (name, alias)


def test_overview_agrees_with_the_types(morod):
    """worker/TASKS.md lists each type in their order, and says which are idempotent."""
    rows = re.findall(r"^\| \[`(\w+:\w+)`\].*\| (yes|no) \|$",
                      (ROOT / "worker" / "TASKS.md").read_text(), re.M)
    options = {"module": IMAGE} if IMAGE.exists() else {}
    with morod(debug_tasks=False, **options) as d, d.client() as c:
        types = [(t["type"], "yes" if t["idempotent"] else "no") for t in c.request("types")]
    if not options:
        rows = [r for r in rows if not r[0].startswith("image:")]
    assert rows == types


def test_each_type_has_its_section(morod):
    """Fields, and every type's heading, stand in worker/TASKS.md."""
    text = (ROOT / "worker" / "TASKS.md").read_text()
    sections = dict(re.findall(r"^## ([\w:]+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    options = {"module": IMAGE} if IMAGE.exists() else {}
    with morod(debug_tasks=False, **options) as d, d.client() as c:
        for t in c.request("types"):
            assert t["type"] in sections, t["type"]
            family = "".join(v for k, v in sections.items()
                             if k.split(":")[0] == t["type"].split(":")[0])
            for field in t["fields"]:
                assert f"`{field['name']}`" in family, (t["type"], field["name"])


def test_floats_are_told_as_such(morod):
    """A whole float is no integer, and the message lets one see that."""
    with morod() as d, d.client() as c:
        for given, words in ((3.0, "not 3.0"), (2.5, "not 2.5"), (1e300, "not 1e+300"),
                             (0.1 + 0.2, "not 0.30000000000000004"), (67108864.0, "not 67108864.0"),
                             (float("inf"), "not inf"), (-0.0, "not -0.0"), (7, None)):
            data = {"input": "x", "level": given}
            if words is None:
                c.call("data:compress", data)
                continue
            with pytest.raises(TaskError) as caught:
                c.call("data:compress", data)
            assert caught.value.error["message"].endswith(words)
