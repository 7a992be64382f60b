"""The template of a module: built outside, as its page says, and loaded."""

import os
import re
import shutil
import subprocess

import pytest

from harness import BUILD, DEADLINE, ROOT, Daemon, TaskError

TEMPLATE = ROOT / "worker" / "template"
PAGE = ROOT / "worker" / "MODULES.md"
MOROCTL = BUILD / "tools" / "moroctl"


def run(*words, **options):
    return subprocess.run(
        [str(w) for w in words], check=True, timeout=DEADLINE * 3, capture_output=True, text=True,
        **options,
    ).stdout


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """morod's headers and pkg-config file, as they are installed."""
    folder = tmp_path_factory.mktemp("module") / "stage"
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", folder)
    return folder


def environment(stage):
    return {
        **os.environ, "PKG_CONFIG_PATH": str(next(stage.rglob("moro-module.pc")).parent),
        "PKG_CONFIG_SYSROOT_DIR": str(stage),
    }


def shouts(module):
    with Daemon(module=module, workers=1, debug_tasks=False) as d, d.client() as c:
        assert c.call("text:shout", {"text": "hello"}) == "HELLO!"
        with pytest.raises(TaskError) as caught:
            c.call("text:shout", {"text": "a", "marks": 11})
        assert "marks takes an integer from 0 to 10, not 11" in caught.value.message
        command = re.search(r"^moroctl (run .*?\}')\s+# (.*)$", PAGE.read_text(), re.M)
        said = run("sh", "-c", f"{MOROCTL} --socket {d.socket} {command[1]}")
        assert said.strip() == command[2]
        assert "Exclamation marks" in run(MOROCTL, "--socket", d.socket, "types", "text:shout")


def test_template_is_small():
    lines = (TEMPLATE / "shout.c").read_text().splitlines()
    assert len(lines) < 60 and max(map(len, lines)) <= 80


def test_by_meson(stage, tmp_path):
    """With its meson.build, and nothing of the source tree."""
    source = tmp_path / "shout"
    shutil.copytree(TEMPLATE, source)
    env = environment(stage)
    run("meson", "setup", "build", "--warnlevel=3", "--werror", cwd=source, env=env)
    run("ninja", "-C", "build", cwd=source, env=env)
    shouts(source / "build" / "shout.so")
    run("meson", "install", "-C", "build", "--destdir", tmp_path / "there", cwd=source, env=env)
    (installed,) = (tmp_path / "there").rglob("shout.so")
    (image_or_not,) = {p.parent for p in stage.rglob("image.so")} or {None}
    if image_or_not:
        # beside those of morod's own
        assert installed.parent.parts[-3:] == image_or_not.parts[-3:]


def test_by_hand(stage, tmp_path):
    """With the compiler alone: both lines of the page."""
    lines = re.findall(r"^(cc -shared.*)$", PAGE.read_text(), re.M)
    assert len(lines) == 2
    for i, line in enumerate(lines):
        folder = tmp_path / str(i)
        shutil.copytree(TEMPLATE, folder)
        (folder / "morod").symlink_to(ROOT)
        run("sh", "-c", line, cwd=folder, env=environment(stage))
        shouts(folder / "shout.so")
