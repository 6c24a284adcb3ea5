"""The errors of the client.

ClientError
├── ConnectFailed     no connection could be opened; the text has the reason
├── ConnectionLost    the connection ended; its requests may have taken effect or not
└── AnswerFailed      the gateway answered with an error
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

UNREADABLE: Mapping[str, Any] = MappingProxyType(
    {"message": "the gateway's answer cannot be read", "code": "unreadable_answer"}
)
"""The error of an `AnswerFailed` whose answer perhaps does not come from a gateway."""


class ClientError(Exception):
    """The base of all errors of this client."""


class ConnectFailed(ClientError):
    """No connection could be opened. `status` is the handshake's, if there was an answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ConnectionLost(ClientError):
    """The connection ended during a request. `code` is that of its close frame, if there was one.

    The gateway has cancelled the requests. The client does not repeat them: that could cost twice.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class AnswerFailed(ClientError):
    """The gateway answered with an error, in OpenAI's form.

    `status` is the equivalent HTTP status. `retry_after` is the time in seconds after which a retry
    may succeed.
    """

    def __init__(self, error: Mapping[str, Any], status: int | None = None) -> None:
        super().__init__(str(error.get("message") or "no reason given"))
        self.type: str | None = error.get("type")
        self.code: str | None = error.get("code")
        self.param: str | None = error.get("param")
        self.status: int | None = error.get("status", status)
        self.retry_after: float | None = error.get("retry_after")
