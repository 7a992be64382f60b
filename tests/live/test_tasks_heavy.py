"""heavy:computation against Python's own arithmetic; progress, cancel, limits."""

import ctypes
import ctypes.util
import fractions
import itertools
import math
import random
import statistics
import struct
import sys
import time

import pytest

from harness import SANITIZED, TaskError, wait_until

TYPE = "heavy:computation"


def ones(n):
    """That many float64 values."""
    return struct.pack("<d", 1) * n


# each takes a second at least, or minutes, if it is not stopped
LONG = {
    "primes": lambda: {"from": 10**12 - 10**9, "to": 10**12, "list": False},
    "matrix-multiply": lambda: {
        "a": ones(1500**2), "b": ones(1500**2), "rows": 1500, "inner": 1500, "columns": 1500,
    },
    "monte-carlo-pi": lambda: {"samples": 10**10},
    "statistics": lambda: {"values": doubles([random.random() for _ in range(1 << 20)]) * 7},
    "mandelbrot": lambda: {
        "width": 1000, "height": 1000, "centerX": 0, "scale": 0.01, "maxIterations": 10000,
    },
}


def heavy(c, operation, **params):
    return c.call(TYPE, {"operation": operation, "params": params})


def reports(client, msgid):
    return [m[2][1] for m in client.unasked if m[1] == "progress" and m[2][0] == msgid]


def doubles(values):
    return struct.pack(f"<{len(values)}d", *values)


def sieve(to):
    """All primes up to a number."""
    marks = bytearray([1]) * (to + 1)
    marks[:2] = b"\0\0"
    for p in range(2, math.isqrt(to) + 1):
        if marks[p]:
            marks[p * p :: p] = bytes(len(range(p * p, to + 1, p)))
    return list(itertools.compress(range(to + 1), marks))


def test_primes(morod):
    """Every list up to a few millions, and windows of it."""
    known = sieve(5_000_000)
    with morod() as d, d.client() as c:
        assert heavy(c, "primes", to=5_000_000) == {"count": 348513, "primes": known}
        for _ in range(20):
            a, b = sorted(random.choices(range(5_000_000), k=2))
            want = [p for p in known if a <= p <= b]
            got = heavy(c, "primes", **{"from": a, "to": b})
            assert got == {"count": len(want), "primes": want}
            got = heavy(c, "primes", **{"from": a, "to": b, "list": False})
            assert got == {"count": len(want)}


def test_as_many_primes_as_a_message_holds(morod):
    """The longest list passes, one more prime is TOO_LARGE."""
    known = sieve(15_500_000)
    last, over = known[998_999], known[999_000]
    with morod() as d, d.client() as c:
        assert heavy(c, "primes", to=over - 1)["primes"][-1] == last
        with pytest.raises(TaskError) as caught:
            heavy(c, "primes", to=over)
        assert caught.value.code == "TOO_LARGE" and caught.value.error["limit"] == 999_000


def test_fibonacci(morod):
    """Exact, however long."""
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)
    a, b = 0, 1
    with morod() as d, d.client() as c:
        for n in range(20_001):
            if n < 200 or n % 1000 == 0:
                text = str(a)
                got = heavy(c, "fibonacci", n=n)
                assert got == {"value": text, "digits": len(text)}
            a, b = b, a + b


def test_the_millionth_fibonacci(morod):
    """By the identity F(2n) = F(n) (2 F(n+1) - F(n)), modulo what fits."""
    modulus = 10**18 - 11

    def pair(n):
        if n == 0:
            return 0, 1
        f, g = pair(n // 2)
        even, odd = f * (2 * g - f) % modulus, (f * f + g * g) % modulus
        return (odd, (even + odd) % modulus) if n % 2 else (even, odd)

    with morod() as d, d.client() as c:
        for n in (1_000_000, 10_000_000):
            text = heavy(c, "fibonacci", n=n)["value"]
            rest = 0
            for i in range(0, len(text), 1000):
                piece = text[i : i + 1000]
                rest = (rest * pow(10, len(piece), modulus) + int(piece)) % modulus
            assert rest == pair(n)[0]


def product(a, b):
    return [[sum_up(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def sum_up(numbers):
    """From the first to the last, as sum() of newer Pythons does not."""
    total = 0.0
    for n in numbers:
        total += n
    return total


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 130, 5), (61, 67, 71), (5, 3, 515)])
def test_matrices(morod, shape):
    """The same as a plain loop, to the last bit, in both forms."""
    rows, inner, columns = shape
    a = [[random.uniform(-1e3, 1e3) for _ in range(inner)] for _ in range(rows)]
    b = [[random.uniform(-1e-3, 1e3) for _ in range(columns)] for _ in range(inner)]
    want = product(a, b)
    with morod() as d, d.client() as c:
        got = heavy(c, "matrix-multiply", a=a, b=b)
        assert got == {"rows": rows, "columns": columns, "product": want}
        got = heavy(
            c, "matrix-multiply", a=doubles(sum(a, [])), b=doubles(sum(b, [])),
            rows=rows, inner=inner, columns=columns,
        )
        assert got == {"rows": rows, "columns": columns, "product": doubles(sum(want, []))}


def test_a_large_matrix(morod):
    """Megabytes; a permutation only moves what is there."""
    n = 900
    order = random.sample(range(n), n)
    a = b"".join(doubles([float(j == k) for j in range(n)]) for k in order)
    row = [doubles([i] * n) for i in range(n)]
    with morod() as d, d.client() as c:
        got = heavy(c, "matrix-multiply", a=a, b=b"".join(row), rows=n, inner=n, columns=n)
        assert got["product"] == b"".join(row[k] for k in order)


def test_pi(morod):
    """The points are those of libsodium's generator, as the page says."""
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
    block, samples, seed = 4096, 10_000, 12345
    inside = 0
    for number in range(3):
        words = (ctypes.c_uint8 * (8 * block))()
        sodium.randombytes_buf_deterministic(
            words, ctypes.c_size_t(len(words)), struct.pack("<QQ16x", seed, number)
        )
        points = list(struct.iter_unpack("<II", bytes(words)))
        for x, y in points[: samples - number * block]:
            inside += (x >> 1 | 1) ** 2 + (y >> 1 | 1) ** 2 < 2**62
    with morod() as d, d.client() as c:
        got = heavy(c, "monte-carlo-pi", samples=samples, seed=seed)
    want = {"pi": 4 * inside / samples, "inside": inside, "samples": samples, "seed": seed}
    assert got == want


def near(got, want):
    return math.isclose(got, want, rel_tol=1e-14, abs_tol=1e-300)


@pytest.mark.parametrize("n", [2, 3, 100, 5000, 70_001])
def test_statistics(morod, n):
    """Against exact fractions, and Python's own quantiles."""
    values = [random.gauss(1e6, 1) * random.choice([1, 1, 1e-3]) for _ in range(n)]
    exact = [fractions.Fraction(v) for v in values]
    mean = sum(exact) / n
    squares = sum((v - mean) ** 2 for v in exact)
    percentiles = [0, 1, 12.5, 50, 99, 100]
    with morod() as d, d.client() as c:
        got = heavy(c, "statistics", values=values, percentiles=percentiles)
        assert got == heavy(c, "statistics", values=doubles(values), percentiles=percentiles)
    assert got["count"] == n
    assert near(got["sum"], float(sum(exact))) and near(got["mean"], float(mean))
    assert near(got["variance"], float(squares / (n - 1)))
    assert near(got["populationVariance"], float(squares / n))
    assert near(got["stddev"], math.sqrt(squares / (n - 1)))
    assert near(got["populationStddev"], math.sqrt(squares / n))
    assert (got["min"], got["max"]) == (min(values), max(values))
    assert near(got["median"], statistics.median(values))
    cuts = statistics.quantiles(values, n=200, method="inclusive")
    want = [min(values), cuts[1], cuts[24], cuts[99], cuts[197], max(values)]
    assert all(near(g, w) for g, w in zip(got["percentiles"], want))


# NIST Statistical Reference Datasets, univariate summary statistics: the data, and
# what is certified of it, mean and standard deviation.
NIST = {
    "Lew": (-177.435, 277.332168044316, """
    -213 -564 -35 -15 141 115 -420 -360 203 -338 -431 194 -220 -513 154 -125 -559 92 -21
    -579 -52 99 -543 -175 162 -457 -346 204 -300 -474 164 -107 -572 -8 83 -541 -224 180
    -420 -374 201 -236 -531 83 27 -564 -112 131 -507 -254 199 -311 -495 143 -46 -579 -90
    136 -472 -338 202 -287 -477 169 -124 -568 17 48 -568 -135 162 -430 -422 172 -74 -577
    -13 92 -534 -243 194 -355 -465 156 -81 -578 -64 139 -449 -384 193 -198 -538 110 -44
    -577 -6 66 -552 -164 161 -460 -344 205 -281 -504 134 -28 -576 -118 156 -437 -381 200
    -220 -540 83 11 -568 -160 172 -414 -408 188 -125 -572 -32 139 -492 -321 205 -262
    -504 142 -83 -574 0 48 -571 -106 137 -501 -266 190 -391 -406 194 -186 -553 83 -13
    -577 -49 103 -515 -280 201 300 -506 131 -45 -578 -80 138 -462 -361 201 -211 -554 32
    74 -533 -235 187 -372 -442 182 -147 -566 25 68 -535 -244 194 -351 -463 174 -125 -570
    15 72 -550 -190 172 -424 -385 198 -218 -536 96
    """),
    "Lottery": (518.958715596330, 291.699727470969, """
    162 671 933 414 788 730 817 33 536 875 670 236 473 167 877 980 316 950 456 92 517
    557 956 954 104 178 794 278 147 773 437 435 502 610 582 780 689 562 964 791 28 97
    848 281 858 538 660 972 671 613 867 448 738 966 139 636 847 659 754 243 122 455 195
    968 793 59 730 361 574 522 97 762 431 158 429 414 22 629 788 999 187 215 810 782 47
    34 108 986 25 644 829 630 315 567 919 331 207 412 242 607 668 944 749 168 864 442
    533 805 372 63 458 777 416 340 436 140 919 350 510 572 905 900 85 389 473 758 444
    169 625 692 140 897 672 288 312 860 724 226 884 508 976 741 476 417 831 15 318 432
    241 114 799 955 833 358 935 146 630 830 440 642 356 373 271 715 367 393 190 669 8
    861 108 795 269 590 326 866 64 523 862 840 219 382 998 4 628 305 747 247 34 747 729
    645 856 974 24 568 24 694 608 480 410 729 947 293 53 930 223 203 677 227 62 455 387
    318 562 242 428 968
    """),
}


@pytest.mark.parametrize("name", NIST)
def test_statistics_of_nist(morod, name):
    """What NIST certifies, to all its digits."""
    mean, stddev, text = NIST[name]
    with morod() as d, d.client() as c:
        got = heavy(c, "statistics", values=[int(n) for n in text.split()])
    assert near(got["mean"], mean) and near(got["stddev"], stddev)


def test_sort(morod):
    """Numbers of all kinds and strings of all letters, both ways, stable."""
    integers = [random.randint(-(2**63), 2**64 - 1) for _ in range(20_000)]
    near_ones = [2**53 + random.randint(-3, 3) for _ in range(50)]
    floats = [random.uniform(-1e19, 1e19) for _ in range(5000)] + [float("inf"), -0.0, 0, 0.0]
    mixed = integers + floats + near_ones + [float(n) for n in near_ones]
    random.shuffle(mixed)
    strings = ["".join(random.choices("aAbäß€😀", k=random.randint(0, 5))) for _ in range(20_000)]
    with morod() as d, d.client() as c:
        for values, key in ((mixed, None), (strings, lambda s: s.encode())):
            up = heavy(c, "sort", values=values)
            down = heavy(c, "sort", values=values, order="desc")
            # repr tells 1 from 1.0
            assert repr(up) == repr(sorted(values, key=key))
            assert repr(down) == repr(sorted(values, key=key, reverse=True))


def mandelbrot(width, height, x, y, scale, depth):
    """The number of steps for each pixel, row after row."""
    pixels = []
    for row in range(height):
        im = y - ((row + 0.5) / height - 0.5) * (scale * height / width)
        for column in range(width):
            re = x + ((column + 0.5) / width - 0.5) * scale
            a = b = 0.0
            n = 0
            while n < depth and a * a + b * b <= 4:
                a, b = a * a - b * b + re, 2 * a * b + im
                n += 1
            pixels.append(n)
    return pixels


def test_mandelbrot(morod):
    """Each pixel, of one byte and of two."""
    with morod() as d, d.client() as c:
        got = heavy(c, "mandelbrot", width=48, height=31)
        assert list(got["pixels"]) == mandelbrot(48, 31, -0.5, 0, 3, 255)
        view = {"centerX": -0.743643, "centerY": 0.131825, "scale": 0.003}
        got = heavy(c, "mandelbrot", width=20, height=30, maxIterations=700, **view)
        assert got["bytesPerPixel"] == 2 and len(got["pixels"]) == 20 * 30 * 2
        pixels = list(struct.unpack("<600H", got["pixels"]))
        assert pixels == mandelbrot(20, 30, -0.743643, 0.131825, 0.003, 700)


@pytest.mark.parametrize("operation", LONG)
def test_cancel(morod, operation):
    """A cancelled computation stops by itself: the worker stays."""
    with morod(workers=1) as d, d.client() as c:
        pids = d.worker_pids()
        data = {"operation": operation, "params": LONG[operation]()}
        task = c.submit(TYPE, data, progress=True, cancelGrace=20000)
        c.read_until(lambda: reports(c, task.msgid))
        begun = time.monotonic()
        c.request("cancel", {"msgid": task.msgid})
        assert task.error()["code"] == "CANCELLED"
        assert c.call("debug:echo", "free") == "free"
        assert time.monotonic() - begun < (10 if SANITIZED else 4)
        assert d.worker_pids() == pids


@pytest.mark.parametrize("operation", LONG)
def test_timeout(morod, operation):
    """A limit of time stops it as well."""
    with morod(workers=1) as d, d.client() as c:
        pids = d.worker_pids()
        data = {"operation": operation, "params": LONG[operation]()}
        error = c.submit(TYPE, data, timeout=100, cancelGrace=20000).error()
        assert error["code"] == "TIMEOUT" and "timeout" in error["message"]
        begun = time.monotonic()
        assert c.call("debug:echo", "free") == "free"
        assert time.monotonic() - begun < (10 if SANITIZED else 4)
        assert d.worker_pids() == pids


def test_limit_of_time_by_itself(morod):
    """30 s, if neither task nor configuration says otherwise; under both names."""
    with morod() as d, d.client() as c:
        types = c.request("types")
        types = types["types"] if isinstance(types, dict) else types
        mine = [t for t in types if t["type"] == TYPE]
        assert [t["timeout"] for t in mine] == [30000]
        assert mine[0]["alias"] == "computation:heavy" and mine[0]["softCancel"]
        data = {"operation": "primes", "params": {"to": 10}}
        assert c.call("computation:heavy", data) == c.call(TYPE, data)
        fields = {f["name"]: f for f in mine[0]["fields"]}
        params = {f["name"]: f for f in fields["params"]["fields"]}
        assert params["to"]["max"] == 10**12 and params["n"]["max"] == 10**7


def run_with_progress(c, operation, params):
    task = c.submit(TYPE, {"operation": operation, "params": params}, progress=True)
    result = task.result(60)
    return result, reports(c, task.msgid)


def test_progress(morod):
    """Reports rise and stay below the whole, in every long operation."""
    n = 1100
    matrix = ones(n * n)
    values = doubles([random.random() for _ in range(1_500_000)])
    cases = {
        "primes": {"to": 400_000_000, "list": False},
        "matrix-multiply": {"a": matrix, "b": matrix, "rows": n, "inner": n, "columns": n},
        "monte-carlo-pi": {"samples": 50_000_000},
        "statistics": {"values": values},
        "sort": {"values": [random.random() for _ in range(500_000)]},
        "mandelbrot": {"width": 1000, "height": 1000, "maxIterations": 1000},
    }
    with morod(workers=1) as d, d.client() as c:
        for operation, params in cases.items():
            _, got = run_with_progress(c, operation, params)
            done = [r["done"] for r in got]
            assert len(done) >= 2, operation
            assert done == sorted(done), operation
            assert len({r["total"] for r in got}) == 1, operation
            assert 0 <= done[0] and done[-1] <= got[0]["total"], operation


@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes memory its own way")
def test_memory_of_a_worker(morod):
    """Where there is too little the task fails, and says so."""
    n = 1500
    matrix = bytes(8 * n * n)
    # the message is 36 MB, and the three matrices are 54
    with morod(workers=1, worker_memory="72M") as d, d.client() as c:
        with pytest.raises(TaskError) as caught:
            heavy(c, "matrix-multiply", a=matrix, b=matrix, rows=n, inner=n, columns=n)
        assert caught.value.code == "WORKER_ERROR" and caught.value.reason == "memory"
        assert heavy(c, "primes", to=3) == {"count": 2, "primes": [2, 3]}


def test_a_task_type_as_operation(morod):
    """Its params are the other type's data, its answer and errors the other's."""
    with morod() as d, d.client() as c:
        text = "text that repeats, " * 100
        packed = heavy(c, "data:compress", input=text, format="gzip")
        assert packed == c.call("data:compress", {"input": text, "format": "gzip"})
        assert heavy(c, "data:decompress", input=packed) == text.encode()
        with pytest.raises(TaskError) as caught:
            heavy(c, "data:compress", input=text, format="zip")
        assert caught.value.code == "INVALID_ARGUMENT"
        assert caught.value.error["field"] == "format"
        assert "Unknown compression format" in caught.value.message


def test_the_guides_placeholders(morod):
    """'complex' is no operation: the answer says which there are."""
    with morod() as d, d.client() as c:
        for name in ("complex", "complex-calculation"):
            error = c.submit(TYPE, {"operation": name}, timeout=30000).error()
            assert error["code"] == "INVALID_ARGUMENT" and error["field"] == "operation"
            assert f'Unknown operation "{name}"' in error["message"]
            assert '"fibonacci"' in error["message"] and "task type" in error["message"]
        error = c.submit(TYPE, {"operation": "debug:echo", "params": {}}).error()
        assert error["code"] == "INVALID_ARGUMENT" and error["field"] == "operation"


def memory_of(pid):
    """Everything that a process could read of itself."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            where, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(n, 16) for n in where.split("-"))
            try:
                mem.seek(start)
                yield mem.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps what is freed")
def test_secrets_of_another_type(morod):
    """What crypto:encrypt overwrites is overwritten on this way, too."""
    secret = "a secret that nobody else has %016x" % random.getrandbits(64)
    with morod(workers=1) as d, d.client() as c:
        heavy(c, "crypto:encrypt", data=secret, key=secret + " key")
        pid = d.worker_pids()[0]
        assert wait_until(
            lambda: not any(secret.encode() in part for part in memory_of(pid)),
            "no secret in the worker",
        )
        # what is looked for can be found
        c.call("debug:echo", secret)
        assert any(secret.encode() in part for part in memory_of(pid))
