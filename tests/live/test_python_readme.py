"""The examples of client/python/README.md, run as they stand, and what the page says of names."""

import os
import re
import subprocess
import sys

import pytest

import moro
from harness import DEADLINE, ROOT
from moro import control, options, tasks
from test_python_worker import Morod

pytestmark = pytest.mark.release

PAGE = (ROOT / "client" / "python" / "README.md").read_text()


def test_client(morod):
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.S))
    with morod(debug_tasks=False) as d:
        env = {**os.environ, "MORO_SOCKET": d.socket, "PYTHONPATH": str(ROOT / "client" / "python")}
        code = code.replace("/tmp/moro-example.zst", os.path.join(d.folder.name, "example.zst"))
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=DEADLINE
        )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and len(done.stdout.splitlines()) >= 8


def test_worker(tmp_path):
    (source,) = re.findall(r"```python worker\n(.*?)```", PAGE, re.S)
    with Morod(tmp_path, source=source) as m:
        assert m.result("text:count", {"text": "two words"}) == 2
        assert m.result("text:slow", progress=True) == "done"


def test_the_page_names_everything():
    names = set(moro.__all__) - {"Call", "Options", "Retry", "default_path"}
    for module in (tasks, control):
        described = {name for name, value in vars(module).items() if callable(value)}
        names |= {name for name in described if re.fullmatch("[a-z][a-z_]+", name)}
    names -= {"fields", "camel"}
    names |= set(options._OPTIONS)
    for name in names:
        assert re.search(rf"\b{name}\b", PAGE), name


def test_lines():
    assert all(len(line) <= 130 or line.startswith("|") for line in PAGE.splitlines())
