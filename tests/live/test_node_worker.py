"""Workers in JavaScript, with a morod that the test plays (tests/node/worker.test.mjs)."""

import pytest

import noderun

pytestmark = pytest.mark.release


def test_worker():
    noderun.run_tests("worker.test.mjs", 11)
