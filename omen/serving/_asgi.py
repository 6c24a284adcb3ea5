"""The ASGI types of this package.

hypercorn declares every message as a TypedDict. An application of ours is called with plain
dictionaries, so its author uses these types. Only `_tasks` converts between the two.

**Source.** asgi.readthedocs.io, specification 3.0, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

ON_DISCONNECT = "omen.on_disconnect"
"""An ASGI extension of ours, over HTTP/1.1: `scope["extensions"][ON_DISCONNECT](callback)`.

`callback(complete)` is called at the moment of `http.disconnect`, by the task that notices it:
with True after a complete response, else because the client has left. It must neither wait nor
raise. A handler that only has to cancel itself needs no second task for that, which costs a sixth
of a request's CPU in this package. It is not called once the handler has ended.
"""

Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
