import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "live"))

import harness  # noqa: E402


@pytest.fixture
def morod():
    """morod(workers=1, ...) starts a server; see tests/live/harness.py."""
    return harness.Daemon
