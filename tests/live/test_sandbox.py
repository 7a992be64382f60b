"""What the dispatcher and the workers cannot do, tried by a module that breaks in."""

import os
import pathlib
import pwd
import signal
import stat
import subprocess

import pytest

from harness import BUILD, DEADLINE, ROOT, SANITIZED, Daemon, TaskError, alive, wait_until

MOROD = BUILD / "server" / "morod"
MODULES = BUILD / "tests" / "modules"
BREAKIN = MODULES / "breakin.so"
NEEDS = MODULES / "needs.so"
PROGRAMS = pathlib.Path(__file__).parent / "programs"

# the sanitizers look at files and trace processes: there the sandbox lets them
closed = pytest.mark.skipif(SANITIZED, reason="sanitizers need holes in the sandbox")
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")

# what fails, and with what: the task goes on
REFUSED = {
    "create": "EPERM", "write": "EPERM", "list": "EPERM", "unlink": "EPERM",
    "mkdir": "EPERM", "chmod": "EPERM", "fork": "EPERM", "clone3": "ENOSYS",
    "bomb": "EPERM", "thread": "EPERM", "kill_all": "EPERM", "kill_group": "EPERM",
    "huge": "ENOMEM", "shared": "EPERM", "memfd": "EPERM", "code": "EPERM",
    "environ": "ENOENT", "dumpable": "EPERM", "orphan": "EPERM", "seccomp": "EPERM",
    "eventfd2": "EPERM",
}

# what is about another process
AT_OTHERS = {
    "kill": "EPERM", "tgkill": "EPERM", "tkill": "EPERM", "queue": "EPERM",
    "pidfd": "EPERM", "owner": "EPERM", "limit": "EPERM", "priority": "EPERM",
}

# what ends the worker: nothing honest does it
KILLED = [
    "socket_unix", "socket_inet", "socketpair", "execve", "execveat", "ptrace",
    "read_memory", "unshare", "setns", "setuid", "setgroups", "bpf", "keyctl", "add_key",
    "mount", "chroot", "personality", "userfaultfd", "perf_event_open", "kexec_load",
    "init_module", "finit_module", "io_uring_setup",
] + (["old_door", "x32"] if os.uname().machine == "x86_64" else [])


@pytest.fixture(scope="module", autouse=True)
def sandbox():
    """It is there, also where other tests run without, as tools/coverage has them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MORO_SANDBOX", raising=False)
        yield


@pytest.fixture(scope="module")
def server():
    """So many workers that a death or two of each is not paced."""
    with Daemon(module=BREAKIN, workers=16, breaker_deaths="none", worker_memory="1G") as d:
        yield d


@pytest.fixture
def c(server):
    with server.client() as c:
        yield c


def try_it(c, how, **data):
    return c.call("test:break", {"how": how, **data})


def status(pid):
    """What /proc/PID/status says."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


# -- a worker's code is somebody else's


@closed
@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/mem", "/proc/self/environ",
                                  "/dev/null", __file__])
def test_no_file(c, path):
    """Nothing is opened, whoever may read it."""
    assert try_it(c, "open", path=path) == "EPERM"


@closed
@pytest.mark.parametrize("how", REFUSED)
def test_refused(c, tmp_path, how):
    """It fails, and the worker goes on: nothing of it was done."""
    there = tmp_path / "there"
    there.write_text("x")
    there.chmod(0o600)
    path = tmp_path / "new" if how in ("create", "mkdir") else there
    assert try_it(c, how, path=str(path)) == REFUSED[how]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["there"]
    assert stat.S_IMODE(there.stat().st_mode) == 0o600


@pytest.fixture(scope="module")
def sibling(server):
    """A worker that is busy: it is not the one that tries."""
    with server.client() as c:
        c.submit("debug:sleep", {"ms": 600000})
        server.wait(lambda s: s["activeTasks"] == 1)
        yield next(w["pid"] for w in server.workers() if w["state"] == "busy")


@closed
@pytest.mark.parametrize("how", AT_OTHERS)
def test_others_are_out_of_reach(server, c, sibling, how):
    """The master, the dispatcher, a worker beside it: no signal, no limit reaches them."""
    for pid in (server.process.pid, server.dispatcher_pid(), sibling):
        assert try_it(c, how, pid=pid) == AT_OTHERS[how]
        assert alive(pid)


@closed
@pytest.mark.parametrize("how", KILLED)
def test_killed(server, c, how):
    """Its worker ends at once; the caller is told why, and the next task is done."""
    dispatcher = server.dispatcher_pid()
    with pytest.raises(TaskError) as caught:
        try_it(c, how, pid=server.process.pid)
    assert caught.value.code == "WORKER_ERROR" and caught.value.reason == "crashed"
    assert caught.value.error["signal"] == "SIGSYS"
    assert "the sandbox stopped it" in caught.value.message
    server.wait_log("killed by SIGSYS (stopped by the sandbox)")
    assert c.call("debug:echo", how) == how
    assert server.dispatcher_pid() == dispatcher and server.process.poll() is None


@closed
def test_what_init_opened_stays(morod, tmp_path):
    """A module's init() is before the sandbox, its exit() is not."""
    conf = tmp_path / "conf"
    conf.write_text(f"[module breakin]\npath = {BREAKIN}\nsettings = /etc/passwd\n")
    with morod(config=conf) as d:
        with d.client() as c:
            assert try_it(c, "keep") == "done"
            assert try_it(c, "open", path="/etc/passwd") == "EPERM"
        d.stop()
        d.wait_log("break: at the end EPERM")


# -- what a module says that it needs


@pytest.fixture(scope="module")
def needing():
    with Daemon(module=NEEDS, workers=2) as d:
        yield d


@closed
def test_needs(needing):
    """It gets what it has asked for, and no more."""
    with needing.client() as c:
        assert try_it(c, "thread") == "done"
        assert try_it(c, "code") == "done"
        assert try_it(c, "eventfd2") == "done"
        assert try_it(c, "fork") == "EPERM"
        assert try_it(c, "clone3") == "ENOSYS"
        assert try_it(c, "open", path="/etc/passwd") == "done"
        assert try_it(c, "list", path="/etc") == "done"
        assert try_it(c, "write", path="/etc/passwd") == "EACCES"
        assert try_it(c, "open", path="/proc/self/mem") == "EACCES"
        assert try_it(c, "open", path=str(MOROD)) == "EACCES"
        assert try_it(c, "create", path="/etc/moro-new") == "EACCES"
        with pytest.raises(TaskError) as caught:
            try_it(c, "socket_unix")
        assert caught.value.error["signal"] == "SIGSYS"


@closed
def test_needs_a_folder(needing):
    """It may write there, and nowhere else."""
    mine, other = f"/var/tmp/moro-{os.getpid()}", f"/tmp/moro-{os.getpid()}"
    try:
        with needing.client() as c:
            assert try_it(c, "create", path=mine) == "done"
            assert try_it(c, "create", path=other) == "EACCES"
            assert try_it(c, "unlink", path=mine) == "done"
    finally:
        for path in (mine, other):
            assert not os.path.exists(path)


@closed
def test_section_opens(morod, tmp_path):
    """The administrator opens more to a module than it knows to ask for."""
    conf, there, mine = tmp_path / "conf", tmp_path / "a", tmp_path / "b"
    for folder in (there, mine):
        folder.mkdir()
        (folder / "x").write_text("x")
    conf.write_text(f"[module breakin]\npath = {BREAKIN}\nreads = {there}, /etc/passwd\n"
                    f"writes = {mine}\n")
    done = run("--config", conf, "--check-config")
    assert done.stdout.splitlines()[-3:] == [
        f"morod: module {BREAKIN} needs nothing",
        f"morod: module breakin: its section opens {there}, /etc/passwd to be read",
        f"morod: module breakin: its section opens {mine} to be written",
    ]
    with morod(config=conf) as d, d.client() as c:
        assert try_it(c, "open", path=str(there / "x")) == "done"
        assert try_it(c, "open", path="/etc/passwd") == "done"
        assert try_it(c, "open", path="/etc/group") == "EACCES"
        assert try_it(c, "create", path=str(there / "y")) == "EACCES"
        assert try_it(c, "create", path=str(mine / "y")) == "done"
        assert try_it(c, "thread") == "EPERM"
    conf.write_text(f"[module breakin]\npath = {BREAKIN}\nreads = /etc, etc\n")
    done = run("--config", conf, "--check-config")
    assert done.returncode == 2
    assert done.stderr == (f"morod: {conf}:3: reads takes absolute paths of what is there, not "
                           "\"etc\" (is no absolute path)\n")


@pytest.mark.parametrize("name, why", [
    ("needs-program", "it needs execve, which is allowed to no worker"),
    ("needs-unknown", "it needs teleport, which is not known"),
    ("needs-relative", "it needs etc, which is no absolute path"),
    ("needs-nowhere", "it needs /nonexistent, which cannot be opened: No such file or directory"),
    ("needs-flag", "a need of it is not known"),
])
def test_needs_refused(name, why):
    """What a module cannot have keeps morod from starting."""
    done = run("--check-config", "--module", MODULES / f"{name}.so")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"morod: cannot load the module {MODULES / name}.so: {why}\n"


# -- what can be seen


def run(*args, wrap=()):
    """What morod says; of several --config the last one counts."""
    return subprocess.run([*wrap, MOROD, "--config", "/dev/null", *map(str, args)],
                          capture_output=True, text=True, timeout=DEADLINE)


def test_check_config():
    """It tells what the kernel has, and what modules need."""
    done = run("--check-config", "--module", NEEDS)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[1:3] == ["morod: sandbox: no_new_privs: yes", "morod: sandbox: seccomp: yes"]
    assert lines[3].startswith("morod: sandbox: Landlock: yes (version ")
    assert lines[-1] == (f"morod: module {NEEDS} needs threads, code made at run time, "
                         "reads /etc, writes /var/tmp, call eventfd2")


@closed
def test_every_process(server):
    """The dispatcher and the workers: no rights, a filter, nothing of them to be had."""
    for pid in server.pids():
        s = status(pid)
        assert (s["NoNewPrivs"], s["Seccomp"]) == ("1", "2")
        assert {s[c] for c in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert "Max core file size        0                    0" in limits
        assert "Max processes             0                    0" in limits
    assert status(server.process.pid)["Seccomp"] == "0"


@root
@pytest.mark.parametrize("options", [{}, {"workers": 2, "module": BREAKIN}])
def test_user(morod, options):
    """All but the master are nobody, for good, and everything works."""
    nobody = pwd.getpwnam("nobody")
    with morod(user="nobody", **options) as d:
        assert "all processes are root's" not in d.log()
        for pid in d.pids():
            s = status(pid)
            assert s["Uid"].split() == [str(nobody.pw_uid)] * 4
            assert s["Gid"].split() == [str(nobody.pw_gid)] * 4
            assert s["Groups"].split() == [str(nobody.pw_gid)]
            assert {s[c] for c in ("CapInh", "CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
            # it cannot be traced, nor its memory be read, by others of that user
            assert SANITIZED or os.stat(f"/proc/{pid}/mem").st_uid == 0
        assert status(d.process.pid)["Uid"].split()[0] == "0"
        there = os.stat(d.socket)
        assert (there.st_uid, there.st_gid) == (0, nobody.pw_gid)
        assert stat.S_IMODE(there.st_mode) == 0o660
        with d.client() as c:
            # workers of nobody are killed by a dispatcher of nobody
            assert c.submit("debug:sleep", {"ms": 60000}, timeout=20).error()["code"] == "TIMEOUT"
            assert c.call("debug:echo", 1) == 1
            # of one that has just died nothing is known
            wait_until(lambda: all(w["rss"] for w in d.workers() if w["pid"]), "sizes")
            d.process.send_signal(signal.SIGHUP)
            d.wait_log("the configuration was read again")


@root
def test_user_dies_with_the_master(morod):
    """The kernel forgets who is to die with whom when a process becomes another user."""
    with morod(user="nobody", workers=2) as d:
        pids = d.pids()
        os.kill(d.process.pid, signal.SIGKILL)
        wait_until(lambda: not any(alive(pid) for pid in pids), "the end of all")


@root
def test_user_of_programs(morod, tmp_path):
    """Programs are the user, too: the resident one, and one that is run for each task."""
    conf = tmp_path / "conf"
    conf.write_text("[pool shell]\nexec = id -u\ntypes = sh:id\nworkers = 1\n"
                    "[pool silent]\ncommand = sleep 600\ntypes = no:answer\nworkers = 1\n")
    uid = str(pwd.getpwnam("nobody").pw_uid)
    with morod(config=conf, user="nobody", wait=False) as d:
        wait_until(lambda: len(d.pids()) == 4, "all processes")
        with d.client() as c:
            assert c.call("sh:id", {"input": ""}).strip() == uid.encode()
        wait_until(lambda: {status(pid)["Name"] for pid in d.pids()} >= {"sleep"}, "the program")
        for pid in d.pids():
            s = status(pid)
            assert (s["Uid"].split()[1], s["NoNewPrivs"]) == (uid, "1")
            assert s["CapEff"] == s["CapBnd"] == "0" * 16


ASK = """
import socket, sys, msgpack
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
for i, (method, *data) in enumerate([("hello", {}), ("debug:echo", 7), ("pause",)]):
    s.sendall(msgpack.packb([0, i, method, data]))
    answer = msgpack.unpackb(s.recv(65536))
    print(answer[2]["code"] if answer[2] else "done")
"""


@root
def test_user_is_no_admin(morod):
    """Programs are that user, too: it may submit as others of its group, and is not `own`."""
    with morod(user="nobody") as d:
        os.chmod(d.folder.name, 0o711)
        done = subprocess.run(
            ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups",
             "/usr/bin/python3", "-c", ASK, d.socket],
            capture_output=True, text=True, timeout=DEADLINE,
        )
        assert done.stdout.split() == ["done", "done", "PERMISSION_DENIED"], done.stderr


@root
def test_user_by_number(morod):
    with morod(user=str(pwd.getpwnam("nobody").pw_uid)) as d:
        assert {status(pid)["Uid"].split()[0] for pid in d.pids()} == {
            str(pwd.getpwnam("nobody").pw_uid)}


@root
def test_root_is_told(morod):
    """Who does not say who processes are to be is told so, once; who says root is not."""
    with morod() as d:
        d.wait_log("all processes are root's")
        assert d.log().count("all processes are root's") == 1
    with morod(user="root") as d:
        d.stop()
        assert "all processes are root's" not in d.log()


@pytest.mark.parametrize("name", ["no-such-user", "4294967295", "12x"])
def test_user_unknown(name):
    done = run("--check-config", "--user", name)
    assert done.returncode == 2
    assert done.stderr == ("morod: user takes the name or number of a user, and there is no "
                           f"user {name}\n")


@root
def test_user_without_root():
    """One who is not root stays who he is, and cannot be another."""
    wrap = ["setpriv", "--reuid", "nobody", "--clear-groups"]
    done = run("--socket", "/nonexistent/m.sock", "--user", "root", wrap=wrap)
    assert done.returncode == 2
    assert done.stderr == ("morod: user is for a morod that root starts: this one cannot "
                           "become root\n")
    assert run("--check-config", "--user", "nobody", wrap=wrap).returncode == 0


# -- where it is not whole, or is not wanted


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    """A program that runs another on a kernel that has not this and that."""
    to = tmp_path_factory.mktemp("without") / "without"
    subprocess.run(["cc", "-O1", "-o", to, PROGRAMS / "without.c", "-lseccomp"], check=True)
    return to


MISSING = {
    "seccomp": "seccomp (system calls are not filtered)",
    "landlock": "Landlock (files are not closed)",
}


@pytest.mark.parametrize("what", MISSING)
def test_old_kernel(morod, without, what):
    """What the kernel has not is one warning, and the rest is there."""
    with morod(wrap=[without, what], module=BREAKIN) as d, d.client() as c:
        said = f"the sandbox is not whole: this kernel has no {MISSING[what]}"
        assert d.log().count(said) == 1
        assert c.call("debug:echo", 1) == 1
        got = try_it(c, "open", path="/etc/passwd")
        if not SANITIZED:
            assert got == ("EACCES" if what == "seccomp" else "EPERM")
    done = run("--check-config", wrap=[without, what])
    assert done.returncode == 0
    name, why = MISSING[what].rstrip(")").split(" (")
    assert f"morod: sandbox: {name}: no: {why}\n" in done.stdout


def test_old_kernel_is_refused(without, tmp_path):
    """With require-sandbox it is not a warning."""
    wrap = [without, "landlock"]
    done = run("--require-sandbox", "--socket", tmp_path / "m.sock", wrap=wrap)
    assert done.returncode == 1
    assert ("this kernel cannot have the whole sandbox, which require-sandbox wants: it has no "
            "Landlock (files are not closed)") in done.stderr
    done = run("--check-config", "--require-sandbox", wrap=wrap)
    assert done.returncode == 1
    assert done.stderr == ("morod: require-sandbox: this kernel has no Landlock (files are not "
                           "closed)\n")


def test_required(morod):
    with morod(require_sandbox=True) as d, d.client() as c:
        assert c.call("debug:echo", 1) == 1


def test_switched_off(morod):
    """For debuggers: all is as it was, and the log says so."""
    with morod(args=["--sandbox=no"], module=BREAKIN) as d, d.client() as c:
        assert d.log().count("there is no sandbox: sandbox = no") == 1
        assert try_it(c, "open", path="/etc/passwd") == "done"
        assert try_it(c, "fork") == "done"
        with pytest.raises(TaskError, match="there is no sandbox"):
            try_it(c, "create", path="/dev/null")
        assert {status(pid)["Seccomp"] for pid in d.pids()} == {"0"}


def test_switched_off_and_required():
    done = run("--check-config", "--sandbox=no", "--require-sandbox")
    assert done.returncode == 2
    assert done.stderr == ("morod: --sandbox: sandbox takes yes where require-sandbox is yes, "
                           "not no\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_check_config_of_root_by_another():
    """Who is not root can look whether root's configuration is right."""
    wrap = ["setpriv", "--reuid", "nobody", "--clear-groups"]
    assert run("--check-config", "--user", "daemon", wrap=wrap).returncode == 0
    done = run("--check-config", "--user", "nosuchuser", wrap=wrap)
    assert done.returncode == 2 and "there is no user nosuchuser" in done.stderr
