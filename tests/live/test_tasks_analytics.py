"""analytics:process against collections, fractions and statistics of Python."""

import datetime
import math
import random
import statistics
from fractions import Fraction

import msgpack
import pytest

from harness import SANITIZED, TaskError, wait_until

TASK = "analytics:process"
EXACT_VALUES = 1024  # of percentiles
EXACT_HASHES = 4096  # of distinct
DAY = 86_400_000


def failure(c, data, **options):
    with pytest.raises(TaskError) as caught:
        c.call(TASK, data, **options)
    return caught.value


def look_up(event, path):
    """The value at a path; None where there is none."""
    for name in path.split("."):
        if not isinstance(event, dict):
            return None
        event = event.get(name)
    return event


def total(values):
    """The exact sum, rounded once."""
    exact = sum((Fraction(v) for v in values), Fraction(0))
    if exact.denominator == 1 and -(2**63) <= exact < 2**64:
        return int(exact)
    return float(exact)


def percentile(values, p):
    """Nearest rank."""
    rank = max(1, math.ceil(Fraction(str(p)) * len(values) / 100))
    return sorted(values)[rank - 1]


OPS = {
    "count": len,
    "sum": total,
    "avg": lambda v: float(total(v)) / len(v) if v else None,
    "min": lambda v: min(v, default=None),
    "max": lambda v: max(v, default=None),
    "distinct": lambda v: len(set(v)),
}


def measure(op, values):
    if op in OPS:
        return OPS[op](values)
    assert op[0] == "p"
    return percentile(values, op[1:]) if values else None


def order(value):
    """Where a key stands in the result."""
    kinds = [type(None), bool, (int, float), str, bytes]
    kind = next(i for i, k in enumerate(kinds) if isinstance(value, k))
    if isinstance(value, str):
        value = value.encode()
    return (kind, 0 if value is None else value)


def reference(events, group_by=(), metrics=(), interval=None):
    """What the answer's groups must be."""
    groups = {}
    for event in events:
        key = tuple(look_up(event, path) for path in group_by)
        if interval is not None:
            t = event.get("timestamp")
            key += (None if t is None else t // interval * interval,)
        # True == 1 in Python
        groups.setdefault(tuple((order(k)[0], k) for k in key), []).append(event)
    rows = []
    for key in sorted(groups, key=lambda k: [order(v) for _, v in k]):
        values = [v for _, v in key]
        row = {"key": dict(zip(group_by, values)), "count": len(groups[key])}
        if interval is not None:
            row["bucket"] = values[-1]
        row["metrics"] = {}
        for metric in metrics:
            op, _, path = metric.partition(":")
            found = [look_up(e, path) for e in groups[key]] if path else groups[key]
            found = [v for v in found if v is not None]
            row["metrics"][metric] = measure(op, found)
        rows.append(row)
    return rows


def some_events(rng, n):
    countries = ["DE", "FR", "日本", "", "DEX", None, 5, 5.0, -1, 2**63, True, b"DE"]
    events = []
    for _ in range(n):
        event = {"type": rng.choice(["view", "buy"]), "user": {"id": rng.randrange(50)}}
        if rng.random() < 0.9:
            event["user"]["country"] = rng.choice(countries)
        if rng.random() < 0.8:
            event["amount"] = rng.choice(
                [
                    rng.randrange(-1000, 1000),
                    rng.uniform(-1, 1),
                    rng.uniform(-1, 1) * 10.0 ** rng.randrange(-300, 300),
                    rng.randrange(2**63, 2**64),
                    -rng.randrange(2**63),
                    5e-324,
                ]
            )
        if rng.random() < 0.9:
            event["timestamp"] = rng.randrange(-3 * DAY, 3 * DAY)
        event["ms"] = int(rng.lognormvariate(4, 1)) + rng.choice([0, 0.5])
        events.append(event)
    return events


METRICS = [
    "count",
    "count:amount",
    "sum:amount",
    "avg:amount",
    "min:amount",
    "max:amount",
    "distinct:user.id",
    "sum:ms",
    "avg:ms",
    "p50:ms",
    "p99.9:ms",
    "p0:ms",
    "p100:ms",
]


def same(a, b):
    """Equal byte by byte, where 5 and 5.0 are not."""
    return msgpack.packb(a) == msgpack.packb(b)


def parts_of(rng, events):
    """Some split of a list, empty parts among them."""
    cuts = sorted(rng.randrange(len(events) + 1) for _ in range(rng.randrange(1, 6)))
    return [events[a:b] for a, b in zip([0] + cuts, cuts + [len(events)])]


def test_random_events(morod):
    """Groups, intervals and metrics are what Python's own modules make of the same."""
    rng = random.Random(20261125)
    with morod() as d, d.client() as c:
        for group_by in ([], ["type"], ["user.country"], ["type", "user.country"]):
            for interval in (None, DAY, 1000_000):
                events = some_events(rng, 600)
                data = {"events": events, "groupBy": group_by, "metrics": METRICS}
                if interval is not None:
                    data["interval"] = interval
                answer = c.call(TASK, data)
                assert answer["events"] == len(events)
                assert answer["skipped"] == {"events": 0, "values": 0}
                assert answer["groups"] == reference(events, group_by, METRICS, interval)


def test_any_split_merges_to_the_whole(morod):
    """However events are split, and partial results merged, the answer is the same, bit by bit."""
    rng = random.Random(7)
    with morod() as d, d.client() as c:
        for size in (10, 500, 3000, 20000):
            events = some_events(rng, size)
            for event in events:
                event["visitor"] = rng.randrange(10 * size)
            ask = {
                "groupBy": ["type"],
                "interval": "2d",
                "metrics": METRICS + ["distinct:visitor", "first", "last"],
            }
            whole = c.call(TASK, {"events": events, **ask})
            whole_part = c.call(TASK, {"events": events, **ask, "partial": True})
            for _ in range(3):
                rng.shuffle(events)
                parts = [
                    c.call(TASK, {"events": part, **ask, "partial": True})
                    for part in parts_of(rng, events)
                ]
                assert same(c.call(TASK, {"merge": parts}), whole)
                # a merge of merges, in another order
                rng.shuffle(parts)
                some = c.call(TASK, {"merge": parts[:2], "partial": True})
                again = c.call(TASK, {"merge": [some] + parts[2:], "partial": True})
                assert same(again, whole_part)
                assert same(c.call(TASK, {"merge": [again]}), whole)


def test_the_guides_call(morod):
    """Batches of 1,000 at low priority, as the guide sends them, and what becomes of all."""
    start = 1_790_000_000_000
    events = [{"type": "view", "timestamp": start + i} for i in range(2500)]
    batches = [events[i : i + 1000] for i in range(0, len(events), 1000)]
    with morod(workers=2) as d, d.client() as c:
        calls = [
            c.submit(TASK, {"events": b}, id=f"analytics-batch-{i}", priority="low")
            for i, b in enumerate(batches)
        ]
        answers = [call.result() for call in calls]
        assert [a["events"] for a in answers] == [1000, 1000, 500]
        assert answers[0]["groups"] == [
            {"key": {}, "count": 1000, "metrics": {"first": start, "last": start + 999}}
        ]
        parts = [c.call(TASK, {"events": b, "partial": True}) for b in batches]
        merged = c.call(TASK, {"merge": parts})
        assert merged == c.call(TASK, {"events": events})
        assert merged["groups"][0]["metrics"]["last"] == start + 2499


def test_distinct_is_exact_and_then_close(morod):
    """4,096 values are counted exactly, more within 3 standard errors."""
    with morod() as d, d.client() as c:

        def count(values):
            data = {"events": [{"v": v} for v in values], "metrics": ["distinct:v"]}
            return c.call(TASK, data)["groups"][0]["metrics"]["distinct:v"]

        assert count([f"user{i % EXACT_HASHES}" for i in range(9000)]) == EXACT_HASHES
        for n in (EXACT_HASHES + 1, 10_000, 50_000, 300_000):
            for make in (int, str, lambda i: i * 0.37, lambda i: b"%d" % i):
                assert abs(count(map(make, range(n))) / n - 1) < 3 * 0.0081
        # a number is one value, a text another
        assert count([5, 5.0, "5", b"5", True, 1, 0, False, -0.0, 0.0]) == 7


def test_percentiles_are_exact_and_then_close(morod):
    """1,024 values are exact; of more, an answer is off by at most 1/128 of itself."""
    rng = random.Random(3)
    percents = [0, 1, 5, 25, 50, 75, 90, 95, 99, 99.9, 99.999, 100]
    shapes = {
        "lognormal": lambda: rng.lognormvariate(3, 2),
        "negative": lambda: -rng.expovariate(0.01),
        "mixed": lambda: rng.gauss(0, 1e6),
        "integers": lambda: rng.randrange(0, 300),
        "wide": lambda: 10.0 ** rng.uniform(-300, 300) * rng.choice([1, -1]),
        "same": lambda: 42.5,
    }
    with morod() as d, d.client() as c:
        for name, draw in shapes.items():
            for n in (1, 2, EXACT_VALUES, EXACT_VALUES + 1, 30_000):
                values = [draw() for _ in range(n)]
                data = {
                    "events": [{"v": v} for v in values],
                    "metrics": {
                        "p": {"op": "percentiles", "field": "v", "percentiles": percents}
                    },
                }
                got = c.call(TASK, data)["groups"][0]["metrics"]["p"]
                assert list(got) == [f"p{p:g}" for p in percents]
                for p in percents:
                    true = percentile(values, p)
                    exact = n <= EXACT_VALUES or p in (0, 100)
                    close = 0 if exact else abs(true) / 128
                    assert abs(got[f"p{p:g}"] - true) <= close, (name, n, p)
                assert min(values) == got["p0"] <= got["p1"] <= got["p99"] <= max(values)
                if n <= EXACT_VALUES:
                    assert got["p50"] == statistics.median_low(values)


def test_times(morod):
    """Numbers, RFC 3339 text and MessagePack's own timestamps are the same instants."""
    utc = datetime.timezone.utc
    rng = random.Random(5)
    with morod() as d, d.client() as c:

        def first(value, **more):
            data = {"events": [{"timestamp": value}], "metrics": ["first"], **more}
            packed = msgpack.packb([0, 1, TASK, [data]], datetime=True)
            pending = c.pending[1] = type(c.submit("debug:echo", 0))(c, 1)
            c.send_bytes(packed)
            return pending.result()["groups"][0]["metrics"]["first"]

        for _ in range(300):
            s = rng.randrange(-62_135_596_800, 253_402_300_800)
            t = datetime.datetime.fromtimestamp(0, utc) + datetime.timedelta(seconds=s)
            ms = s * 1000 + 120
            zone = datetime.timezone(datetime.timedelta(minutes=rng.randrange(-1439, 1440)))
            text = t.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
            assert first(text + ".12Z") == ms
            assert first(text.replace("T", " ") + ".120999999+00:00") == ms
            if 2 < t.year < 9998:
                assert first(t.replace(microsecond=120_000).astimezone(zone).isoformat()) == ms
            assert first(t.replace(microsecond=120_000)) == ms
            assert first(ms) == ms
            assert first(s, timeUnit="s") == s * 1000
            assert first(s + 0.5, timeUnit="s") == s * 1000 + 500


def test_colliding_keys(morod):
    """Many groups with keys that look alike take no longer than others, and none is mixed up."""
    keys = [f"{'x' * (i % 900)}{i}" for i in range(30_000)]
    with morod() as d, d.client() as c:
        answer = c.call(
            TASK, {"events": [{"k": k} for k in keys * 2], "groupBy": "k", "metrics": ["count"]}
        )
        assert [g["key"]["k"] for g in answer["groups"]] == sorted(keys)
        assert {g["count"] for g in answer["groups"]} == {2}


def test_limits_bound_groups_and_memory(morod):
    """Too many groups, values or bytes are TOO_LARGE with the limit; the worker lives on."""
    with morod(workers=1) as d, d.client() as c:
        pids = d.worker_pids()
        many = [{"k": i} for i in range(100_001)]
        error = failure(c, {"events": many, "groupBy": "k"})
        assert error.code == "TOO_LARGE" and error.error["limit"] == 100_000
        ask = {"groupBy": "k", "metrics": ["sum:k"]}
        error = failure(c, {"events": many[:-1], **ask})
        assert error.code == "TOO_LARGE" and error.error["limit"] == 999_000
        part = c.call(TASK, {"events": many[:-1], **ask, "partial": True})
        assert len(part["groups"]) == 100_000
        # 190 sketches, with a number on each of their 1,000 pages of 2 KiB
        wide = []
        for i in range(190 * 1040):
            n = i // 190
            wide.append({"k": i % 190, "v": (-1) ** n * 2.0 ** (n // 2 % 500 * 4 - 1000)})
        ask = {"groupBy": "k", "metrics": ["p50:v"]}
        error = failure(c, {"events": wide, **ask})
        assert error.code == "TOO_LARGE" and error.error["limit"] == 256 << 20
        assert len(c.call(TASK, {"events": wide[: len(wide) // 2], **ask})["groups"]) == 190
        assert d.worker_pids() == pids


@pytest.mark.skipif(SANITIZED, reason="a sanitizer needs more itself")
def test_too_little_memory(morod):
    """A worker that may not have what the groups take says so, and lives on."""
    events = [{"k": i} for i in range(100_000)]
    ask = {"groupBy": "k", "metrics": [f"count:k.{i}" for i in range(32)], "partial": True}
    with morod(workers=1, worker_memory="96M") as d, d.client() as c:
        pids = d.worker_pids()
        error = failure(c, {"events": events, **ask})
        assert error.code == "WORKER_ERROR" and error.reason == "memory"
        assert c.call(TASK, {"events": events[:10], **ask})["events"] == 10
        assert d.worker_pids() == pids


def test_forged_partial_results(morod):
    """Whatever is changed in a partial result, it is refused or still a result."""
    rng = random.Random(11)
    events = some_events(rng, 3000)
    for event in events:
        event["visitor"] = rng.randrange(10**6)
    ask = {
        "groupBy": "type",
        "interval": "1d",
        "metrics": METRICS + ["distinct:visitor", "last"],
    }

    def changed(value, depth=0):
        """A copy with one change somewhere."""
        if isinstance(value, dict) and value and rng.random() < 0.9:
            key = rng.choice(list(value))
            return {k: changed(v) if k == key else v for k, v in value.items()}
        if isinstance(value, list) and value and rng.random() < 0.9:
            at = rng.randrange(len(value))
            return [changed(v) if i == at else v for i, v in enumerate(value)]
        if isinstance(value, bytes) and value and rng.random() < 0.8:
            at = rng.randrange(len(value))
            if rng.random() < 0.5:
                return value[:at] + bytes([rng.randrange(256)]) + value[at + 1 :]
            return value[:at]
        return rng.choice(
            [None, True, -1, 0, 1, 2**53, 2**63, 2**64 - 1, 0.5, math.inf, math.nan, "x",
             b"", b"\0", b"\1" * 17, [], [1], [1, b""], [5, [1, 2]], {}, {"op": "sum"}]
        )

    with morod(workers=1) as d, d.client() as c:
        pids = d.worker_pids()
        part = c.call(TASK, {"events": events, **ask, "partial": True})
        refused = 0
        for _ in range(1000):
            try:
                answer = c.call(TASK, {"merge": [part, changed(part)]})
                assert set(answer) == {"events", "skipped", "groups"}
            except TaskError as e:
                refused += 1
                assert e.code == "INVALID_ARGUMENT" and e.error["field"].startswith("merge[1]")
        assert refused > 300
        assert d.worker_pids() == pids


def test_cancel_and_progress(morod):
    """A long run tells how far it is, and stops softly when it is cancelled."""
    events = [{"v": i, "t": "2026-11-25T12:00:00.123+01:00"} for i in range(150_000)]
    data = {
        "events": events,
        "timeField": "t",
        "interval": "1m",
        "metrics": [f"p{i}:v" for i in range(8)] + ["distinct:v", "sum:v"],
    }
    with morod(workers=1) as d, d.client() as c:
        pids = d.worker_pids()

        def cancelled():
            """Cancels a run once it tells of itself; it may be quicker than that."""
            c.unasked.clear()
            run = c.submit(TASK, data, id="long", progress=True)
            c.read_until(lambda: c.unasked)
            cancel = c.start("cancel", {"id": "long"})
            error, _ = run.wait()
            cancel.wait()
            return error is not None and error["code"] == "CANCELLED"

        wait_until(cancelled, "a cancel in time")
        told = c.unasked[-1]
        assert told[1] == "progress" and told[2][1]["total"] == len(events)
        assert c.call(TASK, {"events": events[:10]})["events"] == 10
        assert d.worker_pids() == pids
