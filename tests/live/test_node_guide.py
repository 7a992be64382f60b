"""The guide's snippets in Node, each with a real morod (tests/node/guide/README.md)."""

import noderun
from harness import BUILD

MODULE = BUILD / "worker" / "modules" / "image.so"


def test_guide(morod):
    modules = MODULE if MODULE.exists() else None
    images = {"MORO_IMAGES": "1"} if modules else {}
    with morod(workers=2, max_queue_size=1000, modules=modules) as d:
        noderun.run_tests("guide.test.mjs", 30, MORO_SOCKET=d.socket, **images)
