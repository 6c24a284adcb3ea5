"""What travels in the trailers of a call, and counts that a message cannot hold."""

from __future__ import annotations

import base64
from urllib.parse import unquote

import pytest
from google.rpc import error_details_pb2, status_pb2

from omen.core.errors import OmenError
from omen.core.events import Usage
from omen.front.grpc._answer import completion_message
from omen.front.grpc._status import trailers
from omen.front.openai.write import usage_object
from omen.front.websocket._request import socket_error


@pytest.mark.parametrize("text", ["a" * 9000, "漢" * 4000, "%" * 4000, "a漢%😀" * 1000, "short 漢"])
def test_a_message_of_any_length_fits_what_clients_take_and_is_cut_between_characters(
    text: str,
) -> None:
    told = dict(trailers(OmenError(text)))
    assert sum(len(name) + len(value) for name, value in told.items()) < 8 * 1024
    message = unquote(told[b"grpc-message"].decode("ascii"), errors="strict")
    assert text.startswith(message)
    assert message == text or len(message) > 200


@pytest.mark.parametrize(
    ("usage", "total"),
    [
        (Usage(5, 3, {"cached_tokens": -1}), 8),
        (Usage(2**32, 1), 2**32 - 1),
        (Usage(-5, 3), 0),
        (Usage(5, 3, {"cached_tokens": 2}), 8),
    ],
)
def test_a_count_that_a_message_cannot_hold_costs_the_count_and_not_the_answer(
    usage: Usage, total: int
) -> None:
    choice = {"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
    message = completion_message({**body, "choices": [choice], "usage": usage_object(usage)})
    assert message.choices[0].message.content == "hi"
    assert message.usage.total_tokens == total


@pytest.mark.parametrize(
    ("status", "retry_after", "told"),
    [(429, None, "0.5"), (503, None, "0.5"), (503, 7.0, "7"), (502, 3.0, "3"), (502, None, None)],
)
def test_the_details_say_when_to_come_back_as_the_headers_of_http_do(
    status: int, retry_after: float | None, told: str | None
) -> None:
    error = OmenError("x")
    error.status, error.retry_after = status, retry_after
    details = dict(trailers(error))[b"grpc-status-details-bin"]
    parsed = status_pb2.Status.FromString(base64.b64decode(details + b"=="))
    info = error_details_pb2.ErrorInfo()
    parsed.details[0].Unpack(info)
    assert info.metadata.get("retry_after") == told
    assert socket_error(error).get("retry_after") == (None if told is None else float(told))
