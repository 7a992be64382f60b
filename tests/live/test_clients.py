"""Clients that exist already: Neovim, socat, ten lines of Python."""

import shutil
import subprocess

import msgpack
import pytest

from harness import DEADLINE

NVIM = shutil.which("nvim")
SOCAT = shutil.which("socat")


def nvim(d, tmp_path, *lines):
    """Runs a script in headless Neovim; gives the lines that it wrote."""
    out = tmp_path / "out"
    script = tmp_path / "script.vim"
    head = [f"let s = sockconnect('pipe', '{d.socket}', {{'rpc': v:true}})", "let o = []"]
    tail = [f"call writefile(o, '{out}')", "qall!"]
    script.write_text("\n".join(head + list(lines) + tail) + "\n")
    done = subprocess.run(
        [NVIM, "--headless", "-u", "NONE", "-i", "NONE", "-n", "-S", str(script)],
        capture_output=True, text=True, timeout=DEADLINE, stdin=subprocess.DEVNULL,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert out.exists(), done.stderr
    return out.read_text().splitlines()


def test_neovim_rpcrequest(morod, tmp_path):
    """rpcrequest gives the result, and errors as readable text."""
    assert NVIM, "neovim is in tools/packages"
    with morod(workers=1) as d:
        lines = nvim(
            d, tmp_path,
            "call add(o, rpcrequest(s, 'crypto:hash', {'input': 'abc', 'algorithm': 'md5'}))",
            "call add(o, rpcrequest(s, 'ping'))",
            "call add(o, string(rpcrequest(s, 'debug:echo', {'a': [1, 'x', v:null]})))",
            "try | call rpcrequest(s, 'debug:fail', {'message': 'oh no'})",
            "catch | call add(o, v:exception) | endtry",
            "try | call rpcrequest(s, 'crypto:hash', {'inptu': 'abc'})",
            "catch | call add(o, v:exception) | endtry",
            "call rpcnotify(s, 'debug:echo', 1)",
            "call add(o, rpcrequest(s, 'ping'))",
            "call rpcnotify(s, 'nvim_set_client_info', 'x', {}, 'remote', {}, {})",
            "try | call rpcrequest(s, 'no:such')",
            "catch | call add(o, v:exception) | endtry",
        )
    assert lines[0] == "900150983cd24fb0d6963f7d28e17f72"
    assert lines[1] == "pong"
    assert lines[2] == "{'a': [1, 'x', v:null]}"
    assert "WORKER_ERROR: oh no" in lines[3]
    assert "INVALID_ARGUMENT: " in lines[4] and "inptu" in lines[4]
    assert lines[5] == "pong"
    assert "UNKNOWN_TASK: " in lines[6]


def test_socat(morod):
    """printf | socat: the answer comes though the input has ended."""
    assert SOCAT, "socat is in tools/packages"
    request = msgpack.packb([0, 1, "debug:sleep", [{"ms": 100}]])
    request += msgpack.packb([0, 2, "crypto:hash", [{"input": "abc"}]])
    with morod(workers=1) as d:
        done = subprocess.run(
            [SOCAT, "-t5", "-", f"UNIX-CONNECT:{d.socket}"],
            input=request, capture_output=True, timeout=DEADLINE,
        )
    unpacker = msgpack.Unpacker()
    unpacker.feed(done.stdout)
    answers = list(unpacker)
    assert [a[1] for a in answers] == [1, 2] and answers[1][3].startswith("ba7816bf")


@pytest.mark.parametrize(
    "name, opening",
    [
        # what these clients put on the wire first, as their sources have it
        ("pynvim", msgpack.packb([2, b"nvim_set_client_info",
                                  ["python3-script", {}, "remote", {}, {}]])),
        ("raw strings only", b"\x94\x00\x01\xa4ping\x90"),
        ("uint32 everywhere", b"\xdd\x00\x00\x00\x04\xce\x00\x00\x00\x00"
                              b"\xce\x00\x00\x00\x01\xa4ping\xdd\x00\x00\x00\x00"),
    ],
)
def test_openings_of_other_clients(morod, name, opening):
    """Recorded openings are taken as they are; the connection serves after them."""
    with morod(workers=1) as d, d.client(hello=False) as c:
        c.send_bytes(opening)
        assert c.start("ping", msgid=9).result() == "pong"
        assert c.unasked == []
