"""A headless Chromium with one tab, driven over the DevTools protocol.

Nothing here waits for a time: a caller waits for an event of the protocol, or for an expression in
the page to become true.

**Source.** chromedevtools.github.io/devtools-protocol, read 2026-12-01.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from tests.e2e.browser import CHROMIUM

PATIENCE_SECONDS = 60
"""After this an expression will not become true."""
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--remote-debugging-port=0",
)
_LARGEST = 64 * 1024 * 1024
_UNTIL = """
new Promise((resolve) => {
  const ends = performance.now() + %d000;
  const look = () => {
    let found = null;
    try { found = %s; } catch (error) { found = null; }
    if (found || performance.now() > ends) resolve(found instanceof Node || found);
    else setTimeout(look, 25);
  };
  look();
})
"""
_LEFT = ("Inspected target navigated or closed", "Cannot find default execution context")


class PageLeftError(Exception):
    """The page went away while it computed something."""


@dataclass
class Tab:
    """The tab. What its page logged and requested since the beginning is kept."""

    socket: WebSocketConnection
    session: str = ""
    logged: list[str] = field(default_factory=list)
    """Errors and warnings: of the console, uncaught exceptions, violations of a policy."""
    requested: list[str] = field(default_factory=list)
    """The URLs of every request."""
    _ids: count[int] = field(default_factory=lambda: count(1))
    _replies: dict[int, dict[str, Any]] = field(default_factory=dict)
    _heard: trio.Condition = field(default_factory=trio.Condition)
    _loads: int = 0

    async def listen(self) -> None:
        """Take in messages until the browser closes the connection."""
        try:
            while True:
                message = json.loads(await self.socket.get_message())
                self._take(message)
                async with self._heard:
                    self._heard.notify_all()
        except ConnectionClosed:
            return

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the result of a command."""
        number = next(self._ids)
        command = {"id": number, "method": method, "params": params}
        if self.session:
            command["sessionId"] = self.session
        await self.socket.send_message(json.dumps(command))
        async with self._heard:
            while number not in self._replies:
                await self._heard.wait()
        reply = self._replies.pop(number)
        if "error" in reply:
            is_left = reply["error"]["message"] in _LEFT
            raise (PageLeftError if is_left else AssertionError)(method, reply["error"])
        return dict(reply["result"])

    async def goto(self, url: str) -> None:
        """Open a page and wait until it has loaded."""
        loads = self._loads
        await self.call("Page.navigate", url=url)
        async with self._heard:
            while self._loads == loads:
                await self._heard.wait()

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, awaited if it is a promise."""
        reply = await self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    async def until(self, expression: str, seconds: int = PATIENCE_SECONDS) -> Any:
        """Return the value of an expression as soon as it is true."""
        found = None
        while found is None:
            with suppress(PageLeftError):  # the page has loaded anew meanwhile
                found = await self.evaluate(_UNTIL % (seconds, f"({expression})")) or False
        if not found:
            text = await self.evaluate("document.body.innerText")
            raise AssertionError(f"never true: {expression}\n{text}\n{self.logged}")
        return found

    async def is_frame_refused(self) -> bool:
        """Return whether the browser shows an error in place of the only frame of the page."""
        tree = (await self.call("Page.getFrameTree"))["frameTree"]
        (child,) = tree["childFrames"]
        return "unreachableUrl" in child["frame"]

    async def resize(self, width: int, height: int) -> None:
        """Give the page a width and height, in CSS pixels."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def prefer(self, scheme: str) -> None:
        """Let the system prefer `light` or `dark`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key."""
        more: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code}
        if text:
            more["text"] = text
        await self.call("Input.dispatchKeyEvent", type="keyDown", **more)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def screenshot(self) -> bytes:
        """Return the whole page as PNG."""
        taken = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(taken["data"])

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._replies[message["id"]] = message
            return
        params = message.get("params", {})
        match message["method"]:
            case "Page.loadEventFired":
                self._loads += 1
            case "Network.requestWillBeSent":
                self.requested.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.logged.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.logged.append(str(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.logged.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")


@asynccontextmanager
async def open_tab(folder: Path) -> AsyncIterator[Tab]:
    """Yield a tab of a browser that lives as long as the block. `folder` gets its profile."""
    command = [str(CHROMIUM), *_FLAGS, f"--user-data-dir={folder}", "about:blank"]
    environment = {**os.environ, "HOME": str(folder)}
    process = await trio.lowlevel.open_process(
        command, stdout=-3, stderr=-1, env=environment
    )  # -3: DEVNULL, -1: PIPE
    try:
        address = await _address(process)
        async with open_websocket_url(address, max_message_size=_LARGEST) as socket:
            async with trio.open_nursery() as nursery:
                tab = Tab(socket)
                nursery.start_soon(tab.listen)
                nursery.start_soon(_drain, process)
                await _attach(tab)
                yield tab
                nursery.cancel_scope.cancel()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def _address(process: trio.Process) -> str:
    """Return the address at which the browser listens; it writes it to standard error."""
    assert process.stderr is not None
    said = b""
    while (found := re.search(rb"DevTools listening on (ws://\S+)\s", said)) is None:
        piece = await process.stderr.receive_some()
        assert piece, f"the browser has ended: {said!r}"
        said += piece
    return found[1].decode()


async def _drain(process: trio.Process) -> None:
    """Read what the browser goes on to write, so that it never waits for a reader."""
    assert process.stderr is not None
    while await process.stderr.receive_some():
        pass


async def _attach(tab: Tab) -> None:
    targets = (await tab.call("Target.getTargets"))["targetInfos"]
    target = next(one["targetId"] for one in targets if one["type"] == "page")
    attached = await tab.call("Target.attachToTarget", targetId=target, flatten=True)
    tab.session = attached["sessionId"]
    for domain in ("Page", "Runtime", "Log", "Network"):
        await tab.call(f"{domain}.enable")
