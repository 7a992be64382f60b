"""Who may dial in as a worker, where, and with which types; the configuration, and files."""

import getpass
import os
import signal
import socket
import subprocess
import sys

import msgpack
import pytest

from dialling import POOL, Worker, dial, page, refusal, served, slots, wait_slots
from harness import BUILD, Pending, TaskError, wait_until


def test_no_such_pool(morod, tmp_path):
    """Without a pool for them the answer says what makes one."""
    with morod() as d:
        error = refusal(d, ["t:echo"])
        assert error["code"] == "UNSUPPORTED" and "serve = own" in error["message"]
        with d.client() as c:
            assert "serve" not in c.server["features"]
    with served(morod, tmp_path) as (d, c):
        error = refusal(d, ["t:echo"], {"pool": "x"})
        assert (error["code"], error["field"]) == ("NOT_FOUND", "pool")
        error = refusal(d, ["t:echo"], {"pool": "default"})
        assert (error["code"], error["field"]) == ("UNSUPPORTED", "pool")


def test_which_pool(morod, tmp_path):
    """With several pools for them the one that is meant is named."""
    text = POOL + "[pool v]\nserve = own\nworkers = 1\n"
    with served(morod, tmp_path, text) as (d, c):
        error = refusal(d, ["t:echo"])
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "pool")
        assert "w, v" in error["message"]
        v = dial(d, ["t:v"], "v")
        assert v.said["pool"] == "v"
        error = refusal(d, ["t:v"], {"pool": "w"})
        assert "t:v is a type of pool v already" in error["message"]
        call = c.submit("t:v", 1)
        v.do()
        assert call.result() == 1


def test_other_user(morod, tmp_path):
    """Who is not among the users is told so, also root if it is not named."""
    with served(morod, tmp_path, "[pool w]\nserve = 12345\nworkers = 4\n") as (d, c):
        error = refusal(d, ["t:echo"])
        assert error["code"] == "PERMISSION_DENIED"
        assert "(12345)" in error["message"] and f"uid {os.getuid()}" in error["message"]
        assert "serve" not in c.server["features"]
        assert error["retryable"] is False


@pytest.mark.parametrize("users", ["all", "own", "%d" % os.getuid(), getpass.getuser(),
                                   "12345, own", "12345 %s" % getpass.getuser()])
def test_users(morod, tmp_path, users):
    with served(morod, tmp_path, f"[pool w]\nserve = {users}\nworkers = 4\n") as (d, c):
        w = dial(d)
        call = c.submit("t:echo", 1)
        w.do()
        assert call.result() == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_really_other_user(morod, tmp_path):
    """The kernel says who calls."""
    code = """if 1:
        import os, sys, socket, msgpack
        os.setgid(12345); os.setuid(12345)
        s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
        s.sendall(msgpack.packb([0, 1, "serve", [["t:echo"]]]))
        print(s.recv(10000), flush=True)
        """
    for users, word in (("own", b"PERMISSION_DENIED"), ("12345", b"worker"), ("all", b"worker")):
        with served(morod, tmp_path, f"[pool w]\nserve = {users}\nworkers = 4\n") as (d, c):
            os.chmod(d.folder.name, 0o755)
            os.chmod(d.socket, 0o666)
            done = subprocess.run([sys.executable, "-c", code, d.socket], capture_output=True)
            assert word in done.stdout, done.stderr


@pytest.mark.parametrize("params, field, words", [
    ([], "types", "one or more"),
    ([None], "types", "one or more"),
    ([[]], "types", "one or more"),
    ([5], "types", "types takes an array, not an integer"),
    (["t:echo"], "types", "types takes an array, not a string"),
    ([{"types": ["t:echo"]}], "types", "types takes an array, not a map"),
    ([[5]], "types", "names, or maps with a name, not an integer"),
    ([[{}]], "types", "names, or maps with a name, not a map"),
    ([["echo"]], "types", "echo: a type's name is FAMILY:VERB"),
    ([["t:new", "t:a b"]], "types", "t:a b: a type's name is FAMILY:VERB"),
    ([["t:new", "crypto:hash"]], "types", "crypto:hash: there is a type of that name"),
    ([["t:new", "t:" + "x" * 5000]], "types", "a type's name is FAMILY:VERB"),
    ([["t:new", {"name": "t:x", "timeout": -1}]], "types", "timeout of a type takes"),
    ([["t:new", {"name": "t:x", "idempotent": 1}]], "types", "idempotent of a type takes"),
    ([["t:new", {"name": 5}]], "types", "name of a type takes a string"),
    ([["t:new"], {"pol": "w"}], "pol", "unknown argument"),
    ([["t:new"], {"pool": 5}], "pool", "pool takes a pool's name, not an integer"),
    ([["t:new"], 5], "params", "a map"),
    ([["t:new"], {}, 5], "params", "not 3 values"),
])
def test_wrong_arguments(morod, tmp_path, params, field, words):
    """They are refused by name; nothing of the call is kept."""
    with served(morod, tmp_path) as (d, c):
        error = refusal(d, *params)
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", field)
        assert words in error["message"]
        assert "t:new" not in [t["type"] for t in c.request("types")]
        assert slots(d) == []


def test_too_many_types(morod, tmp_path):
    """What a server may have in types is bounded; the worker is not let in, nothing breaks."""
    with served(morod, tmp_path) as (d, c):
        error = refusal(d, [f"t:{i}" for i in range(1000)])
        assert error["field"] == "types" and "too many types" in error["message"]
        assert slots(d) == []
        assert c.call("debug:echo", 1) == 1
        w = dial(d, ["t:0"])
        call = c.submit("t:0", 1)
        w.do()
        assert call.result() == 1


def test_fixed_types(morod, tmp_path):
    """With `types` the configuration says which there are; a worker need not do them all."""
    with served(morod, tmp_path, POOL + "types = t:a, t:b\n") as (d, c):
        error = refusal(d, ["t:a", "t:c"])
        assert (error["code"], error["field"]) == ("INVALID_ARGUMENT", "types")
        assert "t:c is not among the types of pool w: t:a, t:b" in error["message"]
        b = c.submit("t:b", 1)
        w = dial(d, ["t:a", "t:a"])
        a = c.submit("t:a", 2)
        assert w.do() == 2 and a.result() == 2
        w = dial(d, ["t:b"])
        assert w.do() == 1 and b.result() == 1


def test_places(morod, tmp_path):
    """As many as `workers` says may be there; the next finds a place when one has left."""
    for workers in ("2", "1:2"):
        text = f"[pool w]\nserve = own\nworkers = {workers}\n"
        with served(morod, tmp_path, text) as (d, c):
            kept = [dial(d), dial(d)]
            error = refusal(d, ["t:echo"])
            assert (error["code"], error["reason"]) == ("QUEUE_FULL", "workers")
            assert error["limit"] == 2 and error["retryable"] is True
            kept.pop().close()
            wait_slots(d, 1)
            kept.append(dial(d))
            pool = d.stats()["pools"][1]
            assert (pool["min"], pool["max"], pool["target"]) == (2, 2, 2)
            assert len(pool["workers"]) == 2


def test_unfinished_requests(morod, tmp_path):
    """A connection that waits for answers stays a client's."""
    with served(morod, tmp_path) as (d, c):
        w = Worker(d)
        w.send([0, 3, "debug:sleep", [{"ms": 60000}]], [0, 2, "serve", [["t:echo"]]])
        with pytest.raises(TaskError) as caught:
            w.answer(2)
        assert caught.value.code == "UNSUPPORTED" and "unfinished" in caught.value.message
        w.send([0, 4, "cancel", [{"msgid": 3}]])
        assert {w.next()[1], w.next()[1]} == {3, 4}
        w.send([0, 5, "reload", []], [0, 2, "serve", [["t:echo"]]])
        with pytest.raises(TaskError) as caught:
            w.answer(2)
        assert "unfinished" in caught.value.message
        assert "warnings" in w.answer(5)
        assert w.serve(["t:echo"])["pool"] == "w"


def test_own_task_to_itself(morod, tmp_path):
    """A notification of its own is a task as well: until it is done the connection is a client's."""
    with served(morod, tmp_path, POOL + "types = t:echo\n") as (d, c):
        w = Worker(d)
        w.send([2, "t:echo", [1]], [0, 2, "serve", [["t:echo"]]])
        with pytest.raises(TaskError):
            w.answer(2)


def test_notification(morod, tmp_path):
    """serve as a notification says nothing to nobody."""
    with served(morod, tmp_path) as (d, c):
        w = Worker(d)
        w.send([2, "serve", [["t:echo"]]], [0, 3, "ping", []])
        assert w.answer(3) == "pong"
        assert slots(d) == [] and d.stats()["notificationsIgnored"] == 1


def test_descriptors_of_its_own(morod, tmp_path):
    """What a worker passes is closed by the kernel; morod has no use for it."""
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        call = c.submit("t:echo", 1)
        n, *_ = w.task()
        before = len(os.listdir(f"/proc/{d.dispatcher_pid()}/fd"))
        with open("/dev/null") as f:
            socket.send_fds(w.sock, [msgpack.packb([1, n, None, 2])], [f.fileno()] * 5)
        assert call.result() == 2
        assert len(os.listdir(f"/proc/{d.dispatcher_pid()}/fd")) <= before


def test_nothing_is_left(morod, tmp_path):
    """Workers that come and go cost no descriptor and no place."""
    with served(morod, tmp_path) as (d, c):
        dial(d).close()
        wait_slots(d, 0)
        pid = d.dispatcher_pid()
        before = len(os.listdir(f"/proc/{pid}/fd"))
        for _ in range(100):
            w = dial(d)
            w.close()
            wait_slots(d, 0)
        wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= before, "all closed")
        assert d.stats()["clients"] <= 2


# ---- Files


def with_file(c, task, path, msgid=99):
    c.request("hello", {"features": ["fd"]})
    call = c.pending[msgid] = Pending(c, msgid)
    with open(path, "rb") as f:
        socket.send_fds(c.sock, [msgpack.packb([0, msgid, task, [None, {"fds": 1}]])],
                        [f.fileno()])
    return call


def test_files(morod, tmp_path):
    """Descriptors reach workers of the server's own user."""
    path = tmp_path / "f"
    path.write_bytes(b"from a file")
    with served(morod, tmp_path) as (d, c):
        w = dial(d)
        call = with_file(c, "t:echo", path)
        data, fds, _, _ = socket.recv_fds(w.sock, 65536, 8)
        w.feed(data)
        n, _, _, info = w.task()
        assert info == {"fds": 1}
        w.send([1, n, None, os.read(fds[0], 100)])
        os.close(fds[0])
        assert call.result() == b"from a file"


def test_files_and_other_users(morod, tmp_path):
    """A pool that may have workers of other users takes none."""
    path = tmp_path / "f"
    path.write_bytes(b"from a file")
    for users in ("all", "own, 12345"):
        with served(morod, tmp_path, f"[pool w]\nserve = {users}\nworkers = 4\n") as (d, c):
            w = dial(d)
            error = with_file(c, "t:echo", path).error()
            assert (error["code"], error["reason"]) == ("UNSUPPORTED", "fds")
            assert "other users" in error["message"]
            call = c.submit("t:echo", 1)
            assert w.do() == 1 and call.result() == 1


# ---- Configuration


@pytest.mark.parametrize("text, error", [
    ("[pool default]\nserve = own", "2: serve is for another pool: the default one"),
    ("[pool p]\nserve = own\ncommand = x", "2: serve is instead of a command or exec"),
    ("[pool p]\nserve = own\nexec = x\ntypes = a:b", "2: serve is instead of a command or exec"),
    ("[pool p]\nserve = nobody-of-that-name",
     "2: serve takes own, all, group, none, names and numbers of users, and of groups behind "
     "an @, and there is no user nobody-of-that-name"),
    ("[pool p]\nserve = own, 4294967295", "there is no user 4294967295"),
    ("[pool p]\nserve = ,", "2: serve names nobody"),
    ("[pool p]\nserve = own\nworker-memory = 300M", "3: worker-memory is not for a pool with serve"),
    ("[pool p]\nserve = own\nrecycle-rss = 300M", "3: recycle-rss is not for a pool with serve"),
    ("[pool p]\nserve = own\nscale-wait = 1s", "3: scale-wait is not for a pool with serve"),
    ("[pool p]\nserve = own\nbreaker-deaths = 2", "3: breaker-deaths is not for a pool with serve"),
    ("[pool p]\nserve = own\nreserve = 1", "3: reserve is not for a pool with serve"),
    ("[pool p]\nserve = own\nchannel = stdio", "3: channel goes with a command"),
    ("[pool p]\nserve = own\n[task crypto:hash]\npool = p",
     "4: pool p runs a program, which does not offer crypto:hash"),
    ("[pool p]\nserve = own\ntypes = crypto:hash", "crypto:hash: there is a type of that name"),
    ("[morod]\nserve = own", "no key \"serve\" here"),
])
def test_configuration(tmp_path, text, error):
    """What cannot be is refused with its line."""
    conf = tmp_path / "m.conf"
    conf.write_text(text + "\n")
    done = subprocess.run([BUILD / "server" / "morod", "--config", conf, "--check-config"],
                          capture_output=True, text=True)
    assert done.returncode == 2 and error in done.stderr, done.stderr


def test_configuration_of_the_server(tmp_path):
    """What [morod] says of other pools is no mistake of this one; the text in force can be read."""
    conf = tmp_path / "m.conf"
    conf.write_text("[morod]\nworkers = 3:5\nreserve = 1\nbreaker-deaths = 9\nworker-memory = 1G\n"
                    "recycle-rss = 1G\nscale-wait = 77ms\nworker-cpu = 2s\n"
                    f"[pool p]\nserve = own, {getpass.getuser()}\nworkers = 1:7\n")
    morod = BUILD / "server" / "morod"
    done = subprocess.run([morod, "--config", conf, "--print-config"], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    section = done.stdout[done.stdout.index("[pool p]"):].split("\n\n")[0]
    assert f"serve = own,{os.getuid()} ;" in section and "workers = 7 ;" in section
    again = tmp_path / "again.conf"
    again.write_text(done.stdout)
    done = subprocess.run([morod, "--config", again, "--check-config"], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr


# ---- Documentation


def test_page(morod, tmp_path):
    """The section and the worker that server/PROGRAMS.md shows."""
    section, code = page()
    with served(morod, tmp_path, section) as (d, c):
        process = subprocess.Popen([sys.executable, "-c", code],
                                   env={**os.environ, "MORO_SOCKET": d.socket})
        d.wait(lambda s: len(s["pools"][1]["workers"]) == 1)
        assert c.call("text:upper", "hello") == "HELLO"
        d.process.send_signal(signal.SIGTERM)
        assert d.process.wait(20) == 0
        assert process.wait(20) == 0
