"""libmoro keeps nothing of what has gone through it."""

import os
import secrets
import subprocess

from harness import BUILD, DEADLINE, ROOT
from memory import memory_has
from test_libmoro import PROGRAMS, compile_program


def test_nothing_is_kept(morod, tmp_path):
    """Requests and answers, small and large, sent and unsent, taken and forgotten."""
    program = compile_program(
        tmp_path / "forgetting", PROGRAMS / "forgetting.c",
        flags=["-I", ROOT / "client"],
        libs=["-L", BUILD / "client", "-lmoro", f"-Wl,-rpath,{BUILD / 'client'}"],
    )
    # a symbol that is looked up late has the registers saved on the stack
    env = {**os.environ, "LD_BIND_NOW": "1"}
    key = secrets.token_hex(32).encode()
    with morod(workers=1) as d, subprocess.Popen(
        [program, d.socket], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=env,
    ) as p:
        p.stdin.write(key)
        assert p.stdout.readline() == b"held\n"
        assert memory_has(p.pid, key)
        p.stdin.write(b"\n")
        assert p.stdout.readline() == b"gone\n"
        found = memory_has(p.pid, key[:48])
        p.stdin.close()
        assert p.wait(DEADLINE) == 0
        assert not found
