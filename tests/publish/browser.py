"""Pages as a browser without a network draws them, driven by Chromium's own protocol: no page is read before it is
done.

A visit ends when MathJax and every plotly figure have drawn, however slow the machine is; nothing waits for a clock.
"""

import asyncio
import itertools
import json
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tornado.websocket import websocket_connect

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False}
PATIENCE = 240  # seconds for one answer of the browser on a busy machine
PROBE = (Path(__file__).parent / "probe.js").read_text()
DRAWN = """(async function () {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  const plots = () => [...document.querySelectorAll(".unitscope-plot > div:first-child")];
  const waiting = () => plots().some(plot => !plot.querySelector(".main-svg"));
  while (waiting() && window.Plotly) await new Promise(done => setTimeout(done, 50));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
})()"""


@dataclass(frozen=True)
class Page:
    """A page as it was drawn on a window as narrow as a phone."""

    html: str
    errors: list[str]
    trips: list[str]

    def count(self, pattern: str) -> int:
        """How often a regular expression is found in what was drawn."""
        return len(re.findall(pattern, self.html))


class Browser:
    """A running Chromium that knows no host but its own."""

    def __init__(self, chromium: str, folder: Path):
        flags = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-sync"
        command = [
            chromium,
            *(f"--{flag}" for flag in flags.split()),
            "--disable-component-update",
            "--remote-debugging-port=0",
        ]
        command += [f"--user-data-dir={folder}", "--host-resolver-rules=MAP * ~NOTFOUND", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        told, deadline = folder / "DevToolsActivePort", time.monotonic() + PATIENCE
        while not (told.is_file() and len(told.read_text().split()) == 2):
            assert self.process.poll() is None and time.monotonic() < deadline, "Chromium does not start"
            time.sleep(0.05)
        port, path = told.read_text().split()
        self.address = f"ws://127.0.0.1:{port}{path}"

    def close(self) -> None:
        """End the browser."""
        self.process.terminate()
        self.process.wait(PATIENCE)

    def read(self, path: Path, script: str = "") -> Page:
        """Draw a page, run a script in it, and look at it."""
        return asyncio.run(self._read(path, script))

    async def _read(self, path: Path, script: str) -> Page:
        tab = Tab(await websocket_connect(self.address, max_message_size=1 << 30))
        target = (await tab.ask("Target.createTarget", url="about:blank"))["targetId"]
        tab.session = (await tab.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await tab.ask(f"{domain}.enable")
        await tab.ask("Emulation.setDeviceMetricsOverride", **PHONE)
        await tab.ask("Page.navigate", url=path.resolve().as_uri())
        await tab.until("Page.loadEventFired")
        await tab.run(DRAWN)
        if script:
            await tab.run(script)
        html = await tab.run("document.documentElement.outerHTML")
        trips = json.loads(await tab.run(PROBE))
        await tab.ask("Target.closeTarget", targetId=target)
        tab.socket.close()
        return Page(html, tab.errors, trips)


class Tab:
    """One page's end of the protocol: questions, answers, and the errors that come between them."""

    def __init__(self, socket):
        self.socket, self.session, self.errors, self.seen = socket, None, [], set()
        self.numbers = itertools.count(1)

    async def ask(self, method: str, **parameters):
        """Send one command and wait for its answer."""
        number = next(self.numbers)
        where = {"sessionId": self.session} if self.session else {}
        await self.socket.write_message(json.dumps({"id": number, "method": method, "params": parameters, **where}))
        while True:
            message = await self.next()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    async def run(self, script: str):
        """The value of a script, awaited."""
        answer = await self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, event: str) -> None:
        """Wait for an event, if it has not been seen."""
        while event not in self.seen:
            await self.next()

    async def next(self) -> dict:
        """The next message; what the page's console calls an error is kept."""
        message = json.loads(await asyncio.wait_for(self.socket.read_message(), PATIENCE))
        about = message.get("params", {})
        self.seen.add(message.get("method"))
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(about["exceptionDetails"].get("exception", {}).get("description")))
        if message.get("method") == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")
        if message.get("method") == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.errors.append(" ".join(str(value.get("value", value.get("description"))) for value in about["args"]))
        return message
