"""Who may do what: roles by user and group, lists of task types, refusals in the log."""

import contextlib
import grp
import os
import subprocess

import msgpack
import pytest

from faults import memory
from harness import BUILD, DEADLINE, SANITIZED, wait_until

HASH = {"input": "x", "algorithm": "sha256"}
ADMIN = ["ls", "slow", "clients", "drain", "pause", "resume", "scale", "poison", "reload",
         "shutdown", "log"]
USERS = ["stats", "types", "cancel", "subscribe", "unsubscribe"]

# Connects as whoever it runs as, and passes messages on: a line of hex each way.
OTHER = """
import msgpack, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
u = msgpack.Unpacker()
for line in sys.stdin:
    s.sendall(bytes.fromhex(line))
    while True:
        try: m = next(u)
        except StopIteration: u.feed(s.recv(65536)); continue
        break
    print(msgpack.packb(m).hex(), flush=True)
"""


class Other:
    """A client of another user."""

    def __init__(self, d, uid, gid=None, groups=()):
        os.chmod(d.folder.name, 0o755)
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", OTHER, d.socket], user=uid, group=gid or uid,
            extra_groups=list(groups), cwd="/", text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.server = self.ask("hello", {})[3]

    def send(self, method, *params):
        self.process.stdin.write(msgpack.packb([0, 7, method, params]).hex() + "\n")
        self.process.stdin.flush()

    def ask(self, method, *params):
        self.send(method, *params)
        return msgpack.unpackb(bytes.fromhex(self.process.stdout.readline()))

    def error(self, method, *params):
        error = self.ask(method, *params)[2]
        return error and error["code"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=DEADLINE)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
DENIED = "PERMISSION_DENIED"


def conf(tmp_path, text):
    path = tmp_path / "morod.conf"
    path.write_text(text)
    return path


def test_own_user_does_all(morod):
    """By default root and the server's own user do all."""
    with morod(workers=1) as d, d.client() as c:
        assert (c.server["role"], c.server["roles"]) == ("admin", ["admin", "submit"])
        assert c.call("crypto:hash", HASH)
        assert c.request("ls") == []
        assert c.stats()["denied"] == 0


@needs_root
def test_group_submits(morod):
    """By default members of the socket's group submit and look after their own; no more."""
    with morod(workers=1, socket_group="4242") as d:
        st = os.stat(d.socket)
        assert (st.st_gid, st.st_mode & 0o777) == (4242, 0o660)
        for who in (dict(uid=1234, gid=4242), dict(uid=1234, gid=99, groups=[7, 4242])):
            with Other(d, **who) as o:
                assert o.server["role"] == "submit" and o.server["roles"] == ["submit"]
                assert o.ask("crypto:hash", HASH)[2] is None
                for method in USERS:
                    assert o.error(method) != DENIED, method
                for method in ADMIN:
                    assert o.error(method) == DENIED, method
                assert o.error("cancel", {"client": 1, "msgid": 1}) == DENIED
        assert d.stats()["isShuttingDown"] is False


@needs_root
def test_nobody_else(morod):
    """Who is in no list may say hello and ping, and learns why not more."""
    with morod(workers=1, socket_mode="0666") as d:
        with Other(d, 1234) as o:
            assert (o.server["role"], o.server["roles"], o.server["types"]) == ("none", [], [])
            assert o.ask("ping")[3] == "pong"
            error = o.ask("crypto:hash", HASH)[2]
            assert error["code"] == DENIED and error["retryable"] is False
            assert error["type"] == "crypto:hash"
            assert "(own,group)" in error["message"] and "uid 1234" in error["message"]
            for method in USERS + ADMIN:
                assert o.error(method) == DENIED, method
            assert o.error("no:such") == "UNKNOWN_TASK"
            assert o.error("nosuch") == "UNKNOWN_METHOD"
        stats = d.stats()
        assert stats["denied"] == 1 + len(USERS + ADMIN)
        assert stats["completed"] == 0


CROWD = """
import msgpack, select, socket, sys, time
socks = []
for i in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.setblocking(False); socks.append(s)
words = msgpack.packb([0, 1, "hello", []]) * 4000 + msgpack.packb([0, 1, "crypto:hash", [""]]) * 100
poll, left = select.poll(), {s.fileno(): s for s in socks}
for s in socks: poll.register(s, select.POLLOUT)
begun = quiet = time.monotonic()
while len(left) > int(sys.argv[3]) and time.monotonic() < begun + 20 or time.monotonic() < quiet + 0.5:
    for fd, _ in poll.poll(20):
        try:
            left[fd].send(words)
            quiet = time.monotonic()
        except BlockingIOError: pass
        except OSError: poll.unregister(fd); del left[fd]
print(len(left), flush=True)
sys.stdin.read()
answers = 0
for s in socks:
    try: answers += b"users that are in no list" in s.recv(1000)
    except OSError: pass
print(answers, flush=True)
"""
STRANGERS = 32  # connections at once


@contextlib.contextmanager
def crowd_of(d, uid, n, stay):
    """
    Deaf ones, who ask for as long as anything is taken and more than `stay` are there: how many
    are left, and what gives how many were told why.
    """
    os.chmod(d.folder.name, 0o755)
    process = subprocess.Popen(
        ["/usr/bin/python3", "-c", CROWD, d.socket, str(n), str(stay)], user=uid, group=uid, extra_groups=[],
        cwd="/", text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield int(process.stdout.readline()), lambda: int(process.communicate(timeout=DEADLINE)[0])
    finally:
        process.kill()
        process.communicate()


@needs_root
def test_crowd_of_nobody(morod):
    """Who is in no list takes nobody's place and no memory to speak of, however many and deaf they are."""
    with morod(workers=1, socket_mode="0666", max_queued_bytes="32M") as d, d.client() as c:
        before = memory(d.dispatcher_pid())
        with crowd_of(d, 1234, 100, STRANGERS) as (left, told):
            assert left == STRANGERS
            assert d.stats()["clientsRefused"] == 100 - STRANGERS
            assert d.stats()["unreadBytes"] < 16 << 20
            # a sanitizer keeps what was freed
            assert SANITIZED or memory(d.dispatcher_pid()) - before < 24 << 20
            assert c.call("debug:echo", "x" * 1000) == "x" * 1000
            with Other(d, 0) as o:  # who has a role has a place
                assert o.server["role"] == "admin"
            assert told() == 100 - STRANGERS
        d.wait(lambda s: s["clients"] == 2)
        with Other(d, 1234) as o:  # there is room again
            assert o.server["role"] == "none"


@needs_root
def test_stop_waits_for_nobody(morod):
    """Who is in no list does not hold up a stop by not taking its answers."""
    with morod(workers=1, socket_mode="0666", shutdown_timeout="1h") as d:
        with crowd_of(d, 1234, 3, 3) as (left, _):
            assert left == 3 and d.stats()["unreadBytes"] > 0
            assert d.stop() == 0


@needs_root
def test_nobody_sends_much(morod, tmp_path):
    """Large messages are for those who may submit, whatever changes while they are connected."""
    config = conf(tmp_path, "[morod]\nsocket-mode = 0666\n")
    with morod(workers=1, config=config) as d, Other(d, 1234) as o, d.client() as root:
        assert o.server["limits"]["maxFrame"] == 256 << 10
        config.write_text("[morod]\nsubmit = all\nsocket-mode = 0666\n")
        root.request("reload")
        assert o.ask("hello", {})[3]["limits"]["maxFrame"] == 64 << 20
        assert o.ask("crypto:hash", {"input": "x" * (1 << 20)})[2] is None
        config.write_text("[morod]\nsocket-mode = 0666\n")
        root.request("reload")
        assert o.error("crypto:hash", {"input": "x" * 1000}) == DENIED
        o.send("crypto:hash", {"input": "x" * (1 << 20)})
        d.wait_log("message is larger than allowed; the limit is 262144")


@needs_root
@pytest.mark.parametrize("who, may", [
    ("all", True), ("1234", True), ("@77", True), ("@78", True), ("@1234", False),
    ("own, 1235", False), ("none", False), ("nobody", False), ("group", False), ("root 1234", True),
])
def test_lists(morod, who, may):
    """Users by number and name, groups of all kinds, and the words."""
    with morod(workers=1, socket_mode="0666", submit=who, admin=who) as d:
        with Other(d, 1234, 77, [78]) as o:
            assert o.server["roles"] == (["admin", "submit"] if may else [])
            assert (o.error("crypto:hash", HASH) == DENIED) is not may
            assert (o.error("ls") == DENIED) is not may


def test_root_is_not_special(morod):
    """A list is what it says: who is not named is not meant, root neither."""
    with morod(workers=1, submit="12345", admin="own") as d, d.client() as c:
        assert c.server["roles"] == ["admin"]
        error = c.submit("crypto:hash", HASH).error()
        assert error["code"] == DENIED and "(12345)" in error["message"]
        assert c.request("ls") is not None


@needs_root
def test_types(morod, tmp_path):
    """Single types are for some, and kept from others; deny goes before allow."""
    text = ("[morod]\nsubmit = all\nsocket-mode = 0666\n"
            "[task crypto:hash]\nallow = @77\n"
            "[task crypto:random]\ndeny = 1234\n"
            "[task data:compress]\nallow = all\ndeny = 1234\n")
    with morod(workers=1, config=conf(tmp_path, text)) as d:
        with Other(d, 1234) as one, Other(d, 1235, 77) as two, d.client() as root:
            assert one.error("crypto:hash", HASH) == DENIED
            assert two.error("crypto:hash", HASH) is None
            assert "allow names (@77)" in root.submit("crypto:hash", HASH).error()["message"]
            message = one.ask("crypto:random", {"length": 8})[2]["message"]
            assert "deny names (1234)" in message
            assert two.error("crypto:random", {"length": 8}) != DENIED
            assert one.error("data:compress", {"input": "x"}) == DENIED
            assert two.error("data:compress", {"input": "x"}) is None
            assert "crypto:hash" not in one.server["types"]
            assert "crypto:hash" in two.server["types"]
            # a batch is no way around
            error = one.ask("crypto:hash", [HASH], {"batch": True})[2]
            assert error["code"] == DENIED


@needs_root
def test_reload(morod, tmp_path):
    """Who is connected loses and gains with the configuration."""
    config = conf(tmp_path, "[morod]\nsubmit = 1234\nsocket-mode = 0666\n")
    with morod(workers=1, config=config) as d, d.client() as root, Other(d, 1234) as o:
        assert o.error("crypto:hash", HASH) is None
        config.write_text("[morod]\nsubmit = own\nadmin = own, 1234\nsocket-mode = 0666\n"
                          "[task debug:echo]\nallow = none\n")
        root.request("reload")
        assert o.error("crypto:hash", HASH) == DENIED
        assert o.error("ls") is None
        assert root.submit("debug:echo", 1).error()["code"] == DENIED
        config.write_text("[morod]\nsubmit = all\nsocket-mode = 0666\n")
        root.request("reload")
        assert o.error("crypto:hash", HASH) is None
        assert o.error("ls") == DENIED
        assert root.call("debug:echo", 1) == 1


@needs_root
def test_refusals_in_the_log(morod):
    """Each says who and what; many at once do not fill the disk, and are counted."""
    with morod(workers=1, socket_mode="0666", submit="own") as d, Other(d, 1234) as o:
        for _ in range(200):
            assert o.error("crypto:hash", HASH) == DENIED
        assert d.stats()["denied"] == 200

        def lines():
            return [x for x in d.log().splitlines() if "is refused" in x]

        first = lines()
        assert 1 <= len(first) < 100
        assert "uid 1234 is none of them" in first[0] and "tasks are taken from" in first[0]
        # room comes again within a second, and the next line has the others' number
        wait_until(lambda: o.error("ls") == DENIED and "were left out before" in lines()[-1])


@pytest.mark.parametrize("key, value, words", [
    ("submit", "nosuchuser", "there is no user nosuchuser"),
    ("admin", "@nosuchgroup", "there is no group nosuchgroup"),
    ("admin", "@", "there is no group without a name"),
    ("submit", "99999999999", "there is no user 99999999999"),
    ("socket-group", "nosuchgroup", "there is no group nosuchgroup"),
    ("socket-mode", "0777", "0600, 0660 or 0666"),
    ("admin", "", "admin"),
])
def test_wrong_lists(morod, tmp_path, key, value, words):
    """What is no list is told with its line."""
    path = conf(tmp_path, f"[morod]\n{key} = {value}\n")
    done = subprocess.run([BUILD / "server" / "morod", "--check-config", "--config", path],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode != 0
    assert words in done.stderr and "morod.conf:2" in done.stderr, done.stderr


def test_wrong_lists_of_types(tmp_path):
    path = conf(tmp_path, "[task crypto:hash]\nallow = own\ndeny = nosuch\n")
    done = subprocess.run([BUILD / "server" / "morod", "--check-config", "--config", path],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode != 0 and "morod.conf:3: deny of crypto:hash" in done.stderr


def test_names_become_numbers(tmp_path):
    """They are looked up once: the dispatcher asks no name service."""
    group = grp.getgrgid(0).gr_name
    path = conf(tmp_path, f"[morod]\nsubmit = root, @{group} own\nsocket-group = {group}\n")
    done = subprocess.run([BUILD / "server" / "morod", "--print-config", "--config", path],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert "submit = 0,@0,own ;" in done.stdout and "socket-group = 0 ;" in done.stdout


@needs_root
def test_owner_only(morod):
    """Mode 0600: nobody else gets in at all."""
    with morod(workers=1, socket_mode="0600") as d:
        assert os.stat(d.socket).st_mode & 0o777 == 0o600
        os.chmod(d.folder.name, 0o755)
        code = f"import socket; socket.socket(socket.AF_UNIX).connect({d.socket!r})"
        done = subprocess.run(["/usr/bin/python3", "-c", code], user=1234, group=0,
                              capture_output=True, text=True, cwd="/")
        assert "PermissionError" in done.stderr
        done = subprocess.run([BUILD / "tools" / "moroctl", "--socket", d.socket, "ping"],
                              user=1234, group=0, capture_output=True, text=True, cwd="/")
        assert done.returncode == 3 and "is not for uid 1234" in done.stderr, done.stderr


@needs_root
def test_places_for_admins(morod):
    """Connections above the limit are for those who the configuration says are admins."""
    with morod(workers=1, socket_mode="0666", admin="1234", max_clients=1) as d:
        with d.client(hello=False) as c, Other(d, 1234) as o:
            assert o.server["roles"] == ["admin"]
            other = d.client(hello=False)
            other.read_closed()
            assert "QUEUE_FULL" in str(other.extra)
            c.close()
