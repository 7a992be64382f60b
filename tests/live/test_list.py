"""What is there now, and what was slow: methods ls, slow, clients."""

import os

import pytest

from harness import TaskError

LONG = {"ms": 60000}


def busy(d, c, n=1):
    """Has n workers run long tasks of c; gives these."""
    calls = [c.submit("debug:sleep", LONG, id=f"long {i}") for i in range(n)]
    d.wait(lambda s: s["activeTasks"] == n)
    return calls


def test_ls(morod):
    """Running tasks come first, then what waits in its order, with all there is to say."""
    with morod(workers=1) as d, d.client() as c, d.client() as other:
        long, = busy(d, c)
        low = c.submit("debug:echo", "12345", priority="low")
        high = other.submit("crypto:hash", {"input": "x"}, priority="high")
        c.notify("debug:echo", 1)
        d.wait(lambda s: s["queueSize"] == 3)
        tasks = c.request("ls")
        numbers = {e["pid"]: e["client"] for e in c.request("clients")}
        assert len(numbers) == 1  # they are both of this process
        assert [t["state"] for t in tasks] == ["running", "queued", "queued", "queued"]
        assert [t["msgid"] for t in tasks] == [long.msgid, high.msgid, None, low.msgid]
        assert [t["priority"] for t in tasks] == ["normal", "high", "normal", "low"]
        first, second = tasks[:2]
        assert (first["id"], first["slot"], first["attempt"]) == ("long 0", 1, 1)
        assert first["type"] == "debug:sleep" and first["pool"] == "default"
        assert abs(first["waitMs"] + first["runMs"] - first["ageMs"]) < 0.01
        assert first["runMs"] > 0
        assert second["runMs"] == 0 and second["waitMs"] == second["ageMs"]
        assert "slot" not in second and "id" not in second
        assert tasks[3]["bytes"] == 6  # a header and five letters
        assert first["client"] != second["client"]


def test_ls_filters(morod):
    """By state, type, client and number of tasks, and all of them together."""
    with morod(workers=1) as d, d.client() as c, d.client() as other:
        busy(d, c)
        for _ in range(3):
            c.submit("debug:echo", 1, priority="low")
            other.submit("debug:echo", 1)
            other.submit("crypto:hash", {"input": "x"})
        again = c.submit("debug:work", {"fails": 1}, priority="high",
                         retry={"max": 1, "backoffMs": 60000, "on": ["error"]})
        d.wait(lambda s: s["queueSize"] == 10)
        mine = c.request("ls", {"state": "running"})
        assert [t["type"] for t in mine] == ["debug:sleep"]
        me = mine[0]["client"]
        assert len(c.request("ls", {"state": "queued"})) == 10
        assert c.request("ls", {"state": "delayed"}) == []
        assert len(c.request("ls", {"type": "debug:echo"})) == 6
        assert len(c.request("ls", {"limit": 4})) == 4
        own = c.request("ls", {"client": me})
        assert [t["type"] for t in own] == ["debug:sleep", "debug:work"] + ["debug:echo"] * 3
        assert [t["state"] for t in own] == ["running"] + ["queued"] * 4
        assert len(c.request("ls", {"client": me, "type": "debug:echo", "limit": 2})) == 2
        running, = c.request("ls", {"client": me, "state": "running"})
        assert running["msgid"] == mine[0]["msgid"]
        assert c.request("ls", {"client": 1 << 40}) == []
        assert again.answer is None


def test_ls_delayed(morod):
    """A task in the pause before it is run again is listed."""
    with morod(workers=1) as d, d.client() as c:
        c.submit("debug:work", {"fails": 1},
                 retry={"max": 1, "backoffMs": 60000, "on": ["error"]})
        d.wait(lambda s: s["delayedTasks"] == 1)
        task, = c.request("ls", {"state": "delayed"})
        assert (task["state"], task["attempt"]) == ("delayed", 2)
        assert len(c.request("ls")) == 1
        assert len(c.request("ls", {"client": task["client"]})) == 1


@pytest.mark.parametrize("method, argument, field", [
    ("ls", 5, "ls"),
    ("ls", {"state": "sleeping"}, "state"),
    ("ls", {"type": "no:type"}, "type"),
    ("ls", {"client": 0}, "client"),
    ("ls", {"client": "me"}, "client"),
    ("ls", {"limit": 0}, "limit"),
    ("ls", {"limit": 10001}, "limit"),
    ("ls", {"color": 1}, "color"),
    ("clients", {"state": "queued"}, "state"),
    ("clients", [1], "clients"),
    ("slow", 0, "slow"),
    ("slow", 65, "slow"),
    ("slow", "all", "slow"),
])
def test_wrong_arguments(morod, method, argument, field):
    """What a list does not take is refused by name."""
    with morod() as d, d.client() as c:
        error = c.start(method, argument).error()
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", field)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_only_for_admins(morod):
    """What others do is nobody's business; stats are everybody's."""
    with morod() as d:
        os.chmod(os.path.dirname(d.socket), 0o755)
        os.chmod(d.socket, 0o666)
        os.seteuid(65534)
        try:
            c = d.client()
        finally:
            os.seteuid(0)
        with c:
            for method in ("ls", "slow", "clients"):
                with pytest.raises(TaskError) as e:
                    c.request(method)
                assert e.value.code == "PERMISSION_DENIED"
            assert c.stats()["workers"] == 1


def test_ls_of_many(morod):
    """However many wait, only so many are listed, the first ones first."""
    many = 20000
    with morod(workers=1, max_queue_size=many + 1, max_client_tasks=many + 1) as d:
        with d.client() as c:
            busy(d, c)
            calls = [c.submit("debug:echo", 1) for _ in range(many)]
            d.wait(lambda s: s["queueSize"] == many)
            tasks = c.request("ls")
            assert len(tasks) == 100
            assert [t["msgid"] for t in tasks[1:]] == [p.msgid for p in calls[:99]]
            assert len(c.request("ls", {"limit": 10000})) == 10000


def test_slow(morod):
    """The slowest come first, with how they ended; short ones are not noted."""
    with morod(workers=1) as d, d.client() as c:
        c.call("debug:echo", 1)
        assert c.request("slow") == []
        c.call("debug:sleep", {"ms": 30})
        late = c.submit("debug:sleep", LONG, runTimeout=300, id="late")
        behind = c.submit("debug:sleep", {"ms": 60})
        late.wait()
        behind.wait()
        tasks = c.request("slow")
        assert [t["outcome"] for t in tasks] == ["timedOut", "completed", "completed"]
        first, second, third = tasks
        assert (first["id"], first["msgid"], first["slot"]) == ("late", late.msgid, 1)
        assert first["runMs"] > second["runMs"] >= 60 > 30 <= third["runMs"]
        assert second["waitMs"] >= 250  # behind the other one
        assert second["type"] == "debug:sleep"
        assert second["endedAgoMs"] < 20000
        assert c.request("slow", 1)[0]["id"] == "late"


def test_slow_ends(morod):
    """A crash and an error are told by their reason; a client that left has number 0."""
    with morod(workers=1) as d, d.client() as c:
        with d.client() as gone:
            gone.submit("debug:sleep", LONG)
            d.wait(lambda s: s["activeTasks"] == 1)
            # until it has run for longer than is needed to be noted
            d.wait(lambda s: c.request("ls")[0]["runMs"] > 20)
        d.wait(lambda s: s["activeTasks"] == 0)
        task, = c.request("slow")
        assert (task["outcome"], task["client"]) == ("cancelled", 0)
        call = c.submit("debug:work", {"ms": 50, "deaf": True, "crashes": 0})
        assert call.result()
        assert [t["outcome"] for t in c.request("slow")].count("completed") == 1


def test_slow_cuts_long_ids(morod):
    """Of a long id 64 bytes are kept, and no part of a character."""
    long, wide = "x" * 65, "x" + "\u20ac" * 40  # of 3 bytes each: the 64th is the last one's
    odd = "xx" + "\u20ac" * 40
    with morod(workers=1) as d, d.client() as c:
        for name in (long, wide, odd):
            c.call("debug:sleep", {"ms": 30}, id=name)
        noted = {t["id"] for t in c.request("slow")}
        assert noted == {"x" * 64, "x" + "\u20ac" * 21, "xx" + "\u20ac" * 20}


def test_slow_keeps_the_slowest(morod):
    """Many that are not as slow do not push the slowest out."""
    with morod(workers=2) as d, d.client() as c:
        c.call("debug:spin", {"ms": 100})
        for call in [c.submit("debug:sleep", {"ms": 2}) for _ in range(150)]:
            call.wait()
        tasks = c.request("slow", 64)
        assert len(tasks) == 64 and tasks[0]["runMs"] >= 100
        runs = [t["runMs"] for t in tasks]
        assert runs == sorted(runs, reverse=True)
        assert len(c.request("slow")) == 20


def test_clients(morod):
    """Who is connected, since when, with how much."""
    with morod(workers=1, max_client_tasks=2) as d, d.client() as c:
        with d.client(hello=False) as other:
            busy(d, other)
            other.submit("debug:echo", "12345")
            other.submit("debug:echo", 1).wait()  # is refused
            mine, others = c.request("clients")
        assert (mine["name"], others["name"]) == ("pytest", "")
        assert mine["client"] < others["client"]
        assert mine["pid"] == others["pid"] == os.getpid() and mine["uid"] == os.geteuid()
        got = {k: others[k] for k in ("unfinished", "bytes", "accepted", "ended", "refused")}
        size = len(b"\x81\xa2ms\xcd\xea\x60")
        assert got == {"unfinished": 2, "bytes": size + 6, "accepted": 2, "ended": 0, "refused": 1}
        assert 0 <= others["ageMs"] <= mine["ageMs"]
        d.wait(lambda s: s["clients"] == 2)
        assert [e["client"] for e in c.request("clients", {"limit": 1})] == [mine["client"]]
        again, = c.request("clients", {"client": mine["client"]})
        assert again["client"] == mine["client"]
        with d.client() as later:
            number = max(e["client"] for e in later.request("clients"))
            one, = c.request("clients", {"client": number})
            assert one["client"] == number > mine["client"]


def test_clients_have_names(morod):
    """What hello says of the client is shown: 63 bytes at most, and nothing for a terminal."""
    with morod() as d, d.client() as c:
        for said, shown in (("top", "top"), (b"bytes", "bytes"), ("n" * 500, "n" * 63),
                            ("\u20ac" * 22 + "n", "\u20ac" * 21), ("\x1b[2J", "?[2J"), ("", "")):
            c.request("hello", {"name": said})
            assert c.request("clients")[0]["name"] == shown


def test_ls_in_turns(morod):
    """What waits is listed in the order in which it will run: clients take turns."""
    with morod(workers=1) as d, d.client() as c, d.client() as other:
        busy(d, c)
        mine = [c.submit("debug:echo", 1) for _ in range(3)]
        c.request("ping")
        theirs = [other.submit("debug:echo", 1) for _ in range(2)]
        d.wait(lambda s: s["queueSize"] == 5)
        listed = [t["msgid"] for t in c.request("ls", {"state": "queued"})]
        want = [mine[0], theirs[0], mine[1], theirs[1], mine[2]]
        assert listed == [p.msgid for p in want]


def test_ls_parked(morod):
    """Tasks of a type that is paused are listed behind the others, and stats say why."""
    with morod(workers=1) as d, d.client() as c:
        busy(d, c)
        c.request("pause", "debug:echo")
        parked = c.submit("debug:echo", 1, priority="high")
        last = c.submit("crypto:hash", {"input": "x"})
        d.wait(lambda s: s["queueSize"] == 2)
        c.request("cancel", {"id": "long 0"})
        assert last.result()
        d.wait(lambda s: s["pools"][0]["parked"] == 1)
        task, = c.request("ls")
        assert (task["msgid"], task["state"]) == (parked.msgid, "queued")
        echo = next(t for t in c.stats()["types"] if t["type"] == "debug:echo")
        assert (echo["paused"], echo["parked"], echo["running"]) == (True, 1, 0)
        c.request("resume")
        assert parked.result() == 1
