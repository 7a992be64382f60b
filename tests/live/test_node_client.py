"""client/node with a real morod: Node's own test runner runs the files of tests/node."""

import pytest

import noderun

pytestmark = pytest.mark.release


def test_client(morod):
    """Calls, options, errors, cancels, control methods."""
    with morod(workers="2:8", max_queue_size=400, prefetch_us=0) as d:
        noderun.run_tests("client.test.mjs", 18, MORO_SOCKET=d.socket)


def test_frames():
    """Where messages end, however the stream is cut."""
    noderun.run_tests("frames.test.mjs", 4)


def test_connection():
    """Making, losing and ending connections, with servers that the test plays."""
    noderun.run_tests("connection.test.mjs", 14)


def test_lifetime(morod):
    """An idle connection does not keep the process alive, a call does."""
    with morod() as d:
        noderun.run_tests("lifetime.test.mjs", 5, MORO_SOCKET=d.socket)
