"""The same of moro.AsyncClient."""

import asyncio
import json
import sys

from client_python import error_of, options, report_of, tag, untag

import moro


class Driver:
    def __init__(self):
        self.client = moro.AsyncClient()
        self.tasks = {}
        self.news = asyncio.Queue()

    async def do_connect(self, _):
        await self.client.connect()
        return {"ok": True}

    async def started(self, given):
        ours = options(given.get("options", {}))
        reports = []
        if ours.get("progress"):
            ours["progress"] = lambda report: reports.append(report_of(report))
        return await self.client.submit(given["type"], untag(given["data"]), **ours), reports

    async def do_call(self, given):
        task, _ = await self.started(given)
        return {"result": tag(await task)}

    async def do_submit(self, given):
        self.tasks[given["as"]] = await self.started(given)
        return {"ok": True}

    async def do_wait(self, given):
        task, reports = self.tasks[given["as"]]
        return {"result": tag(await task), "progress": reports}

    async def do_cancel(self, given):
        await self.tasks[given["as"]][0].cancel()
        return {"ok": True}

    async def do_notify(self, given):
        await self.client.notify(given["type"], untag(given["data"]))
        return {"ok": True}

    async def do_request(self, given):
        return {"result": tag(await self.client.request(given["method"], *given["params"]))}

    async def do_subscribe(self, _):
        return {"result": await self.client.subscribe(self.news.put_nowait)}

    async def do_news(self, _):
        return {"news": [await self.news.get()]}

    async def do_close(self, _):
        await self.client.close()
        return {"ok": True}


async def main():
    driver = Driver()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        given = json.loads(line)
        try:
            outcome = await getattr(driver, f"do_{given['do']}")(given)
        except moro.Error as e:
            outcome = {"error": error_of(e)}
        print(json.dumps(outcome), flush=True)


asyncio.run(main())
