"""Looks for bytes in the memory of processes: what is mapped, and files that are memory."""

import base64
import os
import pathlib

import pytest

from harness import title

PIECE = 1 << 20  # read at a time
SANITIZERS = 1 << 30  # what is larger is a sanitizer's own
UNREADABLE = ("[vvar]", "[vsyscall]", "[vvar_vclock]")


def forms(mark):
    """The bytes themselves, in hex, and in base64 wherever in a text they begin."""
    found = [mark, mark.hex().encode()]
    for shift in range(3):
        text = base64.urlsafe_b64encode(b"x" * shift + mark)
        # the ends share characters with their neighbours
        found.append(text[4 if shift else 0:len(text) - 4])
    return found


def regions(pid):
    """(start, end, name) of all that a process can read."""
    with open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            span, mode, _, _, _, *name = line.split(maxsplit=5)
            start, end = (int(x, 16) for x in span.split("-"))
            name = name[0].strip() if name else "anonymous"
            if "r" in mode and name not in UNREADABLE:
                yield start, end, name


def pieces(pid, start, end, overlap):
    """The bytes of a region, piece by piece; none where there is no page."""
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for at in range(start, end, PIECE):
            try:
                mem.seek(at)
                yield at, mem.read(min(PIECE + overlap, end - at))
            except (OSError, ValueError, OverflowError):
                continue


def memory_has(pid, mark):
    """Whether a process has the bytes in what it has mapped, but for a sanitizer's own."""
    return any(mark in data for start, end, _ in regions(pid) if end - start <= SANITIZERS
               for _, data in pieces(pid, start, end, len(mark)))


def memfds(pid):
    """(name, bytes) of the memory files that a process has open."""
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            name = os.readlink(entry)
            if name.startswith("/memfd:"):
                yield name, entry.read_bytes()
        except OSError:
            continue


def places(pid, marks, context=24):
    """Where in a process which mark stands, in words, with what follows it."""
    longest = max(map(len, marks))
    found = []

    def look(where, data):
        for mark in marks:
            at = data.find(mark)
            if at != -1:
                near = bytes(data[at:at + len(mark) + context])
                found.append(f"{title(pid) or pid} {where}: {near!r}")

    for start, end, name in regions(pid):
        for at, data in pieces(pid, start, end, longest):
            look(f"{name} at {at:x}", data)
    for name, data in memfds(pid):
        look(name, data)
    return found


def processes(d):
    """The master, the dispatcher and the workers."""
    return [d.process.pid] + d.pids()


def found(d, marks):
    """Where any process of a morod holds a mark."""
    answer = []
    for pid in processes(d):
        try:
            answer += places(pid, marks)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it is gone, and its memory with it
        except PermissionError:
            pytest.skip("may not look at another process's memory")
    return answer
