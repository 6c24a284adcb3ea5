"""The ASGI words this package uses.

hypercorn spells every message out as a TypedDict. An application of ours is called with plain
dictionaries, so these are what its author sees; `_tasks` is the one place where the two meet.

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
