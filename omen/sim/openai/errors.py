"""OpenAI's errors: the body they share, and what each status says.

**Source.** https://platform.openai.com/docs/guides/error-codes, read 2026-11-22.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from omen.sim.http import HttpReply, Refused, json_reply

_FAILURES: Mapping[int, tuple[str, str, str | None]] = {
    400: ("The request could not be understood.", "invalid_request_error", None),
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: ("This project may not use that model.", "invalid_request_error", None),
    404: ("That model does not exist.", "invalid_request_error", "model_not_found"),
    429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    503: ("The engine is overloaded. Slow down.", "server_error", None),
}
ANY_FAILURE = ("The server had an error while processing your request.", "server_error", None)
_NO_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details.",
    "insufficient_quota",
    "insufficient_quota",
)


def error_body(
    message: str, kind: str, code: str | None, param: str | None = None
) -> dict[str, Any]:
    """Return the error object of all of OpenAI's API."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def refusal(refused: Refused, number: int) -> HttpReply:
    """Write what is wrong with a request."""
    error = error_body(refused.message, "invalid_request_error", refused.code, refused.param)
    return json_reply(refused.status, error, *response_headers(number))


def failure(status: int, number: int, retry_after: float, cause: str) -> HttpReply:
    """Write a status that is none of the request's doing. A quota comes back with no wait."""
    error = _FAILURES.get(status, ANY_FAILURE)
    waits = status in (429, 503)
    if status == 429 and cause == "quota":
        error, waits = _NO_QUOTA, False
    message, kind, code = error
    headers = (*response_headers(number), *(retry_headers(retry_after) if waits else ()))
    return json_reply(status, error_body(message, kind, code), *headers)


def retry_headers(retry_after: float) -> tuple[tuple[str, str], ...]:
    """Return the two headers that say when to come back."""
    return (
        ("retry-after", str(math.ceil(retry_after))),
        ("retry-after-ms", str(math.ceil(retry_after * 1000))),
    )


def response_headers(number: int) -> tuple[tuple[str, str], ...]:
    """Return the headers of every response."""
    return (("x-request-id", f"req_sim{number:08d}"), ("openai-version", "2020-10-01"))
