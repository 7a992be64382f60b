"""What a server's log may say while faults are done to it, and what it may hold in the end."""

import re

# Errors that are due to what we do: everything else of that level is one of morod's.
EXPECTED = (
    r"cannot start worker \d+: (Too many open files|Resource temporarily unavailable)",
    r"cannot start the dispatcher: ",
    r"pidfd of worker \d+: ",
    r"the dispatcher was killed by SIG(KILL|SEGV)",
    r"(no|without|out of|had no) memory",
    r"message of the master: ",
    r"dispatcher is gone",
)
LEVELS = re.compile(r"^\S+ (error|fatal) ")
BROKEN = re.compile(r"Sanitizer|runtime error|[Aa]ssert|corrupted|double free")


def unexpected(log):
    """Lines that should not be there."""
    bad = []
    for line in log.splitlines():
        if BROKEN.search(line):
            bad.append(line)
        elif LEVELS.search(line) and not any(re.search(e, line) for e in EXPECTED):
            bad.append(line)
    return bad
