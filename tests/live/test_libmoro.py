"""libmoro as programs outside see it: the installed library, a real morod."""

import os
import pathlib
import re
import subprocess

import pytest

from harness import BUILD, DEADLINE, ROOT, SANITIZED

PROGRAMS = pathlib.Path(__file__).parent / "programs"
HEADER = ROOT / "client" / "moro.h"
FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-D_GNU_SOURCE"]
SANITIZE = ["-fsanitize=address,undefined"] if SANITIZED else []


def compile_program(target, *sources, flags=(), libs=()):
    subprocess.run(
        ["cc", *FLAGS, *SANITIZE, *flags, "-o", target, *sources, *libs],
        check=True, timeout=DEADLINE * 6,
    )
    return target


def declared():
    """The functions that moro.h declares."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    names = re.findall(r"\b(moro_\w+)\(", text)
    return {n for n in names if not n.endswith("_cb")}


def defined():
    """What the shared library exports."""
    out = subprocess.run(
        ["nm", "-D", "--defined-only", BUILD / "client" / "libmoro.so"],
        capture_output=True, text=True, check=True,
    ).stdout
    return {line.split()[-1].split("@")[0] for line in out.splitlines()}


def test_exports():
    """What the header declares is exported, and nothing else is."""
    names = {n for n in defined() if not n.startswith(("MORO_", "__asan", "__odr", "__ubsan"))}
    assert names == declared()


def test_soname():
    """Programs are linked with a name that changes when the ABI does."""
    out = subprocess.run(
        ["readelf", "-d", BUILD / "client" / "libmoro.so"],
        capture_output=True, text=True, check=True,
    ).stdout
    assert "[libmoro.so.0]" in out


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    return compile_program(
        tmp_path_factory.mktemp("tour") / "tour", PROGRAMS / "tour.c",
        flags=["-I", ROOT / "client"],
        libs=["-L", BUILD / "client", "-lmoro", f"-Wl,-rpath,{BUILD / 'client'}"],
    )


def test_tour(morod, tour):
    """Every function of the library, down to a server that ends."""
    with morod(workers=2) as d:
        done = subprocess.run(
            [tour, d.socket], capture_output=True, text=True, timeout=DEADLINE
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
        assert d.process.wait(DEADLINE) == 0


def test_tour_no_server(tour, tmp_path):
    """Without a server: one sentence, exit code 1, nothing logged."""
    path = str(tmp_path / "none")
    done = subprocess.run([tour, path], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert path in done.stderr


def test_header_example(morod, tmp_path):
    """The example at the top of moro.h compiles and does what it says."""
    text = HEADER.read_text()
    lines = re.findall(r"^ \*\t(.*)$", text.split("Rules that hold")[0], re.M)
    source = tmp_path / "example.c"
    source.write_text(
        "#include <stdio.h>\n#include <moro.h>\nint\nmain(void)\n{\n"
        + "\n".join(lines) + "\n\treturn 0;\n}\n"
    )
    program = compile_program(
        tmp_path / "example", source, flags=["-I", ROOT / "client"],
        libs=["-L", BUILD / "client", "-lmoro", f"-Wl,-rpath,{BUILD / 'client'}"],
    )
    with morod(workers=1) as d:
        out = subprocess.run(
            [program], env={**os.environ, "MORO_SOCKET": d.socket},
            capture_output=True, text=True, timeout=DEADLINE,
        )
        assert out.stdout == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n"


def test_installed(morod, tmp_path):
    """The installed files are all a program needs, through pkg-config."""
    stage = tmp_path / "stage"
    subprocess.run(
        ["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", stage],
        check=True, timeout=DEADLINE * 3, stdout=subprocess.DEVNULL,
    )
    folder = next(stage.rglob("libmoro.pc")).parent
    env = {
        **os.environ, "PKG_CONFIG_PATH": str(folder),
        "PKG_CONFIG_SYSROOT_DIR": str(stage),
    }
    words = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libmoro"],
        env=env, capture_output=True, text=True, check=True,
    ).stdout.split()
    program = compile_program(
        tmp_path / "tour", PROGRAMS / "tour.c", flags=[w for w in words if w[:2] == "-I"],
        libs=[w for w in words if w[:2] != "-I"],
    )
    headers = sorted(p.name for p in stage.rglob("*.h"))
    assert headers == ["moro-event.h", "moro.h", "moro_module.h"]
    with morod(workers=2) as d:
        done = subprocess.run(
            [program, d.socket], capture_output=True, text=True, timeout=DEADLINE,
            env={**os.environ, "LD_LIBRARY_PATH": str(folder.parent)},
        )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
