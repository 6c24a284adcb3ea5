"""An attempt whose answer is one body, not a stream: vectors, a count of tokens.

It is recorded like any other attempt: it is live while it holds a socket, observers receive its
moments, and it is cancelled with its request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import httpx
import trio

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import WireRequest
from omen.core.records import AttemptRecord
from omen.core.trace import NO_HEADERS
from omen.isolation import BytesHeld
from omen.race.attempts._asked import hold
from omen.race.attempts._patience import Patience
from omen.wire.upstream import UpstreamResponse, open_response

MOST_BYTES = 64 * 1024 * 1024
"""The largest body that is read."""

Classify = Callable[[int, Mapping[str, str], bytes], UpstreamFailure]


async def fetch(
    transport: httpx.AsyncBaseTransport,
    request: WireRequest,
    classify: Classify,
    record: AttemptRecord,
    read_limits: Callable[[Mapping[str, str], AttemptRecord], None],
    *,
    held: BytesHeld,
) -> bytes:
    """Send the request and return the whole body of the answer; `record` is the socket's owner.

    The body is held in `held`. `read_limits` gets the headers of the answer as soon as they are
    there.

    **Raises.** `UpstreamFailure`; its `failover` says whether another candidate may help.
    **Cancellation.** The socket is closed before the call ends.
    """
    with Patience(record.candidate):
        async with open_response(
            transport,
            request,
            record,
            partial(setattr, record, "unsent"),
            trace_headers(record),
        ) as response:
            read_limits(response.headers, record)
            if response.status == 200:
                record.responded_at = trio.current_time()
            body = await _read(response, held)
    if response.status != 200:
        raise classify(response.status, response.headers, body)
    return body


def trace_headers(record: AttemptRecord) -> Mapping[str, str]:
    """Return the headers that tell the upstream which trace an attempt belongs to."""
    return NO_HEADERS if record.trace is None else record.trace.headers


async def _read(response: UpstreamResponse, held: BytesHeld) -> bytes:
    pieces = bytearray()
    while piece := await response.receive():
        hold(held, len(piece))
        pieces += piece
        if len(pieces) > MOST_BYTES:
            raise UpstreamFailure(
                FailureKind.PROTOCOL, f"the answer is larger than {MOST_BYTES} bytes"
            )
    return bytes(pieces)
