"""A request to a candidate in its provider's wire format: written, and written again.

A heavy request is written in a worker thread, in short steps. What its long texts become is kept
for the other attempts of the race, so a picture is encoded once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.errors import UpstreamFailure
from omen.core.frames import WireRequest
from omen.core.json_writing import Texts, short_steps
from omen.isolation import BytesHeld, off_loop, too_much_held
from omen.providers import Decoder, ProviderSpec
from omen.race.attempts._faults import undecodable, unwritable

_HEAVY_TEXT = 256 * 1024
"""Characters of a prompt that OMEN itself made heavy, out of drafts."""


class Asked:
    """One attempt's request. `texts` are shared with the other attempts of its race."""

    def __init__(self, spec: ProviderSpec, request: ChatRequest, texts: Texts) -> None:
        self.spec = spec
        self.request = request
        self.is_heavy = request.is_heavy or _has_long_texts(request)
        self._texts = texts
        self.held: BytesHeld
        self.candidate: Candidate
        self.wire: WireRequest

    async def write_for(self, candidate: Candidate, held: BytesHeld) -> None:
        """Write the request for a candidate; its body is held in `held`.

        **Raises.** `UpstreamFailure`.
        """
        self.candidate, self.held = candidate, held
        write = partial(self.spec.encode, self.request)
        self.wire = await written(write, candidate, is_heavy=self.is_heavy, texts=self._texts)
        held.release()
        hold(held, len(self.wire.body))

    def forget_body(self) -> None:
        """Let go of the body that was sent."""
        wire = self.wire
        self.wire = WireRequest(wire.method, wire.url, wire.headers, b"", wire.streams)

    def make_decoder(self) -> Decoder:
        """Return a decoder for the answer, which has begun. **Raises.** `UpstreamFailure`."""
        try:
            return self.spec.decoder(self.request, self.candidate)
        except UpstreamFailure:
            raise
        except Exception as error:
            raise undecodable(self.candidate, error) from error


async def written(
    write: Callable[[Candidate], WireRequest],
    candidate: Candidate,
    *,
    is_heavy: bool,
    texts: Texts | None = None,
) -> WireRequest:
    """Return what `write` writes for a candidate; a heavy request in a worker thread.

    **Raises.** `UpstreamFailure`.
    """
    try:
        if not is_heavy:
            return write(candidate)
        with short_steps({} if texts is None else texts):
            return await off_loop(partial(write, candidate))
    except UpstreamFailure:
        raise
    except Exception as error:
        raise unwritable(candidate, error) from error


def hold(held: BytesHeld, more: int) -> None:
    """Hold more bytes of an attempt. **Raises.** `UpstreamFailure`, which is OMEN's own fault."""
    if not held.grow(more):
        raise too_much_held()


def _has_long_texts(request: ChatRequest) -> bool:
    size = 0
    for message in request.messages:
        size += len(message.text)
        if size > _HEAVY_TEXT:
            return True
    return False
