"""The prepared refusals of an overloaded gateway, one in each dialect."""

from __future__ import annotations

from pydantic_core import to_json

from omen.admission import OverloadedError
from omen.front.anthropic.api import Messages
from omen.front.grpc import trailers
from omen.front.http.admitted import Refusals
from omen.front.http.post_route import Errors
from omen.front.http.race_report import error_headers
from omen.front.ollama import OllamaErrors
from omen.front.openai.api import OpenAIErrors
from omen.serving import Refusal

_REQUEST_ID = "overloaded"
"""A prepared answer is the same for everybody, so it cannot name its request."""
_JSON = (b"content-type", b"application/json")
_PUSHBACK = b"grpc-retry-pushback-ms"


def prepare_refusals() -> Refusals:
    """Return the refusals in the dialects of all doors.

    **Source.** gRFC A6, "Pushback", read 2026-11-30.
    """
    error = OverloadedError()
    messages = _written(Messages(), error)
    prefixes = dict.fromkeys((b"/v1/messages", b"/messages", b"/v1/v1/messages"), messages)
    return Refusals(
        {**prefixes, b"/api/": _written(OllamaErrors(), error)},
        default=_written(OpenAIErrors(), error),
        grpc=_in_grpc(error),
    )


def _written(errors: Errors, error: OverloadedError) -> Refusal:
    body = to_json(errors.error_body(error, _REQUEST_ID))
    length = (b"content-length", b"%d" % len(body))
    return Refusal(errors.status(error), (_JSON, length, *error_headers(error)), body)


def _in_grpc(error: OverloadedError) -> Refusal:
    """Return a response without a body: its headers are the trailers as well."""
    pushback = (_PUSHBACK, b"%d" % round(1000 * (error.retry_after or 0)))
    headers = ((b"content-type", b"application/grpc"), *trailers(error), pushback)
    return Refusal(200, (*headers, *error_headers(error)), b"")
