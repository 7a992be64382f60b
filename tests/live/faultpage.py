"""The page that a test shares with tests/faults/faults.c, by the names of its numbers."""

import mmap
import os
import struct

NAMES = (
    "pid", "allocations", "fail_at", "failed", "where", "birth", "forks", "fork_fails",
    "forks_failed", "wall_s", "file_errno", "files_failed", "later_s",
)
SIZE = 4096


class FaultPage:
    """page.fail_at = 7: what the library that morod has loaded sees at once."""

    def __init__(self, path):
        object.__setattr__(self, "path", str(path))
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            os.ftruncate(fd, SIZE)
            object.__setattr__(self, "memory", mmap.mmap(fd, SIZE))
        finally:
            os.close(fd)

    def __getattr__(self, name):
        if name not in NAMES:
            raise AttributeError(name)
        return struct.unpack_from("q", self.memory, 8 * NAMES.index(name))[0]

    def __setattr__(self, name, value):
        struct.pack_into("q", self.memory, 8 * NAMES.index(name), value)

    def env(self, library):
        """The environment of a morod that this page is for."""
        before = os.environ.get("ASAN_OPTIONS", "")
        return {
            **os.environ,
            "LD_PRELOAD": str(library),
            "MORO_FAULTS": self.path,
            # the sanitizer's own functions come behind ours, which pass on to them
            "ASAN_OPTIONS": before + ":verify_asan_link_order=0",
        }
