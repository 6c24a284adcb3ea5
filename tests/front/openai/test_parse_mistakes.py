"""A mistake in a request is a 400 that names the field at fault."""

from __future__ import annotations

import json

import pytest

from tests.front.asking import body, body_with, mistake


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"model=m",
        b"{'model': 'm'}",
        b'{"model": "m",}',
        b'{"model": "m"} {}',
        b"\xff\xfe{\x00}\x00",
        b'{"model": "\xff"}',
        b'{"model": "\xed\xa0\x80"}',
        b'{"model": "\\ud800"}',
        b'{"model": "a\nb"}',
        b"\xef\xbb\xbf" + body(),
    ],
)
def test_a_body_that_is_no_json_is_refused_as_such(raw: bytes) -> None:
    error = mistake(raw)
    assert error.param is None
    assert "JSON" in error.message


@pytest.mark.parametrize("raw", [b"[]", b'"text"', b"7", b"null", b"true"])
def test_a_body_that_is_no_object_is_refused_as_such(raw: bytes) -> None:
    error = mistake(raw)
    assert error.param is None
    assert "object" in error.message


MISTAKES: list[tuple[str, str, str]] = [
    # the member, the field that is named, the words
    ('"model": null', "model", "valid string"),
    ('"model": ""', "model", "at least 1 character"),
    ('"model": ["m"]', "model", "valid string"),
    ('"messages": null', "messages", "valid array"),
    ('"messages": {}', "messages", "valid array"),
    ('"messages": []', "messages", "at least 1 item"),
    ('"messages": ["Hello"]', "messages.0", "object"),
    ('"messages": [null]', "messages.0", "object"),
    ('"messages": [{"content": "x"}]', "messages.0.role", "is required"),
    ('"messages": [{"role": "robot", "content": "x"}]', "messages.0.role", "'user'"),
    ('"messages": [{"role": "user"}]', "messages.0.content", "is required"),
    ('"messages": [{"role": "user", "content": null}]', "messages.0.content", "is required"),
    ('"messages": [{"role": "system"}]', "messages.0.content", "is required"),
    ('"messages": [{"role": "user", "content": 5}]', "messages.0.content", "should be"),
    ('"messages": [{"role": "user", "content": {}}]', "messages.0.content", "should be"),
    ('"messages": [{"role": "user", "content": ["x"]}]', "messages.0.content.0", "object"),
    ('"messages": [{"role": "user", "content": [{}]}]', "messages.0.content.0.type", "is required"),
    (
        '"messages": [{"role": "user", "content": [{"type": ["text"]}]}]',
        "messages.0.content.0.type",
        "valid string",
    ),
    (
        '"messages": [{"role": "user", "content": [{"type": "text"}]}]',
        "messages.0.content.0.text",
        "is required",
    ),
    (
        '"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]',
        "messages.0.content.0.text",
        "valid string",
    ),
    (
        '"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "u"}]}]',
        "messages.0.content.0.image_url",
        "object",
    ),
    (
        '"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]',
        "messages.0.content.0.image_url.url",
        "is required",
    ),
    (
        '"messages": [{"role": "tool", "content": "x"}]',
        "messages.0.tool_call_id",
        "is required",
    ),
    (
        '"messages": [{"role": "user", "content": "x"}, {"role": "tool", "tool_call_id": "c"}]',
        "messages.1.content",
        "is required",
    ),
    (
        '"messages": [{"role": "assistant", "tool_calls": {}}]',
        "messages.0.tool_calls",
        "valid array",
    ),
    (
        '"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]',
        "messages.0.tool_calls.0.function",
        "is required",
    ),
    (
        '"messages": [{"role": "assistant", "tool_calls":'
        ' [{"id": "c", "function": {"name": "f", "arguments": {}}}]}]',
        "messages.0.tool_calls.0.function.arguments",
        "valid string",
    ),
    ('"tools": {}', "tools", "valid array"),
    ('"tools": ["f"]', "tools.0", "object"),
    ('"tools": [{}]', "tools.0.type", "is required"),
    ('"tools": [{"type": "function"}]', "tools.0.function", "is required"),
    ('"tools": [{"type": "function", "function": {}}]', "tools.0.function.name", "is required"),
    (
        '"tools": [{"type": "function", "function": {"name": ""}}]',
        "tools.0.function.name",
        "at least 1 character",
    ),
    (
        '"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]',
        "tools.0.function.parameters",
        "object",
    ),
    ('"tool_choice": "any"', "tool_choice", "'required'"),
    ('"tool_choice": 5', "tool_choice", "object"),
    ('"parallel_tool_calls": "true"', "parallel_tool_calls", "valid boolean"),
    ('"parallel_tool_calls": 1', "parallel_tool_calls", "valid boolean"),
    ('"response_format": "json"', "response_format", "object"),
    ('"response_format": {"type": "xml"}', "response_format.type", "'json_schema'"),
    (
        '"response_format": {"type": "json_schema", "json_schema": {"schema": []}}',
        "response_format.json_schema.schema",
        "object",
    ),
    ('"max_tokens": 0', "max_tokens", "greater than or equal to 1"),
    ('"max_completion_tokens": "5"', "max_completion_tokens", "valid integer"),
    ('"max_completion_tokens": -1', "max_completion_tokens", "greater than or equal to 1"),
    ('"temperature": "0.5"', "temperature", "valid number"),
    ('"temperature": true', "temperature", "valid number"),
    ('"temperature": 2.1', "temperature", "less than or equal to 2"),
    ('"temperature": NaN', "temperature", "finite"),
    ('"temperature": Infinity', "temperature", "finite"),
    ('"temperature": 1e400', "temperature", "finite"),
    ('"top_p": -0.1', "top_p", "greater than or equal to 0"),
    ('"presence_penalty": -Infinity', "presence_penalty", "finite"),
    ('"frequency_penalty": 3', "frequency_penalty", "less than or equal to 2"),
    ('"stop": 5', "stop", "should be"),
    ('"stop": ["a", 5]', "stop.1", "valid string"),
    ('"seed": 1.5', "seed", "valid integer"),
    ('"logprobs": 1', "logprobs", "valid boolean"),
    ('"top_logprobs": 21', "top_logprobs", "less than or equal to 20"),
    ('"reasoning_effort": 3', "reasoning_effort", "valid string"),
    ('"user": 7', "user", "valid string"),
    ('"n": 2', "n", "only 1"),
    ('"n": 0', "n", "only 1"),
    ('"n": "1"', "n", "valid integer"),
    ('"stream": "true"', "stream", "valid boolean"),
    ('"stream_options": {}', "stream_options", "stream"),
    ('"stream": false, "stream_options": {"include_usage": true}', "stream_options", "stream"),
    ('"stream": true, "stream_options": []', "stream_options", "object"),
    (
        '"stream": true, "stream_options": {"include_usage": 1}',
        "stream_options.include_usage",
        "valid boolean",
    ),
    ('"omen": []', "omen", "object"),
    ('"omen": {"stratgy": "race"}', "omen.stratgy", "not a known key"),
    ('"omen": {"strategy": 5}', "omen.strategy", "valid string"),
    ('"omen": {"k": 0}', "omen.k", "greater than or equal to 1"),
    ('"omen": {"k": "2"}', "omen.k", "valid integer"),
    ('"omen": {"k": true}', "omen.k", "valid integer"),
    ('"omen": {"k": 1.5}', "omen.k", "valid integer"),
    ('"omen": {"intent": "poetry"}', "omen.intent", "explanation"),
    ('"omen": {"providers": "a"}', "omen.providers", "valid array"),
    ('"omen": {"providers": [1]}', "omen.providers.0", "valid string"),
    ('"omen": {"max_latency_ms": 0}', "omen.max_latency_ms", "greater than 0"),
    ('"omen": {"max_latency_ms": Infinity}', "omen.max_latency_ms", "finite"),
    ('"omen": {"total_timeout_ms": -5}', "omen.total_timeout_ms", "greater than 0"),
    ('"omen": {"total_timeout_ms": NaN}', "omen.total_timeout_ms", "finite"),
    ('"omen": {"stickiness": "forever"}', "omen.stickiness", "'session'"),
    ('"omen": {"session_id": 5}', "omen.session_id", "valid string"),
    ('"omen": {"priority_weights": {"a": 0}}', "omen.priority_weights.a", "greater than 0"),
    ('"omen": {"priority_weights": []}', "omen.priority_weights", "object"),
    ('"omen": {"min_useful_tokens": 0}', "omen.min_useful_tokens", "greater than or equal to 1"),
    ('"omen": {"hedge_delay_ms": -1}', "omen.hedge_delay_ms", "greater than or equal to 0"),
    ('"omen": {"merge": {"method": "average"}}', "omen.merge.method", "'vote'"),
    ('"omen": {"merge": {"qorum": 2}}', "omen.merge.qorum", "not a known key"),
    ('"omen": {"on_failure": "retry"}', "omen.on_failure", "'restart'"),
    ('"omen": {"explain": "yes"}', "omen.explain", "valid boolean"),
    ('"omen": {"budget_usd": 0}', "omen.budget_usd", "greater than 0"),
    ('"tags": ["a"]', "tags", "object"),
    ('"tags": {"project": 5}', "tags.project", "valid string"),
    ('"tags": {"intent": "poetry"}', "tags.intent", "explanation"),
]


@pytest.mark.parametrize(("member", "param", "words"), MISTAKES)
def test_a_mistake_in_the_body_is_named_in_the_callers_own_spelling(
    member: str, param: str, words: str
) -> None:
    error = mistake(body_with(member))
    assert error.param == param
    assert param in error.message
    assert words in error.message


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_a_request_without_a_model_or_messages_is_told_what_it_lacks(missing: str) -> None:
    whole = json.loads(body())
    del whole[missing]
    error = mistake(json.dumps(whole).encode())
    assert error.param == missing
    assert f"{missing}: is required" in error.message


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("x-omen-k", "0", "greater than or equal to 1"),
        ("x-omen-k", "two", "integer"),
        ("x-omen-k", "1.5", "integer"),
        ("x-omen-k", "", "integer"),
        ("x-omen-max-latency-ms", "soon", "number"),
        ("x-omen-max-latency-ms", "nan", "finite"),
        ("x-omen-total-timeout-ms", "inf", "finite"),
        ("x-omen-min-useful-tokens", "-1", "greater than or equal to 1"),
        ("x-omen-stickiness", "forever", "'session'"),
        ("x-omen-explain", "perhaps", "boolean"),
        ("x-omen-intent", "poetry", "explanation"),
    ],
)
def test_a_mistake_in_a_header_names_the_header(name: str, value: str, words: str) -> None:
    error = mistake(body(), {name: value})
    assert error.param == name
    assert name in error.message
    assert words in error.message


def test_several_mistakes_are_told_together_and_the_first_is_the_one_that_is_named() -> None:
    error = mistake(b'{"model": 5, "messages": 5, "stream": "x"}')
    assert error.param == "model"
    assert [told.split(":")[0] for told in error.message.split("; ")] == [
        "model",
        "messages",
        "stream",
    ]


def test_a_thousand_mistakes_do_not_make_a_thousand_lines() -> None:
    error = mistake(body(messages=[5] * 1000))
    assert error.message.endswith("; and 995 more")
    assert error.message.count(";") == 5
