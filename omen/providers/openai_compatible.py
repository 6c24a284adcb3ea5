"""Any server that speaks chat completions: vLLM, llama.cpp, LM Studio, Groq, OpenRouter and others.

They know the classic field names, so those are what they get. Nobody promises that such a server
stops generating, and billing, when its client leaves.

**Source.** the servers' own references, and their streams as observed, read 2026-11-22.
"""

from __future__ import annotations

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.frames import WireRequest
from omen.providers.chat_completions.api import bearer, chat_decoder, chat_request, classify
from omen.providers.chat_completions.embeddings import OPENAI_EMBEDDINGS
from omen.providers.chat_completions.listing import list_request, read_list
from omen.providers.chat_completions.servers import compatible_server
from omen.providers.shared.addresses import is_private
from omen.providers.spec import Decoder, Listing, ProviderSpec, Setup, Terms


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a chat-completions request; `base_url` ends in /v1, or wherever the server has it."""
    base_url = candidate.endpoint.base_url
    return chat_request(
        request,
        candidate,
        url=f"{base_url}/chat/completions",
        auth=bearer(candidate.endpoint.api_key),
        server=compatible_server(base_url),
    )


def decoder(request: ChatRequest, candidate: Candidate) -> Decoder:
    """Make a decoder for one answer. Some of these servers never send a finish reason."""
    return chat_decoder(request, candidate, done_is_enough=True)


SPEC = ProviderSpec(
    name="openai_compatible",
    framing="sse",
    encode=encode,
    decoder=decoder,
    classify=classify,
    setup=Setup(needs_key=False, has_quirks=True),
    listing=Listing(request=list_request, read=read_list, is_optional=True),
    embedder=OPENAI_EMBEDDINGS,
    terms=Terms(is_local=is_private),
)
