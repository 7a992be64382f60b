"""The guide's snippets in Node, each with a real morod (tests/node/guide/README.md)."""

import os

import pytest

import noderun
from harness import BUILD

pytestmark = pytest.mark.release

MODULE = BUILD / "worker" / "modules" / "image.so"

# LeakSanitizer crashes where the module's library was loaded late: see test_tasks_image.py.
ENV = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def test_guide(morod):
    modules = MODULE if MODULE.exists() else None
    images = {"MORO_IMAGES": "1"} if modules else {}
    with morod(workers=2, max_queue_size=1000, module=modules, env=ENV) as d:
        noderun.run_tests("guide.test.mjs", 30, MORO_SOCKET=d.socket, **images)
