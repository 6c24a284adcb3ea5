"""Answers that are not streams: what went wrong, who may help, and when to come back."""

from __future__ import annotations

import json

import pytest

from omen.core.errors import FailureKind, UpstreamFailure
from omen.providers import KINDS
from tests.providers.fixtures import Fixture, fixtures

# The fixtures' classes know no candidate that cannot do what another one can.
MAY_HELP = {
    FailureKind.NOT_FOUND,
    FailureKind.CONTEXT_LENGTH,
    FailureKind.TOO_LARGE,
    FailureKind.UNSUPPORTED,
}
CLASSES = {FailureKind.UNSUPPORTED: "invalid_request"}


def classify(provider: str, status: int, body: str, **headers: str) -> UpstreamFailure:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return KINDS[provider].classify(status, named, body.encode())


@pytest.mark.parametrize("fixture", fixtures("http_error"), ids=lambda fixture: fixture.id)
def test_an_error_answer_is_classified(fixture: Fixture) -> None:
    entry, expected = fixture.entry, fixture.expected
    failure = fixture.spec.classify(entry["status"], entry["headers"], fixture.body)

    assert CLASSES.get(failure.kind, failure.kind.value) == expected["class"]
    assert failure.retryable == expected["retryable"]
    # The fixtures say that another provider helps with a missing model only if it has it, and not
    # with a prompt that is too long. The candidates of a plan are those that have the model, or
    # that the caller named in its stead, and some of them may read more.
    helps = failure.kind in MAY_HELP or expected["failover"]
    assert failure.failover == helps
    assert failure.retry_after == pytest.approx(expected["retry_after_s"])
    assert failure.status == expected["suggested_client_status"]
    assert failure.upstream_status == entry["status"]
    if expected["upstream_request_id"]:
        assert failure.request_id == expected["upstream_request_id"]
    if "code" in expected:
        assert failure.code == expected["code"]
    if "param" in expected:
        assert failure.param == expected["param"]


@pytest.mark.parametrize("fixture", fixtures("http_error"), ids=lambda fixture: fixture.id)
def test_no_failure_repeats_what_an_upstream_says_of_keys(fixture: Fixture) -> None:
    entry = fixture.entry
    failure = fixture.spec.classify(entry["status"], entry["headers"], fixture.body)
    if failure.kind in (FailureKind.UPSTREAM_AUTH, FailureKind.UPSTREAM_MISCONFIGURED):
        assert failure.message.startswith("the upstream")
    assert "sk-" not in failure.message


@pytest.mark.parametrize("provider", sorted(KINDS))
@pytest.mark.parametrize(
    "body",
    ["", "<html><body>Bad gateway</body></html>", "upstream connect error", "[]", "null", "\ufffd"],
)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, FailureKind.PROTOCOL),
        (302, FailureKind.UPSTREAM_MISCONFIGURED),
        (400, FailureKind.INVALID_REQUEST),
        (401, FailureKind.UPSTREAM_AUTH),
        (404, FailureKind.UPSTREAM_MISCONFIGURED),
        (405, FailureKind.UPSTREAM_MISCONFIGURED),
        (418, FailureKind.INVALID_REQUEST),
        (429, FailureKind.RATE_LIMIT),
        (500, FailureKind.SERVER_ERROR),
        (502, FailureKind.SERVER_ERROR),
        (504, FailureKind.TIMEOUT),
        (529, FailureKind.OVERLOADED),
        (599, FailureKind.SERVER_ERROR),
    ],
)
def test_a_body_that_is_no_error_object_leaves_the_status_to_decide(
    provider: str, status: int, kind: FailureKind, body: str
) -> None:
    failure = classify(provider, status, body)
    assert failure.kind is kind
    assert "html" not in failure.message.lower()
    assert "connect" not in failure.message


@pytest.mark.parametrize(
    ("provider", "status", "body", "kind"),
    [
        pytest.param(
            "openai",
            400,
            '{"error":{"message":"Function tools with reasoning_effort are not supported for '
            "gpt-5.4 in /v1/chat/completions. To use function tools, use /v1/responses or set "
            'reasoning_effort to \'none\'.","param":"reasoning_effort"}}',
            FailureKind.UNSUPPORTED,
            id="tools together with effort are this model's trouble, not the caller's",
        ),
        pytest.param(
            "openai",
            401,
            '{"error":{"message":"You did not provide a key","type":"invalid_request_error"}}',
            FailureKind.UPSTREAM_AUTH,
            id="a status says more than the type invalid_request_error",
        ),
        pytest.param(
            "openai",
            200,
            '{"error":{"message":"Slow","type":"rate_limit_error"}}',
            FailureKind.RATE_LIMIT,
            id="inside a 200 the type is all there is",
        ),
        pytest.param(
            "openai_compatible",
            200,
            '{"error":{"message":"Provider returned error","code":502}}',
            FailureKind.SERVER_ERROR,
            id="a number as code stands for the status",
        ),
        pytest.param(
            "openai_compatible",
            404,
            '{"detail":"Not Found"}',
            FailureKind.UPSTREAM_MISCONFIGURED,
            id="a web framework's 404 means a wrong base_url",
        ),
        pytest.param(
            "openai_compatible",
            400,
            '{"object":"error","message":"maximum context length is 8192","code":400}',
            FailureKind.CONTEXT_LENGTH,
            id="an error object may be flat",
        ),
        pytest.param(
            "openai_compatible",
            400,
            '[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]',
            FailureKind.INVALID_REQUEST,
            id="an error object may come in a list",
        ),
        pytest.param(
            "xai",
            400,
            '{"code":"Client specified an invalid argument","error":"Incorrect API key provided"}',
            FailureKind.UPSTREAM_AUTH,
            id="xai's older codes are sentences",
        ),
        pytest.param(
            "xai",
            403,
            '{"code":"permission-denied","error":"Content violates usage guidelines."}',
            FailureKind.CONTENT_FILTER,
            id="a 403 of xai can be a refusal",
        ),
        pytest.param(
            "xai",
            429,
            '{"code":"Some resource has been exhausted","error":"The model is at capacity"}',
            FailureKind.RATE_LIMIT,
            id="a 429 is a rate limit, whatever its words",
        ),
        pytest.param(
            "azure",
            503,
            '{"error":{"code":"ServiceUnavailable","message":"Down"}}',
            FailureKind.SERVER_ERROR,
            id="azure's 503 is an outage",
        ),
        pytest.param(
            "azure",
            401,
            '{"statusCode":401,"message":"Unauthorized. Access token is missing"}',
            FailureKind.UPSTREAM_AUTH,
            id="azure's management layer has a shape of its own",
        ),
        pytest.param(
            "anthropic",
            400,
            '{"type":"error","error":{"type":"invalid_request_error",'
            '"message":"Your credit balance is too low to access the API."}}',
            FailureKind.QUOTA,
            id="anthropic's empty purse is a 400",
        ),
        pytest.param(
            "anthropic",
            402,
            '{"type":"error","error":{"type":"billing_error","message":"Pay"}}',
            FailureKind.QUOTA,
            id="billing_error",
        ),
        pytest.param(
            "ollama",
            400,
            '{"error":"\\"llama3\\" does not support thinking"}',
            FailureKind.UNSUPPORTED,
            id="a model that cannot think",
        ),
    ],
)
def test_where_a_status_alone_would_mislead(
    provider: str, status: int, body: str, kind: FailureKind
) -> None:
    assert classify(provider, status, body).kind is kind


@pytest.mark.parametrize(
    ("provider", "message", "window"),
    [
        (
            "openai",
            "This model's maximum context length is 8192 tokens. However, your messages are 9000.",
            8192,
        ),
        (
            "openai_compatible",
            "The input (70000 tokens) is longer than the model's context length (32768 tokens).",
            32768,
        ),
        ("anthropic", "prompt is too long: 210000 tokens > 200,000 maximum", 200_000),
        ("xai", "This model's maximum prompt length is 131072 but it has 140001 tokens.", 131_072),
        ("ollama", "input length exceeds maximum context length", None),
    ],
)
def test_the_window_that_a_refusal_states_is_known(
    provider: str, message: str, window: int | None
) -> None:
    body = json.dumps({"error": {"type": "invalid_request_error", "message": message}})
    failure = classify(provider, 400, body)
    assert (failure.kind, failure.window) == (FailureKind.CONTEXT_LENGTH, window)


REFUSED_ACCOUNTS = [
    "API key not valid. Please pass a valid API key.",
    "API key expired. Please renew the API key.",
    "User location is not supported for the API use.",
    "Gemini API free tier is not available in your country. Please enable billing.",
    "Country, region, or territory not supported",
    "This organization has been disabled.",
    "Your account has been temporarily suspended due to unusual activity.",
    "Consumer 'api_key:x' has been suspended.",
    "Invalid API Key",
]


@pytest.mark.parametrize("provider", ["openai", "openai_compatible", "xai", "anthropic"])
@pytest.mark.parametrize("message", REFUSED_ACCOUNTS)
def test_an_account_refused_with_a_400_is_the_operators_fault_and_moves_on(
    provider: str, message: str
) -> None:
    body = json.dumps({"error": {"type": "invalid_request_error", "message": message}})
    for text in (body, f"[{body}]"):
        failure = classify(provider, 400, text)
        assert (failure.kind, failure.status) == (FailureKind.UPSTREAM_AUTH, 502)
        assert failure.failover
        assert message not in failure.message


UNKNOWN_MODELS = [
    "Invalid model name passed in model=gpt-x. Call `/v1/models` to view available models.",
    "model 'qwen-x' not found",
    "model name=qwen-x is not found",
    "The model `llama3-8b` has been decommissioned and is no longer supported.",
    "Invalid model: mistral-x",
    "Model Not Exist",
    "vendor/thing is not a valid model ID",
    "The provided model identifier is invalid.",
    "The requested model 'x' does not exist",
]


@pytest.mark.parametrize("provider", ["openai", "openai_compatible", "xai", "azure", "anthropic"])
@pytest.mark.parametrize("message", UNKNOWN_MODELS)
def test_a_model_that_is_unknown_by_a_400_is_not_found_and_moves_on(
    provider: str, message: str
) -> None:
    body = json.dumps({"error": {"type": "invalid_request_error", "message": message}})
    failure = classify(provider, 400, body)
    assert failure.kind is FailureKind.NOT_FOUND
    assert failure.failover


@pytest.mark.parametrize("provider", sorted(KINDS))
@pytest.mark.parametrize(
    "message",
    [
        "messages.0.content: the field is required",
        "temperature must be between 0 and 2",
        "This model does not support the parameter 'top_k'.",
        "tools.0.function.name: invalid name",
        "Invalid value for 'model_parameters'",
        "tool_call_id 'x' not found in messages",
    ],
)
def test_a_fault_of_the_request_is_neither_the_accounts_nor_the_models(
    provider: str, message: str
) -> None:
    body = json.dumps({"error": {"type": "invalid_request_error", "message": message}})
    kind = classify(provider, 400, body).kind
    assert kind not in (FailureKind.UPSTREAM_AUTH, FailureKind.NOT_FOUND)


@pytest.mark.parametrize("provider", sorted(KINDS))
@pytest.mark.parametrize("message", ["slow down", "The engine is overloaded", "at capacity"])
def test_a_429_is_a_rate_limit_whatever_its_words(provider: str, message: str) -> None:
    body = json.dumps({"error": {"message": message, "type": "whatever"}})
    assert classify(provider, 429, body).kind is FailureKind.RATE_LIMIT


def test_an_upstreams_sentence_is_one_line_of_at_most_500_characters() -> None:
    failure = classify("openai", 400, '{"error":{"message":"bad\\n\\tvalue %s"}}' % ("x" * 900))
    assert failure.message.startswith("bad value xxx")
    assert failure.message.endswith("…")
    assert len(failure.message) == 500


def test_what_looks_like_a_key_is_taken_out_of_an_upstreams_sentence() -> None:
    body = (
        '{"error":{"message":"Rate limit reached in organization org-Ab12Cd34 by sk-abc12***z."}}'
    )
    failure = classify("openai", 429, body)
    assert failure.message == "Rate limit reached in organization [redacted] by [redacted]"


@pytest.mark.parametrize(
    ("provider", "header"),
    [("openai", "x_request_id"), ("azure", "apim_request_id"), ("anthropic", "request_id")],
)
def test_the_upstreams_request_id_is_kept(provider: str, header: str) -> None:
    assert classify(provider, 500, "{}", **{header: "req_7"}).request_id == "req_7"


def test_anthropics_request_id_is_also_in_the_body() -> None:
    body = '{"type":"error","error":{"type":"api_error","message":"m"},"request_id":"req_8"}'
    assert classify("anthropic", 500, body).request_id == "req_8"


def test_anthropics_own_word_is_the_code() -> None:
    body = '{"error":{"type":"rate_limit_error","details":{"error_code":"ramp_limit_exceeded"}}}'
    assert classify("anthropic", 429, body).code == "ramp_limit_exceeded"
