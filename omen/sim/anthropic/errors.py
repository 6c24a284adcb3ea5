"""Anthropic's errors: the body they share, and what each status says.

**Source.** https://docs.anthropic.com/en/api/errors, read 2026-11-22.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from omen.sim.http import HttpReply, Refused, json_reply

_INVALID = "invalid_request_error"
FAILURES: Mapping[int, tuple[str, str]] = {
    400: (_INVALID, "The request could not be understood."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "There is a problem with the billing of this account."),
    403: ("permission_error", "This key may not use that resource."),
    404: ("not_found_error", "Not found"),
    409: ("conflict_error", "The resource is in use."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
_ANY_FAILURE = ("api_error", "Internal server error")
_SPENT = "This request would exceed your organization's monthly spend limit."


def error_body(kind: str, message: str, number: int) -> dict[str, Any]:
    """Return the body of an error, in a response or in a stream."""
    error = {"type": kind, "message": message}
    return {"type": "error", "error": error, "request_id": request_id(number)[1]}


def request_id(number: int) -> tuple[str, str]:
    """Return the header that every response has."""
    return ("request-id", f"req_sim{number:08d}")


def refusal(refused: Refused, number: int) -> HttpReply:
    """Write what is wrong with a request."""
    kind = _INVALID if refused.status == 400 else FAILURES[refused.status][0]
    error = error_body(kind, refused.message, number)
    return json_reply(refused.status, error, request_id(number))


def failure(status: int, number: int, retry_after: float, cause: str) -> HttpReply:
    """Write a status that is none of the request's doing. Money spent comes with no wait."""
    kind, message = FAILURES.get(status, _ANY_FAILURE)
    headers = [request_id(number)]
    if status == 429 and cause == "quota":
        message = _SPENT
    elif status == 429:
        headers.append(("retry-after", str(math.ceil(retry_after))))
    return json_reply(status, error_body(kind, message, number), *headers)
