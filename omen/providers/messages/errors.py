"""How Anthropic reports errors, in an answer and inside a stream.

**Source.** docs.anthropic.com/en/api/errors, read 2026-11-22.
"""

from __future__ import annotations

from types import MappingProxyType

from omen.core.errors import FailureKind
from omen.providers.shared.error_table import (
    ACCOUNT_REFUSED,
    MODEL_REFUSALS,
    NO_SUCH_MODEL,
    TOO_LONG,
    ErrorTable,
    text_rule,
)

ANTHROPIC_ERRORS = ErrorTable(
    texts=(
        text_rule(FailureKind.CONTEXT_LENGTH, rf"{TOO_LONG}|exceeds? (?:the )?context", 400, 413),
        # Both come as an ordinary invalid_request_error or rate_limit_error; waiting cures neither.
        text_rule(
            FailureKind.QUOTA,
            r"credit balance|spend(?:ing)? (?:limit|cap)|api usage limits",
            400,
            403,
            429,
        ),
        ACCOUNT_REFUSED,
        NO_SUCH_MODEL,
        *MODEL_REFUSALS,
    ),
    words=MappingProxyType(
        {
            "invalid_request_error": FailureKind.INVALID_REQUEST,
            "authentication_error": FailureKind.UPSTREAM_AUTH,
            "billing_error": FailureKind.QUOTA,
            "permission_error": FailureKind.UPSTREAM_AUTH,
            "not_found_error": FailureKind.NOT_FOUND,
            "conflict_error": FailureKind.TIMEOUT,
            "request_too_large": FailureKind.TOO_LARGE,
            "rate_limit_error": FailureKind.RATE_LIMIT,
            "api_error": FailureKind.SERVER_ERROR,
            "timeout_error": FailureKind.TIMEOUT,
            "overloaded_error": FailureKind.OVERLOADED,
        }
    ),
    request_ids=("request-id",),
)
