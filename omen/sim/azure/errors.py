"""Azure OpenAI's errors.

**Source.** https://learn.microsoft.com/azure/ai-foundry/openai/reference and public reports of
error bodies, read 2026-11-22.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from omen.sim.http import HttpReply, Refused, json_reply

_RATE = (
    "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 "
    "have exceeded {what} of your current OpenAI S0 pricing tier. "
    "Please retry after {seconds} seconds."
)
_FAILURES: Mapping[int, tuple[str, str]] = {
    401: (
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
        "provide a valid key for an active subscription.",
    ),
    403: ("403", "Public access is disabled. Please configure private endpoint."),
    404: ("404", "Resource not found"),
    408: ("Timeout", "The operation was timeout."),
    503: ("ServiceUnavailable", "The service is temporarily unable to process your request."),
}
_ANY_FAILURE = (
    "InternalServerError",
    "The server had an error while processing your request. Sorry about that!",
)


def no_deployment() -> Refused:
    """Say that the resource has no such deployment."""
    message = (
        "The API deployment for this resource does not exist. If you created the deployment "
        "within the last 5 minutes, please wait a moment and try again."
    )
    return Refused(message, status=404, code="DeploymentNotFound")


def not_found() -> Refused:
    """Say that the path or the api-version is wrong."""
    return Refused("Resource not found", status=404, code="404")


def refusal(refused: Refused, number: int) -> HttpReply:
    """Write what is wrong with a request: as OpenAI does, but for what Azure itself found."""
    if refused.status == 404:
        error: dict[str, Any] = {"code": refused.code or "404", "message": refused.message}
    else:
        error = {
            "message": refused.message,
            "type": "invalid_request_error",
            "param": refused.param,
            "code": refused.code,
        }
    return json_reply(refused.status, {"error": error}, *response_headers(number))


def failure(status: int, number: int, retry_after: float, cause: str) -> HttpReply:
    """Write a status that is none of the request's doing."""
    code, message = _FAILURES.get(status, _ANY_FAILURE)
    headers = list(response_headers(number))
    if status == 429:
        what = "quota" if cause == "quota" else "token rate limit"
        seconds = math.ceil(retry_after)
        code, message = "429", _RATE.format(what=what, seconds=seconds)
        headers += [
            ("retry-after", str(seconds)),
            ("retry-after-ms", str(math.ceil(retry_after * 1000))),
            ("x-ratelimit-reset-requests", str(seconds)),
        ]
    return json_reply(status, error_object(code, message), *headers)


def error_object(code: str, message: str) -> dict[str, Any]:
    """Return an error that Azure itself found: there is no type and no param in it."""
    return {"error": {"code": code, "message": message}}


def broken() -> dict[str, Any]:
    """Return the error of a model that broke in the middle."""
    return error_object(*_FAILURES[503])


def response_headers(number: int) -> tuple[tuple[str, str], ...]:
    """Return the headers of every response."""
    return (
        ("apim-request-id", f"00000000-0000-4000-8000-{number:012d}"),
        ("x-request-id", f"00000000-0000-4000-9000-{number:012d}"),
        ("x-ms-region", "Sweden Central"),
    )
