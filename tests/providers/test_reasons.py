"""Why an upstream refused: whatever shape and words it has, the caller learns the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.errors import FailureKind
from omen.providers import KINDS

OURS = "openai_compatible"


def classify(kind: str, status: int, body: Any) -> Any:
    return KINDS[kind].classify(status, {}, json.dumps(body).encode())


DETAIL = [
    {"loc": ["body", "messages", 1, "tool", "name"], "msg": "Field required", "input": "secret"}
]
SHAPES: dict[str, Any] = {
    "FastAPI": {"detail": DETAIL},
    "FastAPI inside OpenAI's message": {"object": "error", "message": {"detail": DETAIL}},
    "FastAPI inside OpenAI's error": {"error": {"message": DETAIL, "code": None}},
    "a list of errors": {"errors": DETAIL},
}


@pytest.mark.parametrize("body", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("status", [400, 422])
def test_a_list_of_details_says_where_and_what(status: int, body: Any) -> None:
    failure = classify(OURS, status, body)
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert failure.message == "messages.1.tool.name: Field required"


def test_at_most_five_details_are_repeated_and_nothing_of_the_prompt() -> None:
    details = [
        {"loc": ["body", "x" * 100], "msg": f"m{n}", "ctx": {"prompt": "p"}} for n in range(9)
    ]
    failure = classify(OURS, 422, {"detail": details})
    assert failure.message.count("m") == 5
    assert "p" not in failure.message
    assert len(failure.message) < 300


@pytest.mark.parametrize(
    "body",
    [
        {"message": "The size is wrong"},
        {"error": {"error": {"message": "The size is wrong"}}},
        {"Message": "The size is wrong"},
        {"errors": [{"message": "The size is wrong"}]},
        {"detail": {"message": "The size is wrong"}},
    ],
)
def test_a_sentence_is_found_where_it_stands(body: Any) -> None:
    assert classify(OURS, 400, body).message == "The size is wrong"


def test_an_error_nested_without_end_is_an_error_all_the_same() -> None:
    body: Any = {"message": "deep"}
    for _ in range(50):
        body = {"error": body}
    assert classify(OURS, 400, body).kind is FailureKind.INVALID_REQUEST


TOO_LONG = [
    (OURS, 400, "This model's maximum context length is 8192 tokens. You asked for 9000."),
    (OURS, 400, "The input token count (1200000) exceeds the maximum number of tokens allowed"),
    (
        OURS,
        400,
        "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
    ),
    (OURS, 413, "Please reduce the length of the messages or completion."),
    (OURS, 400, "Input is too long for requested model."),
    (OURS, 400, "too many tokens: total number of tokens in the prompt cannot exceed 4081"),
    (OURS, 500, "input (5000 tokens) is too large to process. increase the physical batch size"),
    (OURS, 400, "the request exceeds the available context size, try increasing it"),
    ("anthropic", 400, "prompt is too long: 210000 tokens > 200000 maximum"),
    (
        "anthropic",
        400,
        "input length and `max_tokens` exceed context limit: 190000 + 21333 > 200000",
    ),
]


@pytest.mark.parametrize(("kind", "status", "words"), TOO_LONG)
def test_a_prompt_that_does_not_fit_has_one_code(kind: str, status: int, words: str) -> None:
    failure = classify(kind, status, {"error": {"message": words, "type": "exceeded"}})
    assert failure.kind is FailureKind.CONTEXT_LENGTH
    assert failure.code == "context_length_exceeded"
    assert failure.message == words


MODEL_REFUSALS = [
    ("openai", 400, {"message": "Unsupported value: 'top_p' does not support 0.2"}),
    ("openai", 400, {"message": "Not this.", "code": "unsupported_parameter"}),
    ("openai", 400, {"message": "max_tokens is too large: 64000."}),
    ("openai", 400, {"message": "Your organization must be verified to stream this model."}),
    ("azure", 400, {"message": "It does not work", "code": "OperationNotSupported"}),
    ("anthropic", 400, {"message": "adaptive thinking is not supported on this model"}),
    ("anthropic", 400, {"message": "`temperature` and `top_p` cannot both be specified"}),
    ("anthropic", 400, {"message": "64 > 8, which is the maximum allowed number of output tokens"}),
    ("xai", 400, {"message": "Model grok-4 does not support parameter reasoningEffort."}),
    (OURS, 422, {"message": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}),
    (OURS, 500, {"message": "image input is not supported - hint: …", "type": "server_error"}),
    (OURS, 501, {"message": "Not without a flag.", "type": "not_supported_error"}),
    (OURS, 400, {"message": "failed to parse grammar"}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "status", "error"), MODEL_REFUSALS)
def test_what_one_model_refuses_another_candidate_may_take(
    kind: str, status: int, error: dict[str, Any]
) -> None:
    failure = classify(kind, status, {"error": error})
    assert failure.kind is FailureKind.UNSUPPORTED
    assert failure.failover
    assert failure.status == 400
    assert "upstream" not in failure.message  # its own words reach the caller


@pytest.mark.parametrize("word", ["server_error", "api_error", "internal_server_error"])
def test_a_refusal_does_not_say_that_the_server_has_failed(word: str) -> None:
    words = "image input is not supported"
    assert classify(OURS, 500, {"error": {"message": words, "type": word}}).code == "unsupported"
    error = {"message": words, "type": word, "code": "no_pictures"}
    assert classify(OURS, 500, {"error": error}).code == "no_pictures"
    failed = classify(OURS, 500, {"error": {"message": "cuda error", "type": word}})
    assert failed.code == word


@pytest.mark.parametrize("status", [400, 422])
def test_a_fault_of_the_caller_is_none_of_those(status: int) -> None:
    words = "Invalid value for 'temperature': must be between 0 and 2."
    assert classify(OURS, status, {"error": {"message": words}}).kind is FailureKind.INVALID_REQUEST


def test_a_server_that_failed_is_not_the_requests_fault() -> None:
    failure = classify(OURS, 500, {"error": {"message": "cuda error at 0x1"}})
    assert failure.kind is FailureKind.SERVER_ERROR
    assert "cuda" not in failure.message


def test_google_says_in_the_details_how_long_to_wait() -> None:
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
    details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure"}, retry]
    body = [{"error": {"code": 429, "message": "Quota exceeded.", "details": details}}]
    assert classify(OURS, 429, body).retry_after == 34.5
    body = [{"error": {"code": 429, "message": "Quota exceeded. Please retry in 7.2s."}}]
    assert classify(OURS, 429, body).retry_after == 7.2


@pytest.mark.parametrize("delay", ["soon", "", "5 parsecs", 7, None])
def test_a_delay_that_cannot_be_read_is_none(delay: object) -> None:
    body = {"error": {"code": 429, "message": "Quota.", "details": [{"retryDelay": delay}]}}
    assert classify(OURS, 429, body).retry_after is None
