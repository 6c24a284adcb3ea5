"""An attempt whose answer is one body, not a stream: vectors, a count of tokens.

It is in the books like any other: alive while it holds a socket, told to observers, cut off with
its request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx

from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.frames import WireRequest
from omen.core.plan import AttemptRecord
from omen.providers import read_rate_limits
from omen.race.attempts._patience import Patience
from omen.wire.upstream import UpstreamResponse, open_response

MOST_BYTES = 64 * 1024 * 1024

Classify = Callable[[int, Mapping[str, str], bytes], UpstreamFailure]


async def fetch(
    transport: httpx.AsyncBaseTransport,
    request: WireRequest,
    classify: Classify,
    record: AttemptRecord,
) -> bytes:
    """Ask, and read the whole answer; `record` is what the socket is in use for.

    **Raises.** `UpstreamFailure`; another candidate may help, as it says.
    **Cancellation.** The socket is closed before the call is left.
    """
    with Patience(record.candidate).spend():
        async with open_response(transport, request, owner=record) as response:
            record.rate_limits = read_rate_limits(response.headers)
            body = await _read(response)
    if response.status != 200:
        raise classify(response.status, response.headers, body)
    return body


async def _read(response: UpstreamResponse) -> bytes:
    pieces = bytearray()
    while piece := await response.receive():
        pieces += piece
        if len(pieces) > MOST_BYTES:
            raise UpstreamFailure(
                FailureKind.PROTOCOL, f"the answer is larger than {MOST_BYTES} bytes"
            )
    return bytes(pieces)
