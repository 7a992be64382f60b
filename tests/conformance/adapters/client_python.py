"""The package `moro` as a client that tools/conformance tests: instructions in, outcomes out."""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "client" / "python"), str(ROOT / "tests")]

import moro  # noqa: E402
from conformance.tagged import tag, untag  # noqa: E402

NEWS_S = 60  # longer than any vector takes
NAMES = {
    "runTimeout": "run_timeout", "queueTimeout": "queue_timeout", "cancelGrace": "cancel_grace", "onFull": "on_full",
}


def options(given):
    """The options of the wire under their names in Python; times are seconds there."""
    ours = {NAMES.get(name, name): value for name, value in given.items()}
    for name in ours.keys() & {"timeout", "run_timeout", "queue_timeout", "cancel_grace"}:
        ours[name] /= 1000
    if "retry" in ours:
        retry = ours["retry"]
        ours["retry"] = {"max": retry["max"], "on": retry["on"], "backoff": retry["backoffMs"] / 1000,
                         "max_backoff": retry["maxBackoffMs"] / 1000}
    return ours


class Driver:
    def __init__(self):
        self.client = None
        self.tasks = {}
        self.progress = {}
        self.news = []

    def do_connect(self, _):
        self.client = moro.Client()
        return {"ok": True}

    def started(self, given):
        ours = options(given.get("options", {}))
        reports = []
        if ours.get("progress"):
            ours["progress"] = lambda report: reports.append(report_of(report))
        return self.client.submit(given["type"], untag(given["data"]), **ours), reports

    def do_call(self, given):
        return {"result": tag(self.started(given)[0].result())}

    def do_submit(self, given):
        self.tasks[given["as"]] = self.started(given)
        return {"ok": True}

    def do_wait(self, given):
        task, reports = self.tasks[given["as"]]
        return {"result": tag(task.result()), "progress": reports}

    def do_cancel(self, given):
        self.tasks[given["as"]][0].cancel()
        return {"ok": True}

    def do_notify(self, given):
        self.client.notify(given["type"], untag(given["data"]))
        return {"ok": True}

    def do_request(self, given):
        return {"result": tag(self.client.request(given["method"], *given["params"]))}

    def do_subscribe(self, _):
        return {"result": self.client.subscribe(self.news.append)}

    def do_news(self, _):
        while not self.news:
            self.client.poll(NEWS_S)
        return {"news": [self.news.pop(0)]}

    def do_close(self, _):
        self.client.close()
        return {"ok": True}


def error_of(e):
    return tag({**e.details, "code": e.code, "message": e.message, "reason": e.reason, "retryable": e.retryable})


def report_of(progress):
    return {key: value for key, value in progress._asdict().items() if value is not None}


def outcome(driver, given):
    try:
        if driver.client is None and given["do"] != "connect":
            raise moro.Closed("it is not connected")
        return getattr(driver, f"do_{given['do']}")(given)
    except moro.Error as e:
        return {"error": error_of(e)}


def main():
    driver = Driver()
    for line in sys.stdin:
        print(json.dumps(outcome(driver, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
