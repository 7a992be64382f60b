import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness  # noqa: E402

sys.path.insert(0, str(harness.ROOT / "client" / "python"))


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "foreign: shows a client, a worker or a kit that has no C of ours in it, with a server that does what "
        "other tests show as well: the build with sanitizers has nothing to find there",
    )


@pytest.fixture
def morod():
    """morod(workers=1, ...) starts a server; see harness.Daemon."""
    return harness.Daemon
