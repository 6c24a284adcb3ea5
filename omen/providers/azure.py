"""Azure OpenAI (Microsoft Foundry), by its v1 API: the deployment's name is the model.

Prompt filter results and filter annotations give no event; a finish reason in one counts.

**Source.** learn.microsoft.com/azure/ai-foundry/openai/latest, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping

from omen.candidates import Candidate
from omen.chat import ChatRequest
from omen.errors import UpstreamFailure
from omen.frames import Framing, WireRequest
from omen.providers._failures import classify_answer
from omen.providers._openai_chat import chat_request
from omen.providers._openai_decoder import ChatDecoder
from omen.providers._openai_errors import AZURE_ERRORS
from omen.providers._openai_models import openai_traits
from omen.providers._spec import Decoder

NAME = "azure"
BASE_URL: str | None = None
FRAMING: Framing = "sse"

_V1 = "/openai/v1"


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a chat-completions request; `base_url` is the resource, with or without the v1 path."""
    resource = candidate.endpoint.base_url.removesuffix(_V1)
    api_key = candidate.endpoint.api_key
    return chat_request(
        request,
        candidate.model,
        url=f"{resource}{_V1}/chat/completions",
        auth={"api-key": api_key} if api_key else {},
        traits=openai_traits(candidate.model),
    )


def decoder(request: ChatRequest, candidate: Candidate) -> Decoder:
    """Make a decoder for one answer."""
    return ChatDecoder(AZURE_ERRORS)


def classify(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    """Say what an answer that is not a stream means."""
    return classify_answer(AZURE_ERRORS, status, headers, body)
