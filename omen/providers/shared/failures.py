"""From an upstream's error to an `UpstreamFailure` that is fit for the caller.

The upstream's own sentence is passed on only where the caller can act on it. For everything that
is between OMEN and the upstream we say it ourselves: those sentences repeat keys, team names and
addresses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.secrets import redact, redact_fields
from omen.providers.shared.error_body import ErrorReport, read_body, read_error
from omen.providers.shared.error_table import ErrorTable
from omen.providers.shared.retry_after import retry_after

_LONGEST_MESSAGE = 500

_OUR_WORDS: Mapping[FailureKind, str] = MappingProxyType(
    {
        FailureKind.INVALID_REQUEST: "the upstream refused the request",
        FailureKind.CONTEXT_LENGTH: "the prompt is too long for the model",
        FailureKind.TOO_LARGE: "the request is too large for the upstream",
        FailureKind.CONTENT_FILTER: "the upstream's content filter refused the request",
        FailureKind.UNSUPPORTED: "the upstream cannot do what was asked",
        FailureKind.NOT_FOUND: "the upstream does not have this model",
        FailureKind.UPSTREAM_AUTH: "the upstream did not accept the gateway's credentials",
        FailureKind.UPSTREAM_MISCONFIGURED: "the upstream's address or version is misconfigured",
        FailureKind.RATE_LIMIT: "the upstream's rate limit is reached",
        FailureKind.QUOTA: "the gateway's quota at the upstream is used up",
        FailureKind.OVERLOADED: "the upstream is overloaded",
        FailureKind.SERVER_ERROR: "the upstream failed",
        FailureKind.TIMEOUT: "the upstream timed out",
        FailureKind.CONNECTION: "the upstream gave the request up",
        FailureKind.TRUNCATED: "the upstream's stream stopped before the answer was complete",
        FailureKind.PROTOCOL: "the upstream's answer is not a stream",
        FailureKind.EMPTY: "the upstream's answer is empty",
    }
)

_CODES: Mapping[FailureKind, str] = MappingProxyType(
    {FailureKind.CONTEXT_LENGTH: "context_length_exceeded"}
)
"""In OpenAI's words, which clients look for in order to shorten a conversation."""
_SERVER_FAULTS = frozenset({"server_error", "api_error", "internal_server_error"})
"""Codes and types of errors that a client repeats. llama.cpp has one of them for refusals, too."""

_CALLER_CAN_ACT = frozenset(
    {
        FailureKind.INVALID_REQUEST,
        FailureKind.CONTEXT_LENGTH,
        FailureKind.TOO_LARGE,
        FailureKind.CONTENT_FILTER,
        FailureKind.UNSUPPORTED,
        FailureKind.NOT_FOUND,
        FailureKind.RATE_LIMIT,
    }
)

_WINDOW = re.compile(
    r"(?:context|prompt) length (?:is|of|\() ?([0-9][0-9,]{2,12})|> ([0-9][0-9,]{2,12}) maximum",
    re.IGNORECASE,
)
"""The model's window in the sentences of OpenAI, xAI, SGLang, vLLM and Anthropic."""

# A second line of defence: no sentence is known to carry one where the caller can act.
_SECRET = re.compile(r"\b(?:sk|xai|org|proj|team)-[\w*.-]{4,}|\bBearer\s+\S+", re.IGNORECASE)


def classify_answer(
    table: ErrorTable, status: int, headers: Mapping[str, str], body: bytes
) -> UpstreamFailure:
    """Say what an answer that is not a stream means. It may be a 200 with an error inside."""
    report = read_body(body)
    if report is not None:
        return _failure(table, table.kind(status, report), status, headers, report)
    if status < 300:
        kind = FailureKind.PROTOCOL
    elif status == 404:
        # Every API spoken here says in JSON which model it lacks; this is another server's 404.
        kind = FailureKind.UPSTREAM_MISCONFIGURED
    else:
        kind = table.kind(status, ErrorReport())
    return _failure(table, kind, status, headers, ErrorReport())


def classify_frame(table: ErrorTable, value: object) -> UpstreamFailure:
    """Say what an error object inside a stream means; its 200 says nothing."""
    report = read_error(value) or ErrorReport()
    return _failure(table, table.kind(None, report), None, {}, report)


def truncated() -> UpstreamFailure:
    """Make the failure for a stream that stopped without saying that the answer was complete."""
    return UpstreamFailure(FailureKind.TRUNCATED, _OUR_WORDS[FailureKind.TRUNCATED])


def unsupported(what: str) -> UpstreamFailure:
    """Make the failure for a request that a wire format cannot say."""
    return UpstreamFailure(FailureKind.UNSUPPORTED, f"this provider cannot be asked for {what}")


def _failure(
    table: ErrorTable,
    kind: FailureKind,
    status: int | None,
    headers: Mapping[str, str],
    report: ErrorReport,
) -> UpstreamFailure:
    report = _without_secrets(report)
    request_ids = (redact(headers[name]) for name in table.request_ids if name in headers)
    failure = UpstreamFailure(
        kind,
        _message(kind, report.message),
        retry_after=retry_after(headers, report.message, report.retry_delay),
        upstream_status=status,
        upstream_code=_code(kind, report),
        request_id=next(request_ids, report.request_id),
    )
    if kind in _CALLER_CAN_ACT:
        failure.param = report.param
    if kind is FailureKind.CONTEXT_LENGTH and (stated := _WINDOW.search(report.message or "")):
        failure.window = int((stated[1] or stated[2]).replace(",", ""))
    return failure


def _without_secrets(report: ErrorReport) -> ErrorReport:
    """Return a report in which no field shows a secret of the gateway, or a part of one.

    The message is searched before it is cut: a cut secret would not be found.
    """
    message, code, kind, param, request_id = redact_fields(
        [report.message, report.code, report.type, report.param, report.request_id]
    )
    return replace(
        report, message=message, code=code, type=kind, param=param, request_id=request_id
    )


def _code(kind: FailureKind, report: ErrorReport) -> str | None:
    """Return the code for the caller. For what clients act on it is the same from every vendor."""
    code = _CODES.get(kind) or report.code or report.type
    return None if kind in _CALLER_CAN_ACT and code in _SERVER_FAULTS else code


def _message(kind: FailureKind, text: str | None) -> str:
    if kind not in _CALLER_CAN_ACT or text is None:
        return _OUR_WORDS[kind]
    line = _SECRET.sub("[redacted]", " ".join(text.split()))
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"
