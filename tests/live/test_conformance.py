"""
The conformance kit: its vectors are what morod says, our own clients and workers pass them, and broken
ones do not.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import msgpack
import pytest

import noderun
from harness import BUILD, DEADLINE, ROOT, SANITIZED, alive, wait_until

sys.path.insert(0, str(ROOT / "tests"))

from conformance import notation, vectors  # noqa: E402

KIT = ROOT / "tools" / "conformance"
HERE = ROOT / "tests" / "conformance"
MANUAL = (ROOT / "proto" / "CONFORMANCE.md").read_text()
LIMIT = 300  # seconds for all vectors of a side
HANGS = "2"  # seconds until a vector that hangs is given up
SLOW = "6"  # the same where a hang is not what is looked for


def kit(side, command, *words, limit=LIMIT, **env):
    """Runs the kit; gives its status, and what it printed."""
    done = subprocess.run(
        [KIT, side, command, *words], capture_output=True, text=True, timeout=limit,
        stdin=subprocess.DEVNULL, env={**os.environ, **env},
    )
    return done.returncode, done.stdout, done.stderr


def marks(out):
    """The mark of each vector by its name."""
    return {name: mark for mark, name in re.findall(r"^(ok|FAIL|skip) +(\S+)  ", out, re.M)}


def check(side, command, *, fails=(), skips=(), words=(), **env):
    """All vectors are passed but those that are named."""
    status, out, err = kit(side, command, *words, **env)
    assert status == 0, out + err
    marked = marks(out)
    # the kit measures half a second here, which a busy machine may take for itself
    failed = {name for name, mark in marked.items() if mark == "FAIL"} - {"end-soon"}
    assert failed == set(fails), out
    assert {name for name, mark in marked.items() if mark == "skip"} == set(skips), out
    assert out.splitlines()[-1].startswith(f"{side} {command}: "), out


def python(name):
    return f"exec /usr/bin/python3 {HERE / name}"


# ---- The vectors


@pytest.mark.parametrize("side", vectors.SIDES)
def test_vectors_are_written_rightly(side):
    """What stands beside the bytes is what they say, and each names a section that there is."""
    book = vectors.Book(side)
    assert vectors.wrong_in(book) == []
    sections = re.findall(r"^## (\d+)\. ", (ROOT / "proto" / "PROTOCOL.md").read_text(), re.M)
    assert {vector.section for vector in book.vectors} <= set(sections)


def test_vectors_are_what_morod_says():
    """A server's vectors, and the answers in those of clients, are morod's own to the byte."""
    command = f"exec {BUILD / 'server' / 'morod'} --debug-tasks --workers 2"
    check("server", command)


RECORDER = """
import os, socket, sys, msgpack
sock = socket.socket(fileno=int(os.environ["MORO_FD"]))
unpacker = msgpack.Unpacker()
while data := sock.recv(65536):
    open(sys.argv[1], "ab").write(data)
    unpacker.feed(data)
    for _, n, method, params in unpacker:
        result = {"types": ["conform:echo"]} if method == "hello" else params[0]
        sock.sendall(msgpack.packb([1, n, None, result]))
"""


def test_workers_hear_what_morod_says(morod, tmp_path):
    """hello and a task in the vectors of workers have the bytes that morod sends."""
    program, record, conf = (tmp_path / name for name in ("recorder.py", "record", "m.conf"))
    program.write_text(RECORDER)
    conf.write_text(f"[pool conform]\nworkers = 1\ncommand = /usr/bin/python3 {program} {record}\n")
    with morod(config=conf) as d, d.client() as c:
        wait_until(lambda: "conform:echo" in [t["type"] for t in c.request("types")], "the program's type")
        assert c.call("conform:echo", "abc") == "abc"
        version = c.server["version"]
    hello, task = notation.messages(record.read_bytes())
    book = vectors.Book("worker")
    (wanted,) = notation.pattern(book.common["hello"]["send"])
    wanted[3][0].update(server=version, worker=hello[3][0]["worker"])
    assert (hello, list(hello[3][0])) == (wanted, list(wanted[3][0]))
    (vector,) = vectors.chosen(book.vectors, "[t]ask")
    (wanted,) = notation.pattern(vector.steps[0]["send"])
    assert task == [0, task[1], *wanted[2:]]
    assert record.read_bytes() == msgpack.packb(hello) + msgpack.packb(task)


def test_clients_are_greeted_as_by_morod(morod):
    """The answer to hello in the vectors of clients has what morod's has."""
    ((_, _, _, wanted),) = notation.pattern(vectors.Book("client").common["hello"]["send"])
    with morod() as d, d.client() as c:
        hello = c.server
    assert list(wanted) == list(hello)
    assert list(wanted["limits"]) == list(hello["limits"])
    assert [feature for feature in wanted["features"] if feature not in hello["features"]] == []
    assert {key: type(value) for key, value in wanted.items()} == {key: type(value) for key, value in hello.items()}


def test_holes_and_values():
    """Patterns take what they should, and tell text from bytes and integers from floats."""
    names = {}
    (wanted,) = notation.pattern("94 00 {a} a178 91 {any}")
    assert notation.match(wanted, [0, 7, "x", [{"any": 1}]], names) and names == {"a": 7}
    assert not notation.match(wanted, [0, 8, "x", [1]], names)
    assert notation.fill("9401 {a} c0 {61*3}", names) == b"\x94\x01\x07\xc0aaa"
    for one, other in (("a", b"a"), (1, 1.0), (1, True), ([1], [1, 2]), ({"a": 1}, {b"a": 1}), (0.0, -0.0)):
        assert not notation.same(one, other) and notation.same(one, one) and notation.same(other, other)
    (error,) = notation.pattern("{error NOT_FOUND}")
    for shape in ({"code": "NOT_FOUND"}, "NOT_FOUND: x", [0, "NOT_FOUND: x"]):
        assert notation.match(error, shape, {})
    for other in (None, "no", {"code": "TIMEOUT"}, 7):
        assert not notation.match(error, other, {})
    with pytest.raises(notation.NotationError):
        notation.fill("940", {})


# ---- Our own


@pytest.mark.release
def test_python_client():
    check("client", python("adapters/client_python.py"))


@pytest.mark.release
def test_python_client_asyncio():
    check("client", python("adapters/client_python_async.py"))


@pytest.mark.release
@pytest.mark.parametrize("channel", ["fd", "stdio"])
def test_python_worker(channel):
    check("worker", python("adapters/worker_python.py"), words=("--channel", channel))


@pytest.fixture(scope="module")
def node():
    """A command for each adapter, in a folder that has the package."""
    folder = noderun.need_project()
    for path in (HERE / "adapters").glob("*.mjs"):
        shutil.copy(path, folder / path.name)
    return lambda name: f"exec node {folder / name}"


@pytest.mark.release
def test_node_client(node):
    check("client", node("client_node.mjs"))


@pytest.mark.release
@pytest.mark.parametrize("channel", ["fd", "stdio"])
def test_node_worker(node, channel):
    """JavaScript has one kind of number, and Node passes no descriptors."""
    check("worker", node("worker_node.mjs"), words=("--channel", channel),
          fails=["value-float-forms"], skips=["file"])


@pytest.mark.skipif(SANITIZED, reason="Python cannot load a library with sanitizers")
def test_libmoro():
    """The C library knows of no notifications of tasks."""
    check("client", f"{python('adapters/client_libmoro.py')} {BUILD / 'client' / 'libmoro.so'}",
          skips=["request-notification"])


@pytest.fixture
def ruby():
    probe = ["ruby", "-e", "require 'msgpack'"]
    if shutil.which("ruby") is None or subprocess.run(probe, capture_output=True).returncode != 0:
        pytest.skip("there is no Ruby with msgpack")
    return lambda name: f"exec ruby {HERE / 'adapters' / name}"


@pytest.mark.release
def test_ruby_client(ruby):
    """Another implementation of MessagePack, in a client that has calls alone and waits in each."""
    check("client", ruby("client_ruby.rb"), skips=PLAIN_CLIENT["skips"], fails=["flow-both-ways", "last-words"])


@pytest.mark.release
def test_ruby_worker(ruby):
    check("worker", ruby("worker_ruby.rb"), skips=[
        "file", "progress", "progress-unwanted", "cancel", "cancel-at-once", "cancel-of-another", "end-in-task",
    ])


# ---- Plain ones, and what is wrong with others

NO_HELLO = ["hello-later", "hello-plain", "hello-byte-by-byte", "hello-refused", "hello-unanswered"]
PLAIN_CLIENT = {
    "fails": ["answer-odd-keys", "flow-both-ways", "last-words"],
    "skips": [*NO_HELLO, "request-notification", "request-control", "progress", "backpressure", "cancel",
              "cancel-late", "close", "close-open"],
}


@pytest.mark.release
def test_plain_client():
    """A client that has calls alone passes what it must, and is not blamed for what it has not."""
    check("client", python("plain/client.py"), **PLAIN_CLIENT)


@pytest.mark.release
def test_plain_worker():
    check("worker", python("plain/worker.py"), fails=["value-odd-keys"], skips=["file"])


CLIENT_FAULTS = {
    "msgid-reuse": ("msgid-unique", "msgid 1 is that of a request that has no answer yet"),
    "msgid-negative": ("request", "a msgid is an integer from 0 to 2^53"),
    "hangs-at-end": ("lost-before-answer", "did not come in 2 s"),
    "nil-at-end": ("lost-in-message", "the driver said: {'result': None}"),
    "first-answer": ("answers-out-of-order", "the outcome {'result': 1} was expected"),
    "last-answer": ("answer-twice", "the driver said: {'result': 3}"),
    "one-read": ("answer-byte-by-byte", "the driver said: {'error'"),
    "drops-rest": ("answers-joined", "did not come in 2 s"),
    "text-as-bytes": ("request-text", "what came: [0, 1, \"debug:echo\", [h'']]"),
    "bytes-as-text": ("request-bytes", "what came: "),
    "integers-as-floats": ("request-integers", "4294967296.0"),
    "snake-options": ("options-time", "no option is called time_out"),
    "drops-options": ("options-time", '["x", {"timeout": 2500}]] was expected'),
    "bare-params": ("request", "params is an array"),
    "dies-of-notification": ("notification-unknown", "no answer"),
    "error-as-result": ("error-codes", "the driver said: {'result': None}"),
    "loses-code": ("error-codes", "'code': 'INTERNAL'"),
    "loses-message": ("error-codes", "'message': ''"),
    "nil-is-no-answer": ("answer-nil", "did not come in 2 s"),
    "rounds-integers": ("answer-integers-64", "the driver said: {'result': 1.8446744073709552e+19}"),
    "bytes-become-text": ("answer-bytes", "the driver said: {'result': ''}"),
    "newlines": ("request", "what came is no message"),
}


@pytest.mark.release
@pytest.mark.parametrize("fault", CLIENT_FAULTS)
def test_fault_of_a_client(fault):
    """Each check can fail, and says what it saw."""
    vector, said = CLIENT_FAULTS[fault]
    check_fault("client", f"{python('plain/client.py')} {fault}", vector, said)


WORKER_FAULTS = {
    "types-as-text": ("hello-types", 'types takes an array, not "conform:echo"'),
    "text-for-true": ("hello-types", 'softCancel of a type takes true or false, not "yes"'),
    "answers-twice": ("task", "request 1 was answered twice"),
    "wrong-msgid": ("task", "request 2 was answered, and never sent"),
    "small-msgid": ("task-msgids", "request 0 was answered twice"),
    "dies-of-unknown-type": ("unknown-type", "exited with status 1"),
    "silent-on-failure": ("fail", "did not come in 2 s"),
    "error-as-result": ("fail", "[1, 1, {error}, nil] was expected"),
    "error-and-result": ("fail", "error or result is nil"),
    "forgets-cancel": ("cancel", "did not come in 2 s"),
    "cancels-anything": ("cancel-of-another", "[1, 3, nil, {any}] was expected"),
    "cancel-without-answer": ("cancel", "did not come in 2 s"),
    "progress-to-all": ("progress-unwanted", "nobody wants to hear of it"),
    "stays-at-end": ("end", "the program did not exit in 2 s"),
    "one-read": ("request-byte-by-byte", "what came: nothing"),
    "bytes-as-text": ("value-bytes", "[1, 1, nil, h''] was expected"),
    "prints": ("task", "what came is no message"),
    "dies-of-notification": ("unknown-notification", "exited with status 1"),
    "no-hello": ("hello", "the answer to hello was expected"),
    "hello-by-number": ("hello-later", "exited with status 1"),
}


@pytest.mark.release
def test_driver_that_can_do_nothing(tmp_path):
    """What need not be there is skipped; but it is no success."""
    driver = tmp_path / "driver.py"
    driver.write_text("import json, sys\nfor line in sys.stdin:\n"
                      "    print(json.dumps({'unsupported': sys.argv[1]}), flush=True)\n")
    status, out, _ = kit("client", f"/usr/bin/python3 {driver} call", "--only", "answer-nil")
    assert status == 1 and "a driver needs call" in out
    status, out, err = kit("client", f"/usr/bin/python3 {driver} submit", "--only", "answer-nil")
    assert status == 2 and "1 skipped (must: 1)" in out and "lacks what each" in err


@pytest.mark.release
@pytest.mark.parametrize("fault", WORKER_FAULTS)
def test_fault_of_a_worker(fault):
    vector, said = WORKER_FAULTS[fault]
    check_fault("worker", f"{python('plain/worker.py')} {fault}", vector, said)


def check_fault(side, command, vector, said):
    deadline = HANGS if said.endswith(f"in {HANGS} s") else SLOW
    status, out, err = kit(side, command, "--only", f"[{vector[0]}]{vector[1:]}", "--deadline", deadline)
    assert marks(out) == {vector: "FAIL"}, out + err
    assert said in out
    must = next(v for v in vectors.Book(side).vectors if v.name == vector).level == "must"
    assert status == (1 if must else 0)
    assert "0 of 1 passed" in out.splitlines()[-1]


def test_fault_of_a_server(tmp_path):
    """A server that answers in other bytes, or other values, is found out."""
    program = tmp_path / "server.py"
    program.write_text(
        "import os, socketserver, msgpack\n"
        "class Handler(socketserver.BaseRequestHandler):\n"
        "    def handle(self):\n"
        "        unpacker = msgpack.Unpacker()\n"
        "        while data := self.request.recv(65536):\n"
        "            unpacker.feed(data)\n"
        "            for _, n, method, params in unpacker:\n"
        "                self.request.sendall(b'\\xdc\\0\\4\\1' + msgpack.packb(n) + msgpack.packb(None) +\n"
        "                                     msgpack.packb(params[0] if params else 'pong'))\n"
        "socketserver.ThreadingUnixStreamServer(os.environ['MORO_SOCKET'], Handler).serve_forever()\n"
    )
    status, out, _ = kit("server", f"exec /usr/bin/python3 {program}", "--only", "p*g")
    assert (status, marks(out)) == (1, {"ping": "FAIL"})
    assert "the value is right, the bytes are not" in out and "what came: dc 00 04 01 01 c0 a4" in out


# ---- The program


@pytest.mark.release
def test_example_of_the_manual(tmp_path):
    """The adapter and the worker in CONFORMANCE.md pass all that they must, as they stand."""
    for side in ("client", "worker"):
        (code,) = re.findall(rf"```python {side}\n(.*?)```", MANUAL, re.S)
        (tmp_path / side).write_text(code)
        status, out, err = kit(side, f"exec /usr/bin/python3 {tmp_path / side}")
        assert status == 0, out + err


def test_manual_names_all():
    """The manual has every instruction, every step and every task type that vectors use."""
    told = {s["tell"]["do"] for v in vectors.Book("client").vectors for s in v.steps if "tell" in s}
    types = set(re.findall(r"conform:\w+", json.dumps([v.given for v in vectors.Book("worker").vectors])))
    for name in (*told, *types, *vectors.STEPS):
        assert f"`{name}`" in MANUAL or f'"do": "{name}"' in MANUAL, name


def test_list_and_only():
    status, out, _ = kit("client", "x", "--list")
    assert status == 0 and len(out.splitlines()) == len(vectors.Book("client").vectors)
    status, out, _ = kit("worker", "x", "--list", "--only", "hello*")
    assert [line.split()[0] for line in out.splitlines()] == [
        "hello", "hello-types", "hello-later", "hello-byte-by-byte"
    ]
    status, _, err = kit("worker", "x", "--only", "nothing-like-it")
    assert status == 2 and "no vector is called 'nothing-like-it'" in err


@pytest.mark.parametrize("side", vectors.SIDES)
def test_command_that_cannot_be_started(side):
    status, out, err = kit(side, "/no/such/program")
    assert (status, out) == (2, "")
    assert "cannot be tested" in err and "/no/such/program" in err and "Traceback" not in err


def test_worker_of_other_types(tmp_path):
    """A worker without the kit's task types is told so once, and not in fifty failures."""
    program = tmp_path / "worker.py"
    program.write_text(RECORDER.replace("conform:echo", "text:upper"))
    status, out, err = kit("worker", f"exec /usr/bin/python3 {program} {tmp_path / 'record'}")
    assert (status, out) == (2, "") and "does not offer conform:echo, but text:upper" in err


def test_wrong_words():
    for words in (["client"], ["nobody", "x"], ["client", "x", "--deadline", "0"]):
        done = subprocess.run([KIT, *words], capture_output=True, text=True)
        assert done.returncode == 2 and "usage:" in done.stderr, words


def test_a_driver_that_writes_rubbish():
    status, out, _ = kit("client", "echo hello; sleep 60", "--only", "request-large")
    assert status == 1 and "the driver wrote no outcome: hello" in out


def test_verbose_shows_what_went_to_and_fro():
    _, out, _ = kit("worker", python("plain/worker.py"), "--only", "task-info", "--verbose")
    assert '> 94 00 01' in out and '[0, 1, "conform:echo", [1, {"attempt": 2}]]' in out


def test_nothing_is_left(tmp_path):
    """What the command has started ends with its vector, and folders go away."""
    pids = tmp_path / "pids"
    command = f"sleep 300 & echo $! >>{pids}; {python('plain/client.py')} hangs-at-end"
    status, _, _ = kit("client", command, "--only", "lost-[bi]*", "--deadline", "1", TMPDIR=str(tmp_path))
    started = [int(line) for line in pids.read_text().split()]
    assert status == 1 and len(started) == 2
    assert [pid for pid in started if alive(pid)] == []
    assert [path.name for path in tmp_path.iterdir()] == ["pids"]


def test_interrupted(tmp_path):
    """Ctrl-C ends the command, too."""
    pid = tmp_path / "pid"
    process = subprocess.Popen(
        [KIT, "client", f"echo $$ >{pid}; exec sleep 300"], stdout=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    started = int(wait_until(lambda: pid.exists() and pid.read_text().strip(), "the command"))
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE) == 2
    assert not alive(started)
    assert [path.name for path in tmp_path.iterdir()] == ["pid"]
