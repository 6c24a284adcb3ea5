"""The ASGI types of this package.

hypercorn declares every message as a TypedDict. An application of ours is called with plain
dictionaries, so its author uses these types. Only `_tasks` converts between the two.

**Source.** asgi.readthedocs.io, specification 3.0, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
