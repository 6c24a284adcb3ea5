"""Decides whether a response is an answer that can be read, by its status and its first bytes.

A content type is a hint. Proxies and small servers send an event stream as `text/plain` or as
`application/json`, and some servers answer with one JSON object although a stream was requested.
The official SDKs read such answers, because they do not look at the content type.
"""

from __future__ import annotations

import re
from functools import partial

from omen.core.candidates import Candidate
from omen.core.frames import Framing
from omen.isolation import is_heavy, off_loop
from omen.providers import ProviderSpec
from omen.providers.shared.json import parse_json
from omen.race.attempts._faults import unreadable
from omen.wire.upstream import UpstreamResponse
from omen.wire.whole import LARGEST_OBJECT

_CONTENT_TYPES = {"sse": "text/event-stream", "ndjson": "application/x-ndjson"}
_STREAM = {"sse": re.compile(rb"(?:data|event|id|retry)?:"), "ndjson": re.compile(rb"\{")}
"""The beginning of a stream of each framing."""
_ANSWERS = ("choices", "content", "output", "message")
"""Fields that each hold an answer in one of the APIs that are spoken."""
_BLANKS = b" \t\r\n\xef\xbb\xbf"
_LONGEST_ERROR = 1024 * 1024


async def expect_answer(
    spec: ProviderSpec, response: UpstreamResponse, candidate: Candidate
) -> None:
    """Return if the response is an answer; its body is then unread.

    **Raises.** `UpstreamFailure`, classified by the provider.
    """
    if response.status == 200 and await _is_answer(spec.framing, response):
        return
    body = await response.read_body(_LONGEST_ERROR)
    try:
        failure = spec.classify(response.status, response.headers, body)
    except Exception as error:
        raise unreadable(candidate, error) from error
    try:
        raise failure
    finally:
        del failure  # its traceback refers to this frame, which holds the body


async def _is_answer(framing: Framing, response: UpstreamResponse) -> bool:
    """Return whether the body of a 200 is an answer. A 200 without a content type is one."""
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type in ("", _CONTENT_TYPES[framing]):
        return True
    head = b""
    while not head.strip(_BLANKS) and (piece := await response.receive()):
        head += piece
        if len(head) > _LONGEST_ERROR:
            break
    response.unread(head)
    begun = head.lstrip(_BLANKS)
    if framing == "ndjson" or not begun.startswith(b"{"):
        return content_type != "text/html" and _STREAM[framing].match(begun) is not None
    # An error of xAI comes like this, and a proxy's, too.
    body = await response.read_body(LARGEST_OBJECT)
    response.unread(body)
    check = partial(_holds_answer, body)
    return await off_loop(check) if is_heavy(body) else check()


def _holds_answer(body: bytes) -> bool:
    try:
        value = parse_json(body)
    except ValueError:
        return False
    return isinstance(value, dict) and not value.get("error") and any(map(value.get, _ANSWERS))
