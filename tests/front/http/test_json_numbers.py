"""Whole numbers, as every way of writing JSON writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.errors import RequestError
from omen.front.openai.parse import parse_chat


def read(**more: Any) -> Any:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **more}
    return parse_chat(json.dumps(body).encode(), {})


def test_a_whole_number_may_be_written_with_a_point() -> None:
    asked = read(max_tokens=7.0, seed=-3.0, top_logprobs=2.0, omen={"k": 3.0})
    assert read(seed=1e20).request.seed == 10**20
    request = asked.request
    assert (request.max_tokens, request.seed, request.top_logprobs) == (7, -3, 2)
    assert type(request.max_tokens) is int
    assert asked.hints.k == 3


@pytest.mark.parametrize("value", [7.5, "7", True, 1e999, 0.0, -1])
def test_what_is_none_is_refused(value: Any) -> None:
    with pytest.raises(RequestError, match="max_tokens"):
        read(max_tokens=value)
