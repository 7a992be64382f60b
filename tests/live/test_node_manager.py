"""WorkerManager in Node: helpers, statistics, and servers of a program's own."""

import pytest

import noderun
from harness import BUILD

pytestmark = pytest.mark.release


def test_manager(morod):
    with morod(workers=2) as d:
        noderun.run_tests(
            "manager.test.mjs", 18, MORO_SOCKET=d.socket, TEST_MOROD=str(BUILD / "server" / "morod")
        )
