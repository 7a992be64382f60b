"""moroctl map: a task a line, answers in order."""

import hashlib
import json
import signal

import pytest

from test_moroctl import Moroctl


@pytest.fixture
def server(morod):
    with morod(workers=2) as d:
        yield d, Moroctl(d)


def test_answers_in_order(server):
    """Later lines finish first, and are printed where they belong."""
    d, ctl = server
    lines = [{"ms": 40 if i % 5 == 0 else 1} for i in range(50)]
    out = ctl.ok("map", "debug:spin", data="\n".join(map(json.dumps, lines)).encode())
    assert [json.loads(x) for x in out.splitlines()] == [x["ms"] for x in lines]


def test_many_lines(server):
    """More lines than are under way, or fit a message, at a time."""
    d, ctl = server
    lines = "".join(f"{i}\n" for i in range(30000)).encode()
    assert ctl.ok("map", "debug:echo", "--parallel", "7", data=lines) == lines
    assert ctl.ok("map", "debug:echo", "-j", "4096", data=lines) == lines


def test_lines_of_text(server):
    """A line is a field's text, whatever is in it; the argument has the others."""
    d, ctl = server
    words = ["a", "", '"quoted"', "gr\u00fc\u00df", "x" * 100000]
    out = ctl.ok("map", "crypto:hash", '{"algorithm": "sha512"}', "--field", "input",
                 "--raw", data="\n".join(words).encode() + b"\n")
    assert out.decode().split() == [hashlib.sha512(w.encode()).hexdigest() for w in words]
    assert ctl.ok("map", "crypto:hash", "--field", "input", data=b"") == b""


def test_a_failed_task_is_its_line(server):
    d, ctl = server
    code, out, err = ctl("map", "debug:spin", data=b'{"ms":1}\n{"sm":1}\n{"ms":2}')
    first, second, third = map(json.loads, out.splitlines())
    assert (code, first, third) == (1, 1, 2)
    assert second["error"]["code"] == "INVALID_ARGUMENT"
    assert second["error"]["field"] == "sm"
    assert err == "moroctl: WORKER_ERROR: 1 of 3 tasks failed\n"


def test_a_bad_line_drops_nothing(server):
    """What the lines before it came to is printed first, finished or not."""
    d, ctl = server
    lines = b'{"ms":300}\n' + b'{"ms":1}\n' * 9
    for bad, why in ((b"{", "line 11 is"), (b'"\xff"', "line 11 is")):
        code, out, err = ctl("map", "debug:spin", data=lines + bad + b"\n" + lines)
        assert (code, out) == (2, b"300\n" + b"1\n" * 9)
        assert err.startswith(f"moroctl: USAGE: {why}")
    code, out, err = ctl("map", "debug:echo", data=b"1\n" + b" " * (65 << 20) + b"2\n3\n")
    assert (code, out) == (2, b"1\n") and "line 2 has over" in err


def test_task_types_alone(server):
    """A control method is no task: a line of input must not stop the server."""
    d, ctl = server
    for command in ("map", "run"):
        code, out, err = ctl(command, "shutdown", data=b"{}\n")
        assert (code, out) == (2, b"") and "FAMILY:VERB, not shutdown" in err
    assert ctl.ok("map", "debug:echo", data=b"1\n") == b"1\n"


def test_a_result_that_is_no_json(server):
    """JSON has no infinity: the results before it are there, and the line says why."""
    d, ctl = server
    line = b'{"operation":"matrix-multiply","params":{"a":[[%s]],"b":[[10]]}}\n'
    code, out, err = ctl("map", "heavy:computation", data=line % b"1" + line % b"1e308")
    assert code == 1 and json.loads(out.splitlines()[0])["product"] == [[10.0]]
    assert err.startswith("moroctl: OUTPUT: ") and "Success" not in err


def test_output_whole_or_not_at_all(server, tmp_path):
    d, ctl = server
    path = tmp_path / "out"
    assert ctl.ok("map", "debug:echo", "-o", str(path), data=b"1\n2\n") == b""
    assert path.read_text() == "1\n2\n"
    ctl.fails(2, "USAGE", "map", "debug:echo", "-o", str(path), data=b"3\nx\n")
    assert path.read_text() == "1\n2\n"
    (tmp_path / "in").write_text("7\n")
    assert ctl.ok("map", "debug:echo", "-i", str(tmp_path / "in")) == b"7\n"


def test_answers_come_while_input_is_open(server):
    """What is finished is printed though more lines may come."""
    d, ctl = server
    p = ctl.start("map", "debug:echo")
    with p:
        p.stdin.write(b"1\n2\n")
        p.stdin.flush()
        assert p.stdout.readline() == b"1\n" and p.stdout.readline() == b"2\n"
        p.stdin.write(b"3")
        p.stdin.close()
        assert p.stdout.read() == b"3\n"
        assert p.wait(20) == 0


def test_interrupt(server):
    """Ctrl-C ends it, and the tasks with it."""
    d, ctl = server
    with ctl.start("map", "debug:spin") as p:
        p.stdin.write(b'{"ms":3600000}\n' * 5)
        p.stdin.flush()
        d.wait(lambda s: s["activeTasks"] == 2)
        p.send_signal(signal.SIGINT)
        assert p.wait(20) == -signal.SIGINT
    d.wait(lambda s: s["activeTasks"] == 0 and s["queueSize"] == 0)


def test_refusals(server):
    d, ctl = server
    ctl.fails(2, "USAGE", "map")
    assert "1 to 4096" in ctl.fails(2, "USAGE", "map", "debug:echo", "-j", "0")
    assert "line 2 is" in ctl("map", "debug:echo", data=b"1\n{\n")[2]
    ctl.fails(2, "USAGE", "map", "debug:echo", "{}")
    ctl.fails(2, "USAGE", "map", "debug:echo", "--field", "a", "[]")
    ctl.fails(2, "USAGE", "map", "debug:echo", "-i", "/nonexistent")
    ctl.fails(3, "NO_SERVER", "map", "debug:echo", "-s", "/nonexistent")


def test_server_that_goes(morod):
    with morod(workers=1) as d:
        ctl = Moroctl(d)
        p = ctl.start("map", "debug:spin")
        with p:
            p.stdin.write(b'{"ms":3600000}\n')
            p.stdin.flush()
            d.wait(lambda s: s["activeTasks"] == 1)
            d.kill_group()
            p.stdin.close()
            assert p.wait(20) == 3
