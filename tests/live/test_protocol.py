"""Replays the exchanges of proto/PROTOCOL.md, byte by byte, and its example client."""

import hashlib
import pathlib
import re
import socket
import subprocess

import pytest

from harness import DEADLINE, ROOT

TEXT = (ROOT / "proto" / "PROTOCOL.md").read_text()
EXCHANGES = re.findall(r"```exchange\n# (.*?)\n(.*?)```", TEXT, re.S)
TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([0-9a-f]{2})|(\S+)')


def parse(line):
    """94 00 "ping" -> bytes; None for EOF."""
    if line.strip() == "EOF":
        return None
    out = b""
    for text, byte, rest in TOKEN.findall(line):
        assert not rest, f"not a byte: {rest!r}"
        out += bytes.fromhex(byte) if byte else text.replace('\\"', '"').encode()
    return out


def receive(sock, n):
    got = b""
    while len(got) < n:
        data = sock.recv(n - len(got))
        if not data:
            break
        got += data
    return got


def test_there_are_exchanges():
    assert len(EXCHANGES) >= 10


@pytest.mark.parametrize("name, body", EXCHANGES, ids=[e[0] for e in EXCHANGES])
def test_exchange(morod, name, body):
    """Each example is exactly what morod says."""
    with morod(debug_tasks=False) as d, socket.socket(socket.AF_UNIX) as s:
        s.settimeout(DEADLINE)
        s.connect(d.socket)
        for line in body.splitlines():
            data = parse(line[1:])
            if line[0] == ">" and data is None:
                s.shutdown(socket.SHUT_WR)
            elif line[0] == ">":
                s.sendall(data)
            elif data is None:
                assert s.recv(1) == b""
            else:
                assert receive(s, len(data)) == data


def run_example(morod, kind):
    """Runs the example of that kind against a morod of its own."""
    (code,) = re.findall(rf"```{kind}\n(.*?)```", TEXT, re.S)
    with morod(debug_tasks=False) as d:
        return subprocess.run(
            ["/usr/bin/python3", "-c", code.replace("/run/moro/morod.sock", d.socket)],
            capture_output=True, text=True, timeout=DEADLINE,
        )


def test_example_client(morod):
    """The Python client of section 1 works as it stands."""
    done = run_example(morod, "python")
    assert done.stdout.startswith("ba7816bf8f01cfea"), done.stderr


def test_example_with_a_file(morod):
    """So does that of section 9, which passes a descriptor."""
    done = run_example(morod, "python-files")
    digest = hashlib.sha256(pathlib.Path("/etc/passwd").read_bytes()).hexdigest()
    assert done.stdout.strip() == repr([1, 2, None, digest]), done.stderr
