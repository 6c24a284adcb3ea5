"""What can go wrong for a client.

ClientError
├── ConnectFailed     there is no connection to be had, and why
├── ConnectionLost    there was one; what was asked over it may have been done or not
└── AnswerFailed      the gateway answered, with an error
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

UNREADABLE: Mapping[str, Any] = MappingProxyType(
    {"message": "the gateway's answer cannot be read", "code": "unreadable_answer"}
)
"""What is raised, as an `AnswerFailed`, over an answer of what is perhaps no gateway."""


class ClientError(Exception):
    """Anything this client raises."""


class ConnectFailed(ClientError):
    """No connection could be had. `status` is the handshake's, where there was an answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ConnectionLost(ClientError):
    """The connection ended while something was asked. `code` is that of its close, if it had one.

    The gateway has cancelled what ran. It is not asked again of itself: that could cost twice.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class AnswerFailed(ClientError):
    """The gateway says what went wrong, in OpenAI's words.

    `status` is the HTTP status it stands for, `retry_after` seconds until it may help to try again.
    """

    def __init__(self, error: Mapping[str, Any], status: int | None = None) -> None:
        super().__init__(str(error.get("message") or "no reason given"))
        self.type: str | None = error.get("type")
        self.code: str | None = error.get("code")
        self.param: str | None = error.get("param")
        self.status: int | None = error.get("status", status)
        self.retry_after: float | None = error.get("retry_after")
