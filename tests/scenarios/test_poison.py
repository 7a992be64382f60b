"""
A poison task: it kills each worker that runs it. Two die, its caller has reason
`poison`, and everybody else's tasks are done, also those that are not run again
after a crash.
"""

from scale import FULL

CLIENTS = 4
TASKS = 2000 if FULL else 200  # of each of the others
POISON = {"crashes": 100}


def others_tasks(c):
    """Of all kinds: short and long, run again and not."""
    for i in range(TASKS):
        yield i, c.submit("debug:echo", i, idempotent=False)
        if i % 20 == 0:
            yield 2, c.submit("debug:sleep", {"ms": 2})
        if i % 50 == 0:
            yield 100, c.submit("debug:spin", {"us": 100})


def test_poison(morod):
    """Once poison is answered it is gone, and the pool is whole again."""
    with morod(workers=3, max_queue_size=CLIENTS * TASKS * 2) as d, d.client() as c:
        others = [d.client() for _ in range(CLIENTS)]
        tasks = []
        for i, other in enumerate(others):
            tasks += others_tasks(other)
            if i == 0:
                poison = c.submit("debug:work", POISON, idempotent=True)
        error = poison.error()
        assert (error["code"], error["reason"]) == ("WORKER_ERROR", "poison"), error
        assert (error["signal"], error["attempts"]) == ("SIGSEGV", 2), error
        for wanted, task in tasks:
            assert task.result() == wanted
        s = d.wait(lambda s: s["workers"] == 3)
        assert sum(w["restarts"] for w in s["pools"][0]["workers"]) == 2
        assert (s["failed"], s["crashed"], s["retried"]) == (1, 1, 1), s
        assert s["completed"] == len(tasks)
        listed, = c.request("poison")
        assert (listed["type"], listed["attempts"], listed["signal"]) == (
            "debug:work", 2, "SIGSEGV"), listed
        assert listed["msgid"] == poison.msgid
        for other in others:
            other.close()
        print(f"2 workers died of one task, {len(tasks)} others were done")
