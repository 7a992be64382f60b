"""Clients and workers in other languages, of at most 30 lines, with Debian's packages."""

import os
import pathlib
import shutil
import socket
import subprocess

import msgpack
import pytest

from harness import DEADLINE, ROOT, TaskError

pytestmark = pytest.mark.release

EXAMPLES = ROOT / "tests" / "languages"
GO = pathlib.Path("/usr/share/gocode/src/github.com/vmihailenco/msgpack/v5")

# how a program is run, and how to see whether it can be
LANGUAGES = {
    "rb": (["ruby"], ["ruby", "-e", "require 'msgpack'"]),
    "pl": (["perl"], ["perl", "-MData::MessagePack", "-MData::MessagePack::Stream", "-e", "1"]),
    "lua": (["lua5.3"], ["lua5.3", "-e", "require 'MessagePack' require 'socket.unix'"]),
}
NAMES = {"rb": "ruby", "pl": "perl", "lua": "lua"}


def need(probe):
    if shutil.which(probe[0]) is None:
        pytest.skip(f"there is no {probe[0]}")
    done = subprocess.run(probe, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(done.stderr.strip()[:200])


def check_client(command, socket):
    """It gets a result, and an error."""
    done = subprocess.run([*command, "debug:echo", "hällo", socket], capture_output=True)
    assert (done.returncode, done.stdout.decode()) == (0, "hällo\n"), done.stderr
    done = subprocess.run([*command, "no:such", "x", socket], capture_output=True, text=True)
    assert done.returncode != 0
    assert 'UNKNOWN_TASK: no task type "no:such"' in done.stdout + done.stderr


@pytest.mark.parametrize("language", LANGUAGES)
def test_client(morod, language):
    command, probe = LANGUAGES[language]
    need(probe)
    with morod() as d:
        check_client([*command, EXAMPLES / f"client.{language}"], d.socket)


def test_client_cpp(morod, tmp_path):
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    source = EXAMPLES / "client.cpp"
    done = subprocess.run([compiler, source, "-o", tmp_path / "client", "-DMSGPACK_NO_BOOST"],
                          capture_output=True, text=True)
    if "msgpack.hpp: No such file" in done.stderr:
        pytest.skip("libmsgpack-cxx-dev is not installed")
    assert done.returncode == 0, done.stderr
    with morod() as d:
        check_client([tmp_path / "client"], d.socket)


def test_client_go(morod, tmp_path):
    need(["go", "version"])
    if not GO.is_dir():
        pytest.skip("golang-github-vmihailenco-msgpack.v5-dev is not installed")
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
           "GOCACHE": str(tmp_path / "cache")}
    subprocess.run(["go", "build", "-o", tmp_path / "client", EXAMPLES / "client.go"],
                   check=True, env=env)
    with morod() as d:
        check_client([tmp_path / "client"], d.socket)


@pytest.mark.parametrize("language", LANGUAGES)
def test_worker(morod, language, tmp_path):
    """It does its tasks, and an error of one is that one's."""
    command, probe = LANGUAGES[language]
    need(probe)
    name, conf = NAMES[language], tmp_path / "m.conf"
    more = f"channel = stdio\ntypes = {name}:upcase, {name}:reverse\n" if name == "lua" else ""
    conf.write_text(f"[pool {name}]\nworkers = 2\n{more}"
                    f"command = {command[0]} {EXAMPLES}/worker.{language}\n")
    with morod(config=conf) as d, d.client() as c:
        calls = [c.submit(f"{name}:upcase", f"text {i}") for i in range(50)]
        assert [p.result() for p in calls] == [f"TEXT {i}" for i in range(50)]
        assert c.call(f"{name}:reverse", "abc") == "cba"
        with pytest.raises(TaskError) as caught:
            c.call(f"{name}:reverse", {})
        assert caught.value.error["code"] == "WORKER_ERROR"
        assert c.call(f"{name}:upcase", "on") == "ON"
        assert all(w["restarts"] == 0 for w in d.stats()["pools"][1]["workers"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_worker_of_a_later_morod(language):
    """What is no request is passed over, whatever it is."""
    command, probe = LANGUAGES[language]
    need(probe)
    ours, theirs = socket.socketpair()
    stdio, name = language == "lua", NAMES[language]
    channel = {"MORO_CHANNEL": "stdio"} if stdio else {"MORO_FD": str(theirs.fileno())}
    process = subprocess.Popen(
        [*command, EXAMPLES / f"worker.{language}"], stdin=theirs if stdio else subprocess.DEVNULL,
        stdout=theirs if stdio else None, pass_fds=[] if stdio else [theirs.fileno()],
        env={**os.environ, **channel},
    )
    theirs.close()
    try:
        with ours:
            ours.settimeout(DEADLINE)
            later = [[2, "later", []], [2, "later", None], [0, 1, f"{name}:upcase", ["a", {}]]]
            ours.sendall(b"".join(map(msgpack.packb, later)))
            ours.shutdown(socket.SHUT_WR)
            got = b"".join(iter(lambda: ours.recv(65536), b""))
        assert got == msgpack.packb([1, 1, None, "A"])
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()


def test_they_are_short():
    """At most 30 lines each: that is the point."""
    for path in EXAMPLES.iterdir():
        assert len(path.read_text().splitlines()) <= 30, path
