import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness  # noqa: E402

sys.path.insert(0, str(harness.ROOT / "client" / "python"))


@pytest.fixture
def morod():
    """morod(workers=1, ...) starts a server; see harness.Daemon."""
    return harness.Daemon
