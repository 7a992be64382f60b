"""Connections of the Python client that waits: made, lost, closed, forked."""

import os
import pathlib
import signal

import msgpack
import pytest

import moro
from played import Played, next_message

pytestmark = pytest.mark.release


@pytest.fixture
def served(morod):
    """A server with the debug tasks, and a client of it."""
    with morod(workers=2) as d, moro.Client(d.socket) as c:
        c.daemon = d
        yield c


def test_path_from_the_environment(morod, monkeypatch):
    with morod() as d:
        monkeypatch.setenv("MORO_SOCKET", d.socket)
        with moro.Client() as c:
            assert c.path == d.socket and c.ping() == "pong"
            assert c.connected and c.server["server"] == "morod"
    monkeypatch.delenv("MORO_SOCKET")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert moro.default_path() == "/run/moro/morod.sock"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert moro.default_path() == "/run/user/1000/morod.sock"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    with pytest.raises(moro.NoServer, match="MORO_SOCKET"):
        moro.default_path()


def test_no_server(tmp_path):
    with pytest.raises(moro.NoServer, match="nothing.sock") as e:
        moro.Client(str(tmp_path / "nothing.sock"))
    assert isinstance(e.value, ConnectionError) and e.value.retryable


def test_wrong_arguments(morod, tmp_path):
    for wrong in (0, -1, "5", True):
        with pytest.raises(moro.InvalidArgument, match="timeout takes seconds") as e:
            moro.Client("x", timeout=wrong)
        assert e.value.field == "timeout"
    with pytest.raises(moro.InvalidArgument, match="path takes"):
        moro.Client(5)
    with pytest.raises(moro.NoServer, match="too long"):
        moro.Client("x" * 200)
    with morod() as d, moro.Client(pathlib.Path(d.socket)) as c, moro.Client(os.fsencode(d.socket)) as other:
        assert c.ping() == other.ping() == "pong"


def test_the_server_lists_the_name(morod):
    with morod() as d, moro.Client(d.socket, name="my-program") as c:
        assert [one["name"] for one in c.clients()] == ["my-program"]
        with moro.Client(d.socket, name="a" + "é" * 40) as other:
            assert other.clients()[-1]["name"] == "a" + "é" * 31
        with pytest.raises(moro.InvalidArgument, match="name takes a str"):
            moro.Client(d.socket, name=5)


def test_closed(served):
    task = served.submit("debug:sleep", {"ms": 20_000})
    served.close()
    served.close()
    with pytest.raises(moro.Closed):
        task.result()
    with pytest.raises(moro.Closed):
        served.ping()
    served.connect()
    assert served.ping() == "pong"


def test_lost_fails_all_and_stays(morod):
    """All that wait are told, and no call goes to another server by itself."""
    with morod() as d:
        c = moro.Client(d.socket)
        tasks = [c.submit("debug:sleep", {"ms": 20_000}) for _ in range(3)]
        d.wait(lambda s: s["activeTasks"] >= 1)
        d.kill_group()
        d.process.kill()
        for task in tasks:
            with pytest.raises(moro.ConnectionLost) as e:
                task.result(20)
            assert isinstance(e.value, ConnectionError)
        with pytest.raises(moro.ConnectionLost):
            c.ping()
        assert not c.connected
        d.process.wait(20)
        path = d.socket
        with morod(path=path):
            with pytest.raises(moro.ConnectionLost):
                c.ping()
            c.connect()
            assert c.ping() == "pong"
            c.close()


def test_reconnects_if_asked(morod):
    with morod() as d:
        c = moro.Client(d.socket, reconnect=True)
        path = d.socket
        d.stop()
        with pytest.raises(moro.Error):
            c.ping()
            c.ping()
        with morod(path=path):
            assert c.ping() == "pong"
            c.close()
            with pytest.raises(moro.Closed):
                c.ping()


def test_what_the_server_says_before_it_ends(tmp_path):
    with Played(tmp_path) as peer:
        def play(sock, unpacker):
            next_message(sock, unpacker)
            sock.sendall(msgpack.packb([1, 0, {"code": "PROTOCOL_ERROR", "message": "no", "reason": "fds"}, None]))

        peer.run(play)
        with moro.Client(peer.path) as c:
            with pytest.raises(moro.ConnectionLost, match="PROTOCOL_ERROR: no") as e:
                c.ping()
            assert e.value.reason == "fds" and e.value.details["cause"] == "PROTOCOL_ERROR"


def test_news_of_a_later_server(tmp_path):
    """Errors with keys, and notifications with params, that this package does not know do no harm."""
    odd = [[], None, [1], [1, 5], {"a": 1}, [[1], {"done": 1}]]
    keys = {"self": 1, "details": {"a": 2}, "cause": "c", "args": []}
    with Played(tmp_path) as peer:
        def play(sock, unpacker):
            for number, error in ((1, {"code": "TIMEOUT", "message": "timeout", **keys}), (2, {})):
                next_message(sock, unpacker)
                sock.sendall(b"".join(msgpack.packb([2, name, params]) for params in odd
                                      for name in ("progress", "backpressure")))
                sock.sendall(msgpack.packb([1, number, error, None]))
            assert sock.recv(1) == b""

        peer.run(play)
        with moro.Client(peer.path) as c:
            with pytest.raises(moro.Timeout, match="TIMEOUT: timeout") as e:
                c.call("a:b", progress=True)
            assert e.value.details == keys
            with pytest.raises(moro.Internal, match="does not say why"):
                c.call("a:b")


@pytest.mark.parametrize("rubbish", [b"\xc1", b"\x94\x01\x02\xc0\xdd\xff\xff\xff\xff", b"\x93\x00\x01\x02", b"hello", b"\x94\x00\x01\xa1x\x90"])
def test_garbled(tmp_path, rubbish):
    with Played(tmp_path) as peer:
        def play(sock, unpacker):
            next_message(sock, unpacker)
            sock.sendall(msgpack.packb([1, 1, None, "in time"]) + rubbish)

        peer.run(play)
        with moro.Client(peer.path) as c:
            told = []
            first, second = c.submit("a:b"), c.submit("a:b")
            first.add_done_callback(told.append)
            with pytest.raises(moro.Garbled):
                second.result()
            assert first.result() == "in time" and told == [first]


def test_no_morod(tmp_path):
    with Played(tmp_path, hello="hi") as peer:
        peer.run(lambda sock, unpacker: None)
        with pytest.raises(moro.Garbled, match="greet"):
            moro.Client(peer.path)


def test_too_many_clients(morod):
    with morod(max_clients=1) as d:
        clients = []
        with pytest.raises(moro.QueueFull) as e:
            for _ in range(4):
                clients.append(moro.Client(d.socket))
        assert e.value.retryable
        for c in clients:
            c.close()


def test_fork(served):
    """A child is told that the client is its parent's, and does not keep the connection open."""
    reader, writer = os.pipe()
    task = served.submit("debug:echo", 1)
    pid = os.fork()
    if pid == 0:
        try:
            served.ping()
        except moro.Forked as e:
            os.write(writer, str(e).encode())
        for use in (served.connect, task.result, task.done, lambda: served.submit("debug:echo")):
            try:
                use()
            except moro.Forked:
                os.write(writer, b"+")
        os.write(writer, b"closed" if served._sock.fileno() == -1 else b"open")
        os.close(writer)
        signal.pause()
        os._exit(1)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    try:
        assert "fork" in said and said.endswith("+++closed")
        assert task.result() == 1
        assert served.ping() == "pong"
        served.submit("debug:sleep", {"ms": 20_000})
        served.daemon.wait(lambda s: s["activeTasks"] == 1)
        served.close()
        served.daemon.wait(lambda s: s["activeTasks"] == 0 and s["clients"] == 1)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
