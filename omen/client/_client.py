"""The operations of a client: races, chats, and the gateway's JSON routes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import trio

from omen.client._dial import check_authorities
from omen.client._errors import UNREADABLE, AnswerFailed, ConnectFailed
from omen.client._link import Link
from omen.client._stream import Stream

WINDOW = 64
"""Chunks of a stream that may arrive before they are read."""
END_SECONDS = 2.0
"""How long leaving a stream may wait until its last frame is written: the socket may be full. After
that the frame is written later."""

_KEY = re.compile(r"[!-~]+")

Messages = str | Sequence[Mapping[str, Any]]


class Client:
    """A gateway, for as long as the block of `connect` lasts."""

    def __init__(self, http: httpx.AsyncClient, link: Link) -> None:
        self._http = http
        self._link = link

    def __repr__(self) -> str:
        return f"<Client {self._http.base_url} {self._link!r}>"

    @asynccontextmanager
    async def race(
        self,
        messages: Messages,
        *,
        model: str = "auto",
        k: int | None = None,
        strategy: str = "race",
        explain: bool = False,
        progress: bool = False,
        omen: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> AsyncIterator[Stream]:
        """Start a race and yield its stream. Leaving the block cancels the race if it still runs.

        `messages` is the list of a chat, or the user's text. `omen` has further hints, and `fields`
        has further fields of the chat request (`temperature`, `tools`). With `explain` the stream
        contains events about the attempts, with `progress` also about each of their steps.

        **Raises.** `ConnectFailed`, `ConnectionLost`.
        """
        hints = {
            "strategy": strategy,
            "k": k,
            "explain": explain or progress or None,
            **(omen or {}),
        }
        body = {
            "model": model,
            "messages": _messages(messages),
            "stream_options": {"include_usage": True},
            "omen": {name: value for name, value in hints.items() if value is not None},
            **fields,
        }
        stream = await self._link.begin(body, progress=progress)
        try:
            yield stream
        finally:
            # Shielded, so that a cancelled caller still cancels its race, which costs money.
            with trio.CancelScope(shield=True, deadline=trio.current_time() + END_SECONDS):
                await self._link.end(stream)

    async def models(self) -> list[dict[str, Any]]:
        """Return the available models. **Raises.** `AnswerFailed`, `ConnectFailed`."""
        body = await self.get("/v1/models")
        models = body.get("data") if isinstance(body, dict) else None
        if not isinstance(models, list):
            raise AnswerFailed(UNREADABLE)
        return models

    async def get(self, path: str, **params: Any) -> Any:
        """Return the body of a JSON route. **Raises.** `AnswerFailed`, `ConnectFailed`."""
        try:
            response = await self._http.get(path, params=params)
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise ConnectFailed(f"cannot connect: {failure or type(failure).__name__}") from failure
        try:
            body = response.json()
        except ValueError:
            if response.is_success:
                raise AnswerFailed(UNREADABLE, response.status_code) from None
            body = {}
        if response.is_error:
            error = body.get("error") if isinstance(body, dict) else None
            raise AnswerFailed(error if isinstance(error, dict) else {}, response.status_code)
        return body


@asynccontextmanager
async def connect(
    url: str, key: str | None = None, *, window: int = WINDOW
) -> AsyncIterator[Client]:
    """Connect to the gateway at `url` (`http://` or `https://`), with a key if it needs one.

    `window` is the number of chunks of a stream that may arrive before they are read.

    **Raises.** `ConnectFailed`, at once if the server cannot be reached, is not a gateway, has a
    certificate that is not trusted, or refuses the key.
    **Cancellation.** Every stream is cancelled, and the connection is closed.
    """
    base = _base(url)
    check_authorities()
    if key is not None and not _KEY.fullmatch(key):
        raise ConnectFailed("the key has a space, a line end or another character not in any key")
    credentials = {} if key is None else {"authorization": f"Bearer {key}"}
    headers = [(name.encode(), value.encode()) for name, value in credentials.items()]
    link = Link(f"{base}/omen/ws", headers, window)
    failed: Exception | None = None
    client = httpx.AsyncClient(base_url=base, headers=credentials)
    async with client as http, trio.open_nursery() as nursery:
        nursery.start_soon(link.run)
        try:
            await link.connected()
            yield Client(http, link)
        except Exception as failure:  # noqa: BLE001  the caller's exception; raised again below
            failed = failure
        nursery.cancel_scope.cancel()
    if failed is not None:
        # Outside the nursery, which would wrap it in an exception group.
        raise failed


_NO_URL = "the URL of a gateway is http://HOST:PORT or https://HOST:PORT, with http:// in front"


def _base(url: str) -> str:
    """Return the base URL. It is checked here, so that a mistake has a clear error."""
    try:
        parts = urlsplit(url)
        usable = parts.hostname and parts.port != 0 and url.isprintable()
    except ValueError:
        usable = False
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme) if usable else ""
    if scheme not in ("http", "https"):
        raise ConnectFailed(_NO_URL)
    # SDKs want the URL with /v1, so that is what many have at hand.
    return parts._replace(scheme=scheme).geturl().rstrip("/").removesuffix("/v1")


def _messages(messages: Messages) -> list[Mapping[str, Any]]:
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    return list(messages)
