"""How the chat-completions dialect reports errors: OpenAI's table, and the variants of it.

**Source.** OpenAI, xAI and Azure OpenAI error references, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from omen.core.errors import FailureKind
from omen.providers.shared.error_table import (
    ACCOUNT_REFUSED,
    MODEL_REFUSALS,
    NO_SUCH_MODEL,
    STATUSES,
    TOO_LONG,
    ErrorTable,
    text_rule,
)

_TEXTS = (
    text_rule(
        FailureKind.CONTEXT_LENGTH,
        TOO_LONG,
        400,
        413,
        422,
        500,
    ),
    ACCOUNT_REFUSED,
    text_rule(
        FailureKind.QUOTA,
        r"used all available credits|spending limit|exceeded your current quota"
        r"|insufficient (?:credits?|balance|funds)",
        400,
        402,
        403,
        429,
    ),
    text_rule(FailureKind.OVERLOADED, r"at capacity|overloaded|slow down", 500, 502, 503),
    text_rule(
        FailureKind.CONTENT_FILTER,
        r"content (?:management )?policy|usage (?:guidelines|policies)|content violates",
        400,
        403,
    ),
    NO_SUCH_MODEL,
    *MODEL_REFUSALS,
    # The words of a web server, not of the API: the path is wrong. The API names the model.
    text_rule(FailureKind.UPSTREAM_MISCONFIGURED, r"^(?:resource )?not found\.?$", 404),
)

_CODES: Mapping[str, FailureKind] = MappingProxyType(
    {
        "context_length_exceeded": FailureKind.CONTEXT_LENGTH,
        "exceed_context_size_error": FailureKind.CONTEXT_LENGTH,
        "unsupported_value": FailureKind.UNSUPPORTED,
        "unsupported_parameter": FailureKind.UNSUPPORTED,
        "unknown_parameter": FailureKind.UNSUPPORTED,
        "unsupported_model": FailureKind.UNSUPPORTED,
        "operationnotsupported": FailureKind.UNSUPPORTED,
        "not_supported_error": FailureKind.UNSUPPORTED,
        "extra_forbidden": FailureKind.UNSUPPORTED,
        "content_filter": FailureKind.CONTENT_FILTER,
        "content_policy_violation": FailureKind.CONTENT_FILTER,
        "invalid_api_key": FailureKind.UPSTREAM_AUTH,
        "model_not_found": FailureKind.NOT_FOUND,
        "deploymentnotfound": FailureKind.NOT_FOUND,
        "insufficient_quota": FailureKind.QUOTA,
        "billing_hard_limit_reached": FailureKind.QUOTA,
        "billing_not_active": FailureKind.QUOTA,
    }
)

_WORDS: Mapping[str, FailureKind] = MappingProxyType(
    {
        "invalid_request_error": FailureKind.INVALID_REQUEST,
        "invalid-argument": FailureKind.INVALID_REQUEST,
        "client-specified-an-invalid-argument": FailureKind.INVALID_REQUEST,
        "authentication_error": FailureKind.UPSTREAM_AUTH,
        "unauthenticated": FailureKind.UPSTREAM_AUTH,
        "permission_error": FailureKind.UPSTREAM_AUTH,
        "permission-denied": FailureKind.UPSTREAM_AUTH,
        "not-found": FailureKind.NOT_FOUND,
        "rate_limit_exceeded": FailureKind.RATE_LIMIT,
        "rate_limit_error": FailureKind.RATE_LIMIT,
        "tokens": FailureKind.RATE_LIMIT,
        "requests": FailureKind.RATE_LIMIT,
        "some-resource-has-been-exhausted": FailureKind.RATE_LIMIT,
        "resource-exhausted": FailureKind.RATE_LIMIT,
        "overloaded_error": FailureKind.OVERLOADED,
        "engine_overloaded_error": FailureKind.OVERLOADED,
        "the-service-is-currently-unavailable": FailureKind.OVERLOADED,
        "unavailable": FailureKind.OVERLOADED,
        "timeout": FailureKind.TIMEOUT,
        "timeout_error": FailureKind.TIMEOUT,
    }
)

OPENAI_ERRORS = ErrorTable(
    texts=_TEXTS,
    codes=_CODES,
    words=_WORDS,
    # The header with the id under which the vendor's support finds a request.
    request_ids=("x-request-id",),
)

AZURE_ERRORS = replace(
    OPENAI_ERRORS,
    # Azure sheds load with 429; its 503 is an outage.
    statuses=MappingProxyType({**STATUSES, 503: FailureKind.SERVER_ERROR}),
    request_ids=("apim-request-id", "x-request-id", "x-ms-client-request-id"),
)
