"""Ollama, by its native API: local servers, and ollama.com with a key.

**Source.** github.com/ollama/ollama docs/api.md, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.errors import UpstreamFailure
from omen.core.frames import WireRequest
from omen.providers.ollama_chat import embeddings
from omen.providers.ollama_chat.decoder import ApiChatDecoder
from omen.providers.ollama_chat.errors import OLLAMA_ERRORS
from omen.providers.ollama_chat.listing import (
    list_request,
    read_list,
    read_show,
    show_request,
)
from omen.providers.ollama_chat.request import api_chat_body
from omen.providers.shared.failures import classify_answer
from omen.providers.shared.json import json_bytes, without
from omen.providers.shared.tool_forms import ToolForms, ToolRules
from omen.providers.spec import (
    Decoder,
    Embedder,
    Listing,
    ModelDetails,
    ProviderSpec,
    Setup,
    Terms,
)

_TOOLS = ToolRules(strict_names=False)


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write an /api/chat request; `base_url` is the bare origin."""
    headers = {"content-type": "application/json", "accept": "application/x-ndjson"}
    if candidate.endpoint.api_key:
        headers["authorization"] = f"Bearer {candidate.endpoint.api_key}"
    abilities = candidate.card.abilities
    thinks = abilities is None or "reasoning" in abilities
    request = ToolForms(request, _TOOLS).request
    written = api_chat_body(request, candidate.model, thinks=thinks)
    body = json_bytes(without(written, candidate.quirks.drop))
    return WireRequest("POST", f"{candidate.endpoint.base_url}/api/chat", headers, body)


def decoder(request: ChatRequest, candidate: Candidate) -> Decoder:
    """Make a decoder for one answer."""
    return ToolForms(request, _TOOLS).decoder(ApiChatDecoder())


def classify(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    """Say what an answer that is not a stream means."""
    return classify_answer(OLLAMA_ERRORS, status, headers, body)


SPEC = ProviderSpec(
    name="ollama",
    framing="ndjson",
    encode=encode,
    decoder=decoder,
    classify=classify,
    setup=Setup(
        url_key="endpoints",
        default_url="http://localhost:11434",
        bare_origin=True,
        needs_key=False,
        variables={"OMEN_OLLAMA_ENDPOINTS": "endpoints"},
        # The server is silent while it loads a model, for minutes when the model is large.
        first_token_timeout_seconds=300.0,
    ),
    listing=Listing(
        request=list_request,
        read=read_list,
        details=ModelDetails(show_request, read_show),
        default_tag="latest",
    ),
    embedder=Embedder(embeddings.encode, embeddings.read),
    terms=Terms(cancel_stops_billing=True, is_free=True, is_local=lambda base_url: True),
)
