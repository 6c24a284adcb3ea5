"""xAI's errors: `error` is a string, and a wrong key is a 400.

**Source.** https://docs.x.ai/docs/key-information/debugging and public recordings, read
2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping

from omen.sim.http import HttpReply, Refused, json_reply

_INVALID = "invalid-argument"
_FAILURES: Mapping[int, tuple[str, str]] = {
    400: (_INVALID, "The request is invalid."),
    401: ("unauthenticated", "No authorization header or an invalid token is provided."),
    403: (
        "permission-denied",
        "Your API key or team does not have permission to perform the action.",
    ),
    404: ("not-found", "The model does not exist or your team does not have access to it."),
    503: ("unavailable", "The service is temporarily at capacity. Please retry shortly."),
}
_ANY_FAILURE = ("internal", "The service encountered an error. Please retry.")
_EXHAUSTED = "Some resource has been exhausted"
_WHAT_IS_EXHAUSTED: Mapping[str, str] = {
    "": "Rate limit exceeded",
    "quota": "Your team has either used all available credits or reached its monthly spending "
    "limit.",
    "capacity": "The service is temporarily at capacity. Please try again later.",
}
"""One code for all of them: only the text tells what a 429 means."""
_CODES: Mapping[int, str] = {400: _INVALID, 404: "not-found", 405: "method-not-allowed"}


def wrong_key() -> Refused:
    """Say that the key is not known."""
    return Refused(
        "Incorrect API key provided. You can obtain an API key from https://console.x.ai."
    )


def no_model(model: str) -> Refused:
    """Say that there is no such model."""
    team = "00000000-0000-4000-8000-000000000000"
    message = f"The model {model} does not exist or your team {team} does not have access to it."
    return Refused(message, status=404)


def unsupported(model: str, parameter: str) -> Refused:
    """Say that a model does not take a parameter, which is named as in their own API."""
    return Refused(f"Model {model} does not support parameter {parameter}.")


def refusal(refused: Refused, number: int) -> HttpReply:
    """Write what is wrong with a request."""
    return _reply(refused.status, _CODES.get(refused.status, _INVALID), refused.message, number)


def failure(status: int, number: int, retry_after: float, cause: str) -> HttpReply:
    """Write a status that is none of the request's doing. No header says when to come back."""
    code, text = _FAILURES.get(status, _ANY_FAILURE)
    if status == 429:
        code, text = _EXHAUSTED, _WHAT_IS_EXHAUSTED[cause]
    return _reply(status, code, text, number)


def error_in_200() -> HttpReply:
    """Write the error that takes the place of a stream, its status notwithstanding."""
    text = "The model is at capacity and currently cannot serve this request. Try again later."
    return json_reply(200, {"code": "The service is currently unavailable", "error": text})


def broken() -> dict[str, str]:
    """Return the error of a model that broke in the middle."""
    code, text = _ANY_FAILURE
    return {"code": code, "error": text}


def response_headers(number: int) -> tuple[tuple[str, str], ...]:
    """Return the headers of every response."""
    return (("x-request-id", f"00000000-0000-4000-a000-{number:012d}"),)


def _reply(status: int, code: str, text: str, number: int) -> HttpReply:
    return json_reply(status, {"code": code, "error": text}, *response_headers(number))
