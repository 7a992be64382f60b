"""Faults of what the system gives: descriptors, processes, files, the time of day. See faults.py for what holds in all of them."""

import contextlib
import errno
import os
import subprocess
import time

import pytest

import faults_resources
from faultpage import FaultPage
from faults import LIBRARY, Arena, of_family
from harness import Daemon

pytestmark = pytest.mark.release  # the simulation has the dispatcher under sanitizers


@pytest.fixture(scope="module")
def arena():
    with Arena() as a:
        yield a


@pytest.mark.parametrize("fault", of_family("resources"), ids=lambda f: f.name)
def test_fault(arena, fault):
    """Each answer comes once, others keep their pace, nothing is left."""
    arena.suffer(fault)


def refused_start(**options):
    """A morod that cannot start: what it says. It ends by itself, with status 1."""
    with Daemon(wait=False, **options) as d:
        assert d.process.wait(20) == 1
        folder = os.path.dirname(d.socket)
        assert [n for n in os.listdir(folder) if n.startswith("m.sock")] == []
        return d.log()


@pytest.mark.parametrize("why", (errno.ENOSPC, errno.EROFS, errno.EDQUOT), ids=errno.errorcode.get)
def test_start_in_a_full_folder(tmp_path, why):
    """It says what it could not make, and why, and leaves nothing."""
    page = FaultPage(tmp_path / "page")
    page.file_errno = why
    log = refused_start(env=page.env(LIBRARY))
    assert f"m.sock: cannot make the lock: {os.strerror(why)}" in log
    assert page.files_failed == 1


@contextlib.contextmanager
def mounted(folder, options):
    """A file system of its own; skips where that may not be made."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)],
                          capture_output=True)
    if made.returncode != 0:
        pytest.skip(f"no mount here: {made.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("options, why", (
    ("nr_inodes=1", errno.ENOSPC), ("ro", errno.EROFS), ("nr_inodes=2", errno.ENOSPC)))
def test_start_in_a_real_one(tmp_path, options, why):
    """The same without a lie: no place for the lock, or none for the socket."""
    with mounted(tmp_path, options):
        log = refused_start(path=str(tmp_path / "m.sock"))
        assert os.strerror(why) in log
        assert os.listdir(tmp_path) == []


def test_log_has_the_wall_clock(arena):
    """Where the clock jumps the log follows, and nothing else does."""
    arena.page.wall_s = faults_resources.TEN_YEARS_S
    try:
        with arena.d.client() as c:
            c.call("debug:print", {"text": "in ten years\n"})
        arena.d.wait_log("in ten years")
    finally:
        arena.page.wall_s = 0
    line = next(x for x in arena.d.log().splitlines() if "in ten years" in x)
    year = time.gmtime(time.time() + faults_resources.TEN_YEARS_S).tm_year
    assert line.startswith(str(year)), line
