"""Answers that are not streams: what went wrong, who may help, and when to come back."""

from __future__ import annotations

import pytest

from omen.core.errors import FailureKind, UpstreamFailure
from omen.providers import KINDS
from tests.providers.fixtures import Fixture, fixtures

# The fixtures' classes know no candidate that cannot do what another one can.
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
    # The fixtures say that another provider helps with a missing model only if it has it. The
    # candidates of a plan are those that have it, or that the caller named in its stead. What one
    # model refuses another one may take.
    curable = (FailureKind.NOT_FOUND, FailureKind.UNSUPPORTED)
    helps = True if failure.kind in curable else expected["failover"]
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
            FailureKind.OVERLOADED,
            id="a 429 of xai can be overload",
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
