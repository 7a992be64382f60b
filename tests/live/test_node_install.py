"""Installing client/node from a folder, by the commands that its page gives."""

import json
import re
import shutil
import subprocess

import pytest

import noderun

pytestmark = pytest.mark.release

USE = "const m = require('moro-client'); require('moro-client/worker'); console.log(m.defaultPath({MORO_SOCKET: 'x'}))"
INSTALL = re.findall(r"^    npm install (.*)$", (noderun.PACKAGE / "README.md").read_text(), re.M)


def npm(folder, *words):
    reason = noderun.lacking() or noderun.install(folder, *words)
    if reason is not None:
        pytest.skip(reason)


@pytest.mark.parametrize("words, place", [
    (INSTALL[0].split(), "elsewhere/morod"), (INSTALL[1].split(), "program"),
])
def test_install(tmp_path, words, place):
    """From another folder, and from one that holds it; the dependency comes along."""
    program = tmp_path / "program"
    program.mkdir()
    (program / "package.json").write_text('{"name": "program", "private": true}\n')
    shutil.copytree(
        noderun.PACKAGE, tmp_path / place / "client" / "node",
        ignore=shutil.ignore_patterns("node_modules"),
    )
    npm(program, *(word.replace("MOROD", str(tmp_path / place)) for word in words))
    done = subprocess.run(
        ["node", "-e", USE], cwd=program, env=noderun.environment(),
        capture_output=True, text=True, timeout=noderun.TEST_LIMIT,
    )
    assert done.stdout == "x\n", done.stderr


def test_package():
    """One dependency, no download hosts, the licence, Node 18, nothing that runs at installation."""
    package = json.loads((noderun.PACKAGE / "package.json").read_text())
    assert list(package["dependencies"]) == ["@msgpack/msgpack"]
    assert package["engines"]["node"] == ">=18" and package["license"] == "MIT"
    assert "scripts" not in package
    locks = list(noderun.PACKAGE.rglob("package-lock.json"))
    assert all("resolved" not in lock.read_text() for lock in locks)
