"""The examples of client/node/README.md and README.md, run as they stand."""

import re
import subprocess

import pytest

import noderun
from harness import ROOT

pytestmark = pytest.mark.release

SHA256 = "b94f6f125c79e3a5ffaa826f584c10d52ada669e6762051b826b55776d05aed2"
PAGE = (noderun.PACKAGE / "README.md").read_text()


def blocks(text, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)


def run(code, stdin=None, **env):
    """Runs a module's text, and gives what it printed."""
    folder = noderun.need_project()
    done = subprocess.run(
        ["node", "--input-type=module", "-e", code], cwd=folder, env=noderun.environment(**env),
        stdin=stdin or subprocess.DEVNULL, capture_output=True, text=True, timeout=noderun.TEST_LIMIT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_readme(morod):
    """README's one-liner."""
    (code,) = blocks((ROOT / "README.md").read_text(), "js")
    with morod(debug_tasks=False) as d:
        assert run(code, MORO_SOCKET=d.socket) == SHA256 + "\n"


def test_page(morod):
    """The page's examples of calls and of the guide's API."""
    first, cancel, guide = blocks(PAGE, "js")
    with morod(debug_tasks=False) as d:
        assert SHA256 in run(first, MORO_SOCKET=d.socket)
        assert run(cancel, MORO_SOCKET=d.socket).endswith("CANCELLED\n")
        digest, user, text = run(guide, MORO_SOCKET=d.socket).splitlines()
    assert (len(digest), user, text) == (64, "7", "text 1")


def test_worker():
    """The page's worker ends well when its channel does."""
    (code,) = blocks(PAGE, "js worker")
    assert run(code, MORO_CHANNEL="stdio") == ""


def test_lines():
    """No line of the page is too long, but for tables."""
    assert all(len(line) <= 120 for line in PAGE.splitlines() if not line.startswith("|"))
