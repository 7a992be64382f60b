"""The examples of README.md, run as they stand."""

import os
import re
import subprocess

import pytest

from harness import BUILD, DEADLINE, ROOT, SANITIZED, wait_until

README = (ROOT / "README.md").read_text()
SHA256 = "b94f6f125c79e3a5ffaa826f584c10d52ada669e6762051b826b55776d05aed2"


def block(language):
    """The text of README's one block in a language."""
    (text,) = re.findall(rf"```{language}\n(.*?)```", README, re.S)
    return text


def environment(d):
    path = f"{BUILD}/server:{BUILD}/tools:/usr/bin:/bin"
    python = str(ROOT / "client" / "python")
    return {**os.environ, "PATH": path, "PYTHONPATH": python, "MORO_SOCKET": d.socket}


def test_one_screen():
    """README fits a screen, with an example a language."""
    assert len(README.splitlines()) <= 105
    assert all(len(line) <= 120 for line in README.splitlines())


def test_python(morod):
    with morod(debug_tasks=False) as d:
        done = subprocess.run(
            ["/usr/bin/python3", "-c", block("python")],
            env=environment(d), capture_output=True, text=True, timeout=DEADLINE,
        )
    assert done.stdout == SHA256 + "\n", done.stderr


def test_task(morod, tmp_path):
    """The task of one's own, in the pool that README says."""
    (key, command), = re.findall(r"has `(\[pool upper\])` and below it\n`(command = .*?)`", README)
    (tmp_path / "upper.py").write_text(block("python task"))
    command = command.replace("python3", "/usr/bin/python3").replace("upper.py", f"{tmp_path}/upper.py")
    (tmp_path / "m.conf").write_text(f"{key}\n{command}\nworkers = 1\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT / "client" / "python")}
    with morod(config=tmp_path / "m.conf", env=env) as d, d.client() as c:
        wait_until(lambda: "text:upper" in [t["type"] for t in c.request("types")])
        assert c.call("text:upper", "hello") == "HELLO"


def test_ruby(morod):
    if subprocess.run(["sh", "-c", "ruby -e 'require \"msgpack\"' 2>&1"], capture_output=True).returncode:
        pytest.skip("there is no Ruby with msgpack")
    with morod(debug_tasks=False) as d:
        done = subprocess.run(
            ["ruby", "-e", block("ruby")], env=environment(d), capture_output=True, text=True,
            timeout=DEADLINE,
        )
    assert done.stdout == SHA256 + "\n", done.stderr


def test_c(morod, tmp_path):
    """The C example, compiled as README says."""
    (command,) = re.findall(r"`(cc example.c .*?)`", README)
    (tmp_path / "example.c").write_text(block("c"))
    flags = " -fsanitize=address,undefined" if SANITIZED else ""
    with morod(debug_tasks=False) as d:
        env = environment(d)
        env["PKG_CONFIG_PATH"] = str(BUILD / "meson-uninstalled")
        env["LD_LIBRARY_PATH"] = str(BUILD / "client")
        done = subprocess.run(
            # eval: pkg-config quotes a build folder whose path holds a space
            f'eval "{command}{flags}" && ./a.out', shell=True, cwd=tmp_path, env=env,
            capture_output=True, text=True, timeout=DEADLINE,
        )
    assert done.stdout == SHA256 + "\n", done.stderr


def test_neovim(morod, tmp_path):
    """The Neovim example; what it echoes goes to stderr without a screen."""
    script = tmp_path / "script.vim"
    script.write_text(block("vim") + "qall!\n")
    with morod(debug_tasks=False) as d:
        done = subprocess.run(
            ["/usr/bin/nvim", "--headless", "-u", "NONE", "-i", "NONE", "-S", str(script)],
            env={**environment(d), "HOME": str(tmp_path)}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=DEADLINE,
        )
    assert SHA256 in done.stderr


def test_shell(tmp_path):
    """The shell example, but for its socket's place and the end that it leaves out."""
    path = tmp_path / "moro.sock"
    code = block("sh").replace("/tmp/moro.sock", str(path))
    code = code.replace("$PWD/build", str(BUILD))
    code += "moroctl shutdown >&2; wait\n"
    env = {**os.environ, "PATH": f"{BUILD}/server:{BUILD}/tools:/usr/bin:/bin"}
    done = subprocess.run(
        ["/bin/bash", "-euc", code], env=env, cwd=ROOT,
        capture_output=True, text=True, timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("pong\n" + SHA256 + "\n" + README)
    assert done.stdout.count(SHA256) == 2 and "workers" in done.stdout
