import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness  # noqa: E402

sys.path.insert(0, str(harness.ROOT / "client" / "python"))


def pytest_configure(config):
    # a shell that starts it behind itself has it, and all that it starts, ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line(
        "markers",
        "release: the release build shows it, and the one with sanitizers has nothing to find there: clients and "
        "workers that have no C of ours in them, and measurements of what other tests run as well",
    )


@pytest.fixture
def morod():
    """morod(workers=1, ...) starts a server; see harness.Daemon."""
    return harness.Daemon
