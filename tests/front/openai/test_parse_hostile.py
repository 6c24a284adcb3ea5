"""Requests made to break a reader get a 400; and no error ever repeats a value of a request."""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omen.core.errors import RequestError
from omen.front.openai.parse import parse_chat
from tests.front.asking import ask, body, body_with, mistake

NOT_NUMBERS = [
    *("NaN", "Infinity", "-Infinity", "1e400", "-1E+400", "0.1e0310"),
    *(f"{'9' * 400}.0", f"{'9' * 250}e99", f"{'9' * 250}.5e+99"),
]


@pytest.mark.parametrize("number", NOT_NUMBERS)
@pytest.mark.parametrize(
    "member",
    [
        '"unknown": %s',
        '"metadata": {"a": [%s]}',
        '"tools": [{"type": "custom", "custom": {"x": %s}}]',
        '"tools": [{"type": "function", "function": {"name": "f", "parameters": {"default": %s}}}]',
        '"messages": [{"role": "user", "content": "x", "weight": %s}]',
        '"messages": [{"role": "user", "content": [{"type": "other", "x": %s}]}]',
    ],
)
def test_a_number_that_json_cannot_say_is_refused_wherever_it_would_travel_on(
    member: str, number: str
) -> None:
    """It would be written into the upstream's request, which then is no JSON either."""
    mistake(body_with(member % number))


@given(
    digits=st.integers(1, 400),
    fraction=st.integers(0, 5),
    exponent=st.sampled_from(["", "e0", "e9", "E+58", "e99", "e108", "e-120", "e0000", "E+0299"]),
)
def test_a_number_is_refused_if_and_only_if_it_is_too_large(
    digits: int, fraction: int, exponent: str
) -> None:
    number = "7" * digits + ("." + "7" * fraction if fraction else "") + exponent
    written = body_with(f'"unknown": {number}')
    is_float = fraction > 0 or exponent != ""
    if is_float and math.isinf(float(number)):
        mistake(written)
    else:
        parse_chat(written, {})


@pytest.mark.parametrize(
    "member",
    [
        '"unknown": %s',
        '"messages": %s',
        '"messages": [{"role": "user", "content": %s}]',
        '"messages": [{"role": "user", "content": [{"type": "other", "x": %s}]}]',
        '"tools": [{"type": "function", "function": {"name": "f", "parameters": {"x": %s}}}]',
        '"tool_choice": {"type": "x", "x": %s}',
        '"omen": {"merge": %s}',
        '"tags": %s',
    ],
)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_ten_thousand_levels_are_refused_and_not_climbed(
    member: str, opening: str, closing: str
) -> None:
    whole = opening * 10_000 + "1" + closing * 10_000
    assert "JSON" in mistake(body_with(member % whole)).message
    assert "JSON" in mistake(body_with(member % (opening * 10_000))).message


@pytest.mark.parametrize("name", ["seed", "max_tokens", "n", "temperature", "unknown"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_a_number_of_five_thousand_digits_is_refused_and_not_computed_with(
    name: str, sign: str
) -> None:
    mistake(body_with(f'"{name}": {sign}{"9" * 5000}'))


WHOLE: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "t"}], "name": "n"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
    "max_tokens": 5,
    "temperature": 1,
    "stop": ["a"],
    "seed": 1,
    "logprobs": True,
    "reasoning_effort": "low",
    "n": 1,
    "stream": True,
    "stream_options": {"include_usage": True},
    "omen": {
        "strategy": "race",
        "k": 2,
        "intent": "code",
        "providers": ["a"],
        "max_latency_ms": 5,
        "stickiness": "turn",
        "session_id": "s",
        "priority_weights": {"a": 1},
        "merge": {"method": "vote"},
        "explain": True,
    },
    "tags": {"intent": "code", "project": "p"},
    "unknown": {"a": [1]},
}
Path = tuple[str | int, ...]
SHAPES = ["string", "list", "object", "typed", "string in a list of objects"]


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Name every place of a JSON value, the leaves and what holds them."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*path, index))


def with_secret(path: Path, shape: str, secret: str) -> bytes:
    """Write the whole request with a secret in one place, as itself or inside something."""
    shapes: dict[str, Any] = {
        "string": secret,
        "list": [secret],
        "object": {"inner": secret},
        "typed": {"type": secret, "function": secret, "text": secret},
        "string in a list of objects": [{"type": "text", "text": [secret]}],
    }
    whole = deepcopy(WHOLE)
    place: Any = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = shapes[shape]
    return json.dumps(whole).encode()


def refusal(raw: bytes, headers: dict[str, str] | None = None) -> RequestError | None:
    try:
        parse_chat(raw, headers or {})
    except RequestError as error:
        return error
    return None


def everything_told(error: RequestError) -> str:
    return "".join([*traceback.format_exception(error), str(error.param), repr(error)])


secrets = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=12).map("sk-".__add__)
places = st.sampled_from(list(paths(WHOLE)))


def test_the_request_into_which_secrets_are_put_is_a_valid_one() -> None:
    assert ask(**WHOLE).request.seed == 1


def test_most_places_do_not_take_just_anything() -> None:
    """What the next test looks at is mostly errors: it is not true for want of cases."""
    answers = [
        refusal(with_secret(path, shape, "sk-secret")) for path in paths(WHOLE) for shape in SHAPES
    ]
    assert sum(error is not None for error in answers) > 0.7 * len(answers)


@settings(deadline=None)
@given(places, st.sampled_from(SHAPES), secrets)
def test_an_error_never_repeats_a_value_of_the_body(path: Path, shape: str, secret: str) -> None:
    error = refusal(with_secret(path, shape, secret))
    assert error is None or secret not in everything_told(error)


@settings(deadline=None)
@given(secrets, st.integers(min_value=0))
def test_an_error_never_repeats_a_piece_of_what_is_no_json(secret: str, cut: int) -> None:
    raw = with_secret(("messages", 0, "content"), "string", secret)
    error = mistake(raw[: cut % len(raw)])
    assert secret[:8] not in everything_told(error)


@settings(deadline=None)
@given(
    st.sampled_from(
        ["k", "intent", "max-latency-ms", "stickiness", "explain", "on-failure", "budget-usd"]
    ),
    secrets,
)
def test_an_error_never_repeats_a_value_of_a_header(name: str, secret: str) -> None:
    error = mistake(body(), {f"x-omen-{name}": secret})
    assert secret not in everything_told(error)
