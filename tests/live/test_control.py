"""Control methods by ill arguments, and as notifications, which nobody answers."""

import pytest

from harness import TaskError


@pytest.mark.parametrize(
    "method, argument, field, words",
    [
        ("shutdown", 7, None, "a map with now"),
        ("shutdown", {"now": "yes"}, "now", "now takes true or false, not a string"),
        ("shutdown", {"later": True}, None, "later"),
        ("scale", {"pool": 7, "workers": 1}, "pool", "pool takes a pool's name"),
        ("scale", {"workers": "1:2\0"}, "workers", 'a number, or "MIN:MAX"'),
        ("scale", {"workers": "1:" + "2" * 100}, "workers", 'a number, or "MIN:MAX"'),
        ("unsubscribe", "weather", None, "subscribe"),
        ("hello", 7, None, "a map"),
    ],
)
def test_wrong_arguments(morod, method, argument, field, words):
    """The message names what is wrong, and nothing was done."""
    with morod() as d, d.client() as c:
        with pytest.raises(TaskError) as e:
            c.request(method, argument)
        assert e.value.code == "INVALID_ARGUMENT" and words in e.value.message, e.value.message
        assert field is None or e.value.error["field"] == field
        assert c.call("debug:echo", "still here") == "still here"
        assert len(c.stats()["pools"][0]["workers"]) == 1


@pytest.mark.parametrize("method", ["hello", "nvim_set_client_info", "subscribe", "unsubscribe"])
def test_as_a_notification(morod, method):
    """No answer comes, and the connection goes on."""
    with morod() as d, d.client() as c:
        c.notify(method)
        assert c.call("debug:echo", 1) == 1
        assert c.extra == [] and all(m[0] == 2 for m in c.unasked)
