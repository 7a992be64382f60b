"""The Python client for asyncio: moro.AsyncClient against a real morod."""

import asyncio
import hashlib
import os
import subprocess
import sys
import warnings

import pytest

import moro
import moro.aio
from harness import DEADLINE, ROOT
from moro import tasks

pytestmark = pytest.mark.release


def session(play, morod, client=None, **options):
    """Runs play(client, daemon) in a loop, with a server; asyncio's complaints are failures."""
    async def body(d):
        complaints = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with moro.AsyncClient(d.socket, **(client or {})) as c:
            await asyncio.wait_for(play(c, d), 60)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not complaints and not left, (complaints, left)

    with morod(**{"workers": 2, **options}) as d, warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(body(d))


async def until(condition, what):
    """Waits until an awaitable condition gives something true."""
    end = asyncio.get_running_loop().time() + DEADLINE
    while not await condition():
        assert asyncio.get_running_loop().time() < end, f"{what} did not come true"


async def stats_are(c, **wanted):
    async def look():
        s = await c.stats()
        return all(s[key] == value for key, value in wanted.items())

    await until(look, wanted)


def test_calls(morod):
    async def play(c, d):
        assert c.connected and c.limits["maxDepth"] == 32 and c.server["server"] == "morod"
        assert await c.hash("abc") == hashlib.sha256(b"abc").hexdigest()
        assert await c.call("debug:echo", {"a": b"\xff"}, priority="high") == {"a": b"\xff"}
        assert await c.call(tasks.hash("a", "md5")) == hashlib.md5(b"a").hexdigest()
        assert await c.ping() == "pong" and (await c.stats())["workers"] == 2
        with pytest.raises(moro.InvalidArgument) as e:
            await c.hash(5)
        assert e.value.field == "input"
        with pytest.raises(moro.InvalidOption, match="timout"):
            await c.hash("abc", timout=5)
        with pytest.raises(moro.Timeout) as e:
            await c.call("debug:sleep", {"ms": 20_000}, timeout=0.02)
        assert e.value.limit == 20
        with pytest.raises(moro.TooLarge):
            await c.call("debug:echo", b"x" * c.limits["maxFrame"])
        await c.notify("debug:echo")
        assert await c.batch("debug:echo", [1, 2, 3]) == [1, 2, 3]
        assert isinstance((await c.batch("crypto:hash", [{}], return_exceptions=True))[0], moro.InvalidArgument)
        assert await c.shutdown() is True

    session(play, morod)


def test_many_at_once(morod):
    async def play(c, d):
        calls = [c.call("debug:echo", i, on_full="wait") for i in range(2000)]
        assert await asyncio.gather(*calls) == list(range(2000))

    session(play, morod)


def test_large_both_ways(morod):
    """More than sockets hold: submit() waits for room, and answers are read meanwhile."""
    async def play(c, d):
        blob = os.urandom(1 << 20)
        sent = []
        for _ in range(32):
            sent.append(await c.submit("debug:echo", blob))
            assert c._outbox.size <= 4 << 20
        assert all([await task == blob for task in sent])

    session(play, morod)


def test_to_cancel_the_asyncio_task_cancels_both(morod):
    async def play(c, d):
        for wait in (
            lambda: c.call("debug:sleep", {"ms": 20_000}),
            lambda: asyncio.wait_for(c.call("debug:sleep", {"ms": 20_000}), 0.05),
        ):
            before = (await c.stats())["cancelled"]
            waiting = asyncio.ensure_future(wait())
            await stats_are(c, activeTasks=1)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await stats_are(c, activeTasks=0, cancelled=before + 1)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(c.call("debug:sleep", {"ms": 20_000}), 0.05)
        await stats_are(c, activeTasks=0, cancelled=3)

    session(play, morod)


def test_task(morod):
    async def play(c, d):
        task = await c.submit("debug:sleep", {"ms": 20_000})
        told = []
        task.add_done_callback(told.append)
        assert not task.done() and "waiting" in repr(task)
        with pytest.raises(moro.WaitTimeout):
            await task.result(0.01)
        await stats_are(c, activeTasks=1)
        assert await task.cancel() is True
        with pytest.raises(moro.Cancelled):
            await task
        assert task.done() and task.cancelled() and await task.cancel() is False and told == [task]
        assert isinstance(await task.exception(), moro.Cancelled)
        both = await c.submit("debug:echo", 1)
        assert await asyncio.gather(both, both) == [1, 1] and await both.exception() is None
        named = await c.submit("debug:sleep", {"ms": 20_000}, id="mine")
        assert await c.cancel(id="mine") in ("queued", "running")
        assert isinstance(await named.exception(), moro.Cancelled)
        await (await c.submit("x:y")).exception()
        await c.submit("x:y")  # whose error nobody asks for
        await c.ping()

    session(play, morod)


def test_timeout_of_the_client_cancels(morod):
    async def play(c, d):
        with pytest.raises(moro.WaitTimeout):
            await c.call("debug:sleep", {"ms": 20_000})
        c.timeout = None
        await stats_are(c, cancelled=1, activeTasks=0)

    session(play, morod, client={"timeout": 0.1})


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_progress_by_callback(morod, kind):
    async def play(c, d):
        reports = []

        async def slowly(report):
            while not task.done():  # slower than the task: its answer is there before
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            reports.append(report)

        callback = reports.append if kind == "function" else slowly
        task = await c.submit("debug:work", {"steps": 30, "ms": 300}, progress=callback)
        await task
        assert reports and reports[-1].total == 30 and reports[-1] == task.last_progress
        assert [r.done for r in reports] == sorted(r.done for r in reports)

    session(play, morod)


def test_progress_by_iteration(morod):
    async def play(c, d):
        task = await c.submit("debug:work", {"steps": 30, "ms": 300}, progress=True)
        reports = [report async for report in task.progress()]
        assert reports and task.done() and task.last_progress == reports[-1]
        assert (await task)["steps"] == 30
        assert [report async for report in task.progress()] == []

    session(play, morod)


def test_subscribe(morod):
    async def play(c, d):
        news = asyncio.Queue()
        await c.subscribe(news.put_nowait)
        await c.pause()
        sent = [await c.submit("debug:echo", i) for i in range(10)]
        assert (await news.get())["state"] == "high"
        await c.resume()
        assert await asyncio.gather(*sent) == list(range(10))
        assert (await news.get())["state"] == "low"
        await c.unsubscribe()

    session(play, morod, workers=1, max_queue_size=10)


def test_files(morod, tmp_path):
    async def play(c, d):
        data = os.urandom(100_000)
        with open(tmp_path / "in", "wb+") as f, open(tmp_path / "out", "wb+") as out:
            f.write(data)
            assert await c.hash_file(f) == hashlib.sha256(data).hexdigest()
            where = await c.compress_file(f, out)
            assert where.length == os.fstat(out.fileno()).st_size
            assert await c.decompress(moro.File(out)) == data

    session(play, morod)


def test_lost(morod):
    async def play(c, d):
        sent = [await c.submit("debug:sleep", {"ms": 20_000}) for _ in range(3)]
        await stats_are(c, activeTasks=2)
        d.kill_group()
        for task in sent:
            with pytest.raises(moro.ConnectionLost):
                await task
        with pytest.raises(moro.ConnectionLost):
            await c.ping()
        assert not c.connected

    session(play, morod)


def test_connects_anew(morod):
    async def body():
        with morod() as d:
            path = d.socket
            c = moro.AsyncClient(path)
            with pytest.raises(moro.Closed):
                await c.ping()
            await c.connect()
            again = moro.AsyncClient(path, reconnect=True)
            await again.connect()
            d.stop()
            for one in (c, again):
                with pytest.raises(ConnectionError):
                    while True:
                        await one.ping()
            with morod(path=path):
                with pytest.raises(moro.ConnectionLost):
                    await c.ping()
                await c.connect()
                assert await asyncio.gather(c.ping(), *(again.ping() for _ in range(5))) == ["pong"] * 6
                await c.close()
                await again.close()
                with pytest.raises(moro.Closed):
                    await again.ping()

    asyncio.run(body())


def test_close_tells_those_who_wait(morod):
    async def play(c, d):
        task = await c.submit("debug:sleep", {"ms": 20_000})
        waiting = asyncio.ensure_future(task.exception())
        await stats_are(c, activeTasks=1)
        await c.close()
        assert isinstance(await waiting, moro.Closed)

    session(play, morod)


def test_no_server(tmp_path):
    async def body():
        with pytest.raises(moro.NoServer, match="nothing.sock"):
            async with moro.AsyncClient(str(tmp_path / "nothing.sock")):
                pass

    asyncio.run(body())


def test_fork(morod):
    """In a child the client is closed, and says why."""
    async def play(c, d):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                c._ready().send(None)
            except moro.Forked:
                os.write(writer, b"forked")
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            assert pipe.read() == b"forked"
        os.waitpid(pid, 0)
        assert await c.ping() == "pong"

    session(play, morod)


def test_asyncio_is_loaded_by_those_who_use_it():
    code = "import sys, moro; assert 'asyncio' not in sys.modules; moro.AsyncClient; assert 'asyncio' in sys.modules"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "client" / "python")}
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=DEADLINE)
