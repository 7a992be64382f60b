"""The types of client/node: compiled where there is a compiler, and all names are there."""

import json
import re
import subprocess

import pytest

import noderun

pytestmark = pytest.mark.release

OPTIONS = [
    "--noEmit", "--strict", "--target", "es2022", "--module", "nodenext",
    "--moduleResolution", "nodenext", "--types", "node", "--skipLibCheck", "false",
]


def test_types():
    """TypeScript takes what is right and refuses what is wrong."""
    folder = noderun.need_project()
    reason = noderun.install(folder, "typescript@5", "@types/node@20")
    if reason is not None:
        pytest.skip(f"no TypeScript: {reason}")
    done = subprocess.run(
        ["node", "node_modules/typescript/bin/tsc", *OPTIONS, "tests/types.mts", "tests/types.cts"],
        cwd=folder, env=noderun.environment(), capture_output=True, text=True,
        timeout=noderun.TEST_LIMIT,
    )
    assert done.returncode == 0, done.stdout


def exported(folder, module):
    """What a module exports when it is run."""
    code = f"console.log(JSON.stringify(Object.keys(require('{module}'))))"
    done = subprocess.run(
        ["node", "-e", code], cwd=folder, env=noderun.environment(),
        capture_output=True, text=True, check=True, timeout=noderun.TEST_LIMIT,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("module, types", [
    ("moro-client", "index.d.ts"), ("moro-client/worker", "worker.d.ts"),
])
def test_names(module, types):
    """Every export has a type."""
    folder = noderun.need_project()
    text = (noderun.PACKAGE / types).read_text()
    known = set(re.findall(r"^export (?:class|function|const) (\w+)", text, re.M))
    known |= set(re.findall(r"^export \{ (\w+) \};", text, re.M))
    assert exported(folder, module) - known <= {"Worker"}  # the class behind run()


def test_helpers():
    """Every helper, and every method of Client and WorkerManager, has a type."""
    folder = noderun.need_project()
    code = """
        const m = require('moro-client');
        const methods = (c) => Object.getOwnPropertyNames(c.prototype);
        console.log(JSON.stringify([...Object.keys(m.workerTasks), ...methods(m.WorkerManager),
            ...Object.keys(require('./node_modules/moro-client/lib/control.js'))]));
    """
    done = subprocess.run(
        ["node", "-e", code], cwd=folder, env=noderun.environment(),
        capture_output=True, text=True, check=True, timeout=noderun.TEST_LIMIT,
    )
    text = (noderun.PACKAGE / "index.d.ts").read_text()
    internal = {"constructor", "forgetGone", "start", "reach", "connect", "startOwn", "run", "end"}
    missing = [n for n in json.loads(done.stdout)
               if n not in internal and not re.search(rf"\b{n}\b", text)]
    assert missing == []
