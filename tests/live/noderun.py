"""Node for the tests: the package with its dependency, in a folder that goes away."""

import atexit
import functools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from harness import ROOT

PACKAGE = ROOT / "client" / "node"
TESTS = ROOT / "tests" / "node"
INSTALL_LIMIT = 120  # seconds
TEST_LIMIT = 120


def lacking():
    """Why there can be no tests with Node, or None."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return f"there is no {program}"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    found = re.match(r"v(\d+)\.", version)
    if found is None or int(found[1]) < 18:
        return f"Node 18 or later is needed, not {version.strip()}"
    return None


@functools.cache
def project():
    """
    A folder with the package installed as README says, from a folder, and a
    copy of the tests beside it. The reason, as a string, if it cannot be had.
    """
    reason = lacking()
    if reason is not None:
        return reason
    folder = pathlib.Path(tempfile.mkdtemp(prefix="moro-npm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(PACKAGE, folder / "moro-client", ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(TESTS, folder / "tests")
    (folder / "package.json").write_text('{"name": "tests", "private": true}\n')
    reason = install(folder, "--install-links", "./moro-client")
    return folder if reason is None else reason


def install(folder, *packages):
    """npm install in a folder; the reason why it failed, or None."""
    command = [
        "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
        "--prefer-offline", "--logs-max=0", "--no-update-notifier", "--fetch-retries=0", "--loglevel=error",
    ]
    try:
        done = subprocess.run(
            command + list(packages), cwd=folder, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=INSTALL_LIMIT,
        )
    except subprocess.TimeoutExpired:
        return "npm install took too long"
    if done.returncode != 0:
        return "npm install failed: " + " ".join(done.stderr.split())[:200]
    return None


def need_project():
    """The folder; skips the test where there is none."""
    folder = project()
    if isinstance(folder, str):
        pytest.skip(folder)
    return folder


def environment(**more):
    """As little as Node needs: nothing of what runs the tests leaks in."""
    names = ("PATH", "HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS")
    keep = {name: os.environ[name] for name in names if name in os.environ}
    return {**keep, **more}


def failures(output):
    """What TAP says of the tests that failed, each cut short."""
    blocks = re.split(r"^# Subtest: ", output, flags=re.M)[1:]
    return "\n".join(b[:3000] for b in blocks if "\nnot ok" in b) or output[-3000:]


def run_tests(name, expected, **env):
    """Runs a file of Node's tests; all must pass, and be as many as expected."""
    folder = need_project()
    process = subprocess.Popen(
        ["node", "--test", f"tests/{name}"], cwd=folder, env=environment(**env), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=TEST_LIMIT)
    finally:
        kill_group(process)  # a test that hangs is a process below Node's runner
    assert process.returncode == 0, failures(out) + err[-5000:]
    passed = re.search(r"^(?:#|ℹ) pass (\d+)$", out, re.M)
    skipped = re.search(r"^(?:#|ℹ) skipped (\d+)$", out, re.M)
    assert int(passed[1]) + int(skipped[1]) >= expected, out


def kill_group(process):
    """Ends a process and all that it left in its session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
