"""The package `moro` as a worker that tools/conformance tests."""

import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "client" / "python"))

import moro  # noqa: E402
import moro.worker  # noqa: E402

LOOK_S = 0.005


@moro.task("conform:echo", idempotent=True)
def echo(data):
    return data


@moro.task("conform:fail")
def fail(data):
    raise moro.Error(data["message"], code=data["code"])


@moro.task("conform:attempt")
def attempt(_data, context):
    return context.attempt


@moro.task("conform:progress")
def progress(data, context):
    for done in range(1, data + 1):
        context.progress(done, data)
    return data


@moro.task("conform:slow", soft_cancel=True)
def slow(data, context):
    context.progress(0)
    end = time.monotonic() + data / 1000
    while time.monotonic() < end:
        context.check()
        time.sleep(LOOK_S)
    return "done"


@moro.task("conform:file")
def file(data):
    return bytes(data)


moro.worker.run()
