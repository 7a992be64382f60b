"""Task types that a module brings: --module, [module NAME], where they are loaded."""

import os
import shutil
import signal
import subprocess
import threading

import pytest

from harness import BUILD, DEADLINE, SANITIZED, TaskError, wait_until

MODULES = BUILD / "tests" / "modules"
DOUBLE = MODULES / "double.so"
EARLY = MODULES / "early.so"
HOOKS = MODULES / "hooks.so"


def refused(*modules, config="/dev/null"):
    """What morod says when it does not start."""
    words = [word for m in modules for word in ("--module", str(m))]
    done = subprocess.run(
        [BUILD / "server" / "morod", "--socket", "/nonexistent/m.sock", "--config",
         str(config), *words],
        capture_output=True, text=True,
    )
    assert done.returncode in (1, 2)
    return done.stderr


def maps(pid):
    """The files that a process has in its memory."""
    with open(f"/proc/{pid}/maps") as file:
        return file.read()


def test_types_of_a_module(morod):
    """They run, are described, checked and counted as those that are built in."""
    with morod(module=DOUBLE, workers=2) as d, d.client() as c:
        assert c.call("test:double", {"n": 21}) == 42
        (described,) = c.request("types", "test:double")
        assert described["example"] == '{"n": 21}'
        assert described["alias"] == "test:twice"
        assert "test:double" in [t["type"] for t in c.request("types")]
        with pytest.raises(TaskError) as caught:
            c.call("test:double", {"n": 1001})
        assert caught.value.error["field"] == "n"


def test_second_name(morod):
    """A type is found by its alias; everything else calls it by its name."""
    with morod(module=DOUBLE) as d, d.client() as c:
        assert c.call("test:twice", {"n": 4}) == 8
        (described,) = c.request("types", "test:twice")
        assert described["type"] == "test:double"
        assert c.request("pause", "test:twice") is not None
        waiting = c.submit("test:double", {"n": 1})
        d.wait(lambda s: s["queueSize"] == 1)
        c.request("resume", "test:double")
        assert waiting.result() == 2


@pytest.mark.parametrize("module", [DOUBLE, EARLY])
def test_also_in_the_next_worker(morod, module):
    """A worker that takes a dead one's place has the module, too."""
    with morod(module=module, workers=1) as d, d.client() as c:
        os.kill(d.worker_pids()[0], signal.SIGKILL)
        assert c.call("test:double", {"n": -5}, retry={"max": 3}) == -10


def test_loaded_after_the_fork(morod):
    """The master never has the code of a module that does not say it can be forked."""
    with morod(module=DOUBLE, workers=1) as d, d.client() as c:
        assert c.call("test:double", {"n": 1}) == 2
        assert "double.so" in maps(d.worker_pids()[0])
        assert "double.so" not in maps(d.process.pid)


def test_loaded_before_the_fork(morod):
    """One that does is loaded in the master; the dispatcher and workers share it."""
    with morod(module=EARLY, workers=1) as d, d.client() as c:
        assert c.call("test:double", {"n": 1}) == 2
        assert "early.so" in maps(d.worker_pids()[0])
        assert "early.so" in maps(d.process.pid)


@pytest.mark.parametrize("said, there", [("no", False), ("yes", True), ("auto", True)])
def test_preload(morod, tmp_path, said, there):
    """preload says where: in the workers, in the master, or as the module says."""
    path = tmp_path / "m.conf"
    path.write_text(f"[module early]\npath = {EARLY}\npreload = {said}\n")
    with morod(config=path, workers=1) as d, d.client() as c:
        assert c.call("test:double", {"n": 1}) == 2
        assert ("early.so" in maps(d.process.pid)) == there


def test_preload_of_one_that_cannot(tmp_path):
    """A module that does not say it is fork-clean is not loaded in the master."""
    path = tmp_path / "m.conf"
    path.write_text(f"[module double]\npath = {DOUBLE}\npreload = yes\n")
    said = refused(config=path)
    assert "double.so" in said and "MORO_FORK_CLEAN" in said and "preload = yes" in said


@pytest.mark.parametrize("preload", ["yes", "no"])
def test_hooks(morod, tmp_path, preload):
    """init() where it is loaded, before_fork() there, after_fork() and exit() in workers."""
    path = tmp_path / "m.conf"
    path.write_text(f"[module hooks]\npath = {HOOKS}\npreload = {preload}\n")
    with morod(config=path, workers=1, recycle_tasks=2) as d, d.client() as c:
        said = c.call("test:hooks", None)
        worker = d.worker_pids()[0]
        assert said["pid"] == said["begun"] == worker
        if preload == "no":
            assert said["init"] == worker and said["forks"] == 0
        else:
            assert said["init"] == d.process.pid and said["forks"] >= 2
            # one fork more, for the worker that takes its place
            os.kill(worker, signal.SIGKILL)
            again = c.call("test:hooks", None, retry={"max": 3})
            assert again["forks"] == said["forks"] + 1
            assert again["begun"] == again["pid"] != worker
            worker = again["pid"]
        c.call("test:hooks", None)  # the second: then it ends in order
        wait_until(lambda: f"hooks: exit of {worker}, begun as {worker}" in d.log())


def test_file_that_changes(morod, tmp_path):
    """Workers that are started later do what the file holds by then."""
    module = tmp_path / "m.so"
    shutil.copy(DOUBLE, module)
    with morod(module=module, workers=1, recycle_tasks=1) as d, d.client() as c:
        assert c.call("test:double", {"n": 1}) == 2
        shutil.copy(MODULES / "whole.so", tmp_path / "new")
        os.rename(tmp_path / "new", module)
        wait_until(lambda: "file has changed, and has it no more" in outcome(c))
        os.unlink(module)
        wait_until(lambda: "No such file" in outcome(c))
        assert f"cannot load the module {module}" in d.log()
        assert c.call("debug:echo", 1) == 1


def outcome(c):
    """What comes of a task: its result, or the message that it fails with."""
    try:
        return str(c.call("test:double", {"n": 1}))
    except TaskError as error:
        return error.message


def test_not_ready(morod):
    """A module that cannot start costs its own tasks an answer with its reason."""
    with morod(module=MODULES / "unready.so", workers=1) as d, d.client() as c:
        assert "module double cannot do test:double: no licence" in outcome(c)
        assert c.call("debug:echo", 1) == 1
        assert "unready.so: no licence" in d.log()
        assert "unready.so was not ready when it was tried: no licence" in d.log()
    done = subprocess.run([BUILD / "server" / "morod", "--config", "/dev/null", "--check-config",
                           "--module", MODULES / "unready.so"], capture_output=True, text=True)
    assert done.returncode == 0 and "unready.so is not ready: no licence\n" in done.stdout


def test_not_ready_in_the_master():
    """And morod does not start, where it was to be loaded before the fork."""
    assert "unready-early.so: no licence" in refused(MODULES / "unready-early.so")


def test_sections_about_its_types(morod, tmp_path):
    """The file may be about types that a module brings, whichever stands first."""
    path = tmp_path / "m.conf"
    path.write_text(f"[task test:twice]\ntimeout = 7s\n[module double]\npath = {DOUBLE}\n")
    with morod(config=path) as d, d.client() as c:
        (described,) = c.request("types", "test:double")
        assert described["timeout"] == 7000


def test_named_in_a_pipe(morod, tmp_path):
    """Also where the file is a pipe, which gives what is in it but once."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    text = f"[task test:twice]\ntimeout = 7s\n[morod]\nmodule = {DOUBLE}\nmax-depth = 7\n"
    writer = threading.Thread(target=path.write_text, args=(text,))
    writer.start()
    with morod(config=path) as d, d.client() as c:
        writer.join()
        assert c.request("reload") == {"warnings": ""}
        (described,) = c.request("types", "test:double")
        assert described["timeout"] == 7000
        assert c.server["limits"]["maxDepth"] == 7


def test_reload(morod, tmp_path):
    """Modules come and go with a restart; what is not done is said with its line."""
    path = tmp_path / "m.conf"
    path.write_text(f"[module double]\npath = {DOUBLE}\n")
    with morod(config=path) as d, d.client() as c:
        path.write_text(f"[module double]\npath = {DOUBLE}\npreload = no\n"
                        "[module whole]\npath = /no/2.so\nsettings = none\n")
        warnings = c.request("reload")["warnings"]
        assert f"{path}:3: preload needs a restart, keeps auto" in warnings
        assert f"{path}:4: a new module (whole) needs a restart" in warnings
        path.write_text("")
        warnings = c.request("reload")["warnings"]
        assert "module double needs a restart to go" in warnings
        assert c.call("test:double", {"n": 2}) == 4


def test_reload_with_a_new_one_before(morod, tmp_path):
    """It is left out, and the sections behind it are still about theirs."""
    path = tmp_path / "m.conf"
    path.write_text(f"[module double]\npath = {DOUBLE}\n")
    with morod(config=path) as d, d.client() as c:
        path.write_text(f"[module whole]\npath = /no/2.so\n[module double]\npath = {DOUBLE}\n"
                        "preload = no\n")
        assert c.request("reload")["warnings"].splitlines() == [
            f"{path}:1: a new module (whole) needs a restart, and is left out",
            f"{path}:5: preload needs a restart, keeps auto"]
        assert c.call("test:double", {"n": 2}) == 4


def test_printed(tmp_path):
    """--print-config gives a file that makes the same configuration again."""
    path = tmp_path / "m.conf"
    path.write_text(f"[module double]\npath = {DOUBLE}\npreload = no\n")
    command = [BUILD / "server" / "morod", "--print-config", "--socket", "/s", "--config"]
    words = ["--module", EARLY, "--module", HOOKS]
    # their types have the same name
    done = subprocess.run([*command, path, *words], capture_output=True, text=True)
    assert "there is a type of that name" in done.stderr
    words = ["--module", HOOKS, "--module", MODULES / "whole.so"]
    first = subprocess.run([*command, path, *words], capture_output=True, text=True, check=True)
    assert f"module = {HOOKS},{MODULES / 'whole.so'} ;" in first.stdout
    assert "[module double]" in first.stdout and "preload = no ; line 3" in first.stdout
    again = tmp_path / "again.conf"
    again.write_text(first.stdout)
    second = subprocess.run([*command, again], capture_output=True, text=True, check=True)

    def keys(text):
        return [line.split(" ;")[0] for line in text.splitlines() if not line.startswith("#")]

    assert keys(first.stdout) == keys(second.stdout)


@pytest.mark.parametrize("module, why", [
    ("/nonexistent/x.so", "module /nonexistent/x.so: cannot open"),
    ("nothing", "modules/nothing.so: cannot open"),
    (f"{DOUBLE},", "a module's name is empty"),
    ("double.so", "without .so; a file here is ./double.so"),
    (MODULES / "old.so", "made for version 2 of the interface, and this is 4"),
    (MODULES / "taken.so", "crypto:hash: there is a type of that name"),
    (MODULES / "flagged.so", "a flag of it is not known"),
    (MODULES / "nameless.so", "it has no name"),
    (MODULES / "aborts.so", "a process that loaded it was killed by SIGABRT"),
    (MODULES / "ends.so", "a process that loaded it ended with status 0"),
    (MODULES / "crashes.so", "a process that loaded it was killed by SIGUSR1"),
    (MODULES / "threads.so", "it says that it is fork-clean, and has threads after init()"),
])
def test_what_cannot_be_loaded(module, why):
    """morod does not start, and says which module it was and why."""
    said = refused(module)
    assert why in said
    assert said.count("\n") == 1


def test_alias_that_is_taken():
    said = refused(DOUBLE, MODULES / "alias.so")
    assert "test:other: there is a type of its alias's name" in said


def test_several_that_cannot(tmp_path):
    """All are told with their lines, and so are mistakes in their sections, before they are tried."""
    path = tmp_path / "m.conf"
    path.write_text("[module one]\npath = /no/1.so\n[module two]\n[task test:double]\ntimeout = 1s\n")
    said = refused(config=path)
    assert f"{path}:1: cannot load the module /no/1.so" in said
    assert f"{path}:3: cannot load the module " in said and "modules/two.so" in said
    path.write_text("[module one]\npaht = /no/1.so\n[task test:double]\ntimeout = 1s\n")
    said = refused(config=path)
    assert f'{path}:2: no key "paht" here' in said
    assert said.count("\n") == 1
    path.write_text("[task test:double]\ntimeout = 1s\n[morod]\nworkers = many\n")
    said = refused(config=path)
    assert f'{path}:1: no task type "test:double"' in said and f"{path}:4: workers takes" in said


def test_thread_in_workers(morod, tmp_path):
    """A module that starts threads is loaded by each worker."""
    path = tmp_path / "m.conf"
    path.write_text(f"[module threads]\npath = {MODULES / 'threads.so'}\npreload = no\n")
    with morod(config=path, workers=1) as d, d.client() as c:
        assert c.call("test:double", {"n": 1}) == 2
        d.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "SIGHUP" in d.log())
        assert c.call("test:double", {"n": 2}) == 4


def test_thread_that_begins_late(morod, tmp_path):
    """A thread of init() that runs for the first time when the sandbox is closed goes on."""
    path = tmp_path / "m.conf"
    path.write_text(f"[module threads]\npath = {MODULES / 'threads.so'}\npreload = no\n")
    processors = os.sched_getaffinity(0)
    # with one of them, who starts a thread is mostly ahead of it
    os.sched_setaffinity(0, {min(processors)})
    try:
        with morod(config=path, workers=16) as d, d.client() as c:
            for call in [c.submit("debug:sleep", {"ms": 20}) for _ in range(16)]:
                call.result()
            assert c.call("test:double", {"n": 2}) == 4
            assert "rseq" not in d.log() and "SIG" not in d.log()
    finally:
        os.sched_setaffinity(0, processors)


def test_what_is_printed(tmp_path):
    """What a module prints when it is looked at is not taken for morod's words."""
    done = subprocess.run(
        [BUILD / "server" / "morod", "--config", "/dev/null", "--print-config", "--socket", "/s",
         "--module", MODULES / "prints.so"], capture_output=True, text=True, check=True,
    )
    assert "loaded" in done.stderr and "loaded" not in done.stdout


def test_what_is_printed_before_the_fork(morod):
    """It is there once, and not in each process again."""
    with morod(module=MODULES / "prints-early.so", workers=3) as d:
        with d.client() as c:
            assert c.call("test:double", {"n": 1}) == 2
        d.process.terminate()
        assert d.process.wait(DEADLINE) == 0
        # when it is looked at, and in the master
        assert d.log().count("initialised") == 2


def test_end_of_the_process(morod):
    """What a preloaded module has for the end of its process is not for the master."""
    with morod(module=MODULES / "unended.so", workers=1) as d:
        with d.client() as c:
            assert c.call("test:double", {"n": 1}) == 2
        d.process.terminate()
        assert d.process.wait(DEADLINE) == 0


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's allocator has its memory already")
def test_too_large_for_the_worker(morod):
    """A module that worker-memory has no room for costs its own tasks an answer, and no others."""
    with morod(module=MODULES / "large.so", workers=1, worker_memory="64M") as d, d.client() as c:
        assert "module double cannot do test:double" in outcome(c)
        assert c.call("debug:echo", 1) == 1
        assert "cannot load the module" in d.log()


def test_settings(morod, tmp_path):
    """[module NAME] tells a module something; there is no environment."""
    path = tmp_path / "m.conf"
    path.write_text(f"[module hooks]\npath = {HOOKS}\nsettings = size=3 path=/srv\n")
    with morod(config=path, workers=1) as d, d.client() as c:
        assert c.call("test:hooks", None)["settings"] == "size=3 path=/srv"
    with morod(module=HOOKS, workers=1) as d, d.client() as c:
        assert c.call("test:hooks", None)["settings"] == ""


def test_library_that_is_no_module():
    with open("/proc/self/maps") as file:
        library = next(line.split()[-1] for line in file if "/libc.so" in line)
    assert "does not export moro_module" in refused(library)


def test_loaded_twice_counts_once(morod, tmp_path):
    """Whatever the path: the file is the same."""
    link = tmp_path / "link.so"
    link.symlink_to(DOUBLE)
    with morod(args=["--module", DOUBLE, "--module", f"{DOUBLE},{link}"]) as d, d.client() as c:
        assert [t["type"] for t in c.request("types")].count("test:double") == 1


def test_module_that_is_not_loaded(morod):
    """The error names what is missing, and no worker is touched."""
    with morod() as d, d.client() as c:
        with pytest.raises(TaskError) as caught:
            c.call("image:resize", {})
        assert caught.value.code == "UNSUPPORTED"
        assert "module image" in caught.value.message
        assert "--module image" in caught.value.message
        assert c.stats()["refused"] == 1 and c.stats()["completed"] == 0
        with pytest.raises(TaskError) as caught:
            c.call("imag:resize", {})
        assert caught.value.code == "UNKNOWN_TASK"
