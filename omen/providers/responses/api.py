"""The Responses API that OpenAI and Azure share: which requests go by it, and how one is sent."""

from __future__ import annotations

from collections.abc import Mapping

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest, Tool
from omen.core.frames import WireRequest
from omen.providers.chat_completions.api import STREAM_HEADERS
from omen.providers.chat_completions.traits import ChatTraits
from omen.providers.responses.decoder import ResponsesDecoder
from omen.providers.responses.passthrough import own_words
from omen.providers.responses.request import responses_body
from omen.providers.shared.json import json_bytes, without


def responses_request(
    request: ChatRequest,
    candidate: Candidate,
    *,
    url: str,
    auth: Mapping[str, str],
    traits: ChatTraits,
) -> WireRequest:
    """Write a Responses request.

    **Raises.** `UpstreamFailure` (`UNSUPPORTED`) for what cannot be said there.
    """
    streams = candidate.quirks.stream and traits.stream
    written = responses_body(request, candidate.model, traits, candidate.card.max_output)
    body = json_bytes(without({**written, "stream": streams}, candidate.quirks.drop))
    verbatim = own_words(request)
    headers = {**STREAM_HEADERS, **(verbatim.headers if verbatim is not None else {}), **auth}
    return WireRequest("POST", url, headers, body, streams=streams)


def responses_decoder(request: ChatRequest, candidate: Candidate) -> ResponsesDecoder:
    """Return a decoder for one answer. A client that speaks this API gets every event, too."""
    return ResponsesDecoder(candidate.model, verbatim=own_words(request) is not None)


def speaks_responses(request: ChatRequest, traits: ChatTraits) -> bool:
    """Return whether a request has to go by Responses.

    An effort that was not asked for counts too: the model has a default, and it is not none.
    """
    if traits.api != "responses_for_tools":
        return traits.api == "responses"
    calls = any(isinstance(tool, Tool) for tool in request.tools)
    return calls and request.reasoning_effort != "none"
