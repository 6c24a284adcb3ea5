"""Azure OpenAI (Microsoft Foundry), by its v1 API or by a dated one.

By the v1 API, Responses are used where OpenAI's are; the dated APIs of chat completions have none.
By the v1 API the name of a deployment is the model, by a dated one part of the path. Prompt filter
results and filter annotations give no event; a finish reason in one counts.

**Source.** learn.microsoft.com/azure/ai-foundry/openai/latest, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode

from omen.core.candidates import Candidate, Endpoint, Quirks
from omen.core.chat import ChatRequest
from omen.core.embeddings import EmbeddingsRequest
from omen.core.errors import UpstreamFailure
from omen.core.frames import WireRequest
from omen.providers.chat_completions import embeddings
from omen.providers.chat_completions.api import chat_decoder, chat_request
from omen.providers.chat_completions.errors import AZURE_ERRORS
from omen.providers.chat_completions.listing import read_list
from omen.providers.chat_completions.traits import openai_traits
from omen.providers.responses.api import responses_decoder, responses_request, speaks_responses
from omen.providers.shared.failures import classify_answer
from omen.providers.shared.tool_forms import ToolForms, ToolRules
from omen.providers.spec import Decoder, Embedder, Listing, ProviderSpec, Setup, Terms

_V1 = "/openai/v1"
_NAMES_OF_V1 = ("v1", "latest", "preview")
"""What stands for a date where the v1 API is meant."""
_FIRST_WITH_STREAM_OPTIONS = "2024-09"
"""Dates of the API compare as text."""

_TOOLS = ToolRules(custom=True)


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a request by one of the two APIs; `base_url` is the resource, or with the v1 path."""
    request = ToolForms(request, _TOOLS).request
    traits = openai_traits(candidate.base_model)
    if _speaks_responses(request, candidate):
        url = f"{_v1(candidate)}/responses{_query(candidate)}"
        return responses_request(request, candidate, url=url, auth=auth(candidate), traits=traits)
    return chat_request(
        request,
        candidate,
        url=route(candidate, "chat/completions"),
        auth=auth(candidate),
        traits=traits,
        quirks=_dated(candidate.quirks),
    )


def _speaks_responses(request: ChatRequest, candidate: Candidate) -> bool:
    """Whether a request goes by Responses, which the dated APIs of chat completions lack."""
    version = candidate.quirks.api_version
    by_v1 = version is None or version in _NAMES_OF_V1
    return by_v1 and speaks_responses(request, openai_traits(candidate.base_model))


def _v1(candidate: Candidate) -> str:
    return candidate.endpoint.base_url.removesuffix(_V1) + _V1


def _query(candidate: Candidate) -> str:
    return "?api-version=preview" if candidate.quirks.api_version == "preview" else ""


def route(candidate: Candidate, operation: str) -> str:
    """Return the URL of an operation of a deployment."""
    resource = candidate.endpoint.base_url.removesuffix(_V1)
    version = candidate.quirks.api_version
    if version is None or version in _NAMES_OF_V1:
        return f"{_v1(candidate)}/{operation}{_query(candidate)}"
    deployment = quote(candidate.model, safe="")
    query = urlencode({"api-version": version})
    return f"{resource}/openai/deployments/{deployment}/{operation}?{query}"


def auth(candidate: Candidate) -> Mapping[str, str]:
    """Write the header that the key goes into, none without a key."""
    api_key = candidate.endpoint.api_key
    return {"api-key": api_key} if api_key else {}


def encode_embeddings(request: EmbeddingsRequest, candidate: Candidate) -> WireRequest:
    """Write a request for embeddings to a deployment."""
    url = route(candidate, "embeddings")
    return embeddings.embeddings_request(request, candidate.model, url, auth(candidate))


def _dated(quirks: Quirks) -> Quirks:
    """Add what a dated API did not know yet on its day."""
    version = quirks.api_version
    if version is not None and version[:1].isdigit() and version < _FIRST_WITH_STREAM_OPTIONS:
        return replace(quirks, stream_usage=False)
    return quirks


def decoder(request: ChatRequest, candidate: Candidate) -> Decoder:
    """Make a decoder for one answer."""
    forms = ToolForms(request, _TOOLS)
    if _speaks_responses(request, candidate):
        return forms.decoder(responses_decoder(request, candidate))
    return forms.decoder(chat_decoder(request, candidate, AZURE_ERRORS))


def classify(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    """Say what an answer that is not a stream means."""
    return classify_answer(AZURE_ERRORS, status, headers, body)


def list_request(endpoint: Endpoint, quirks: Quirks) -> WireRequest:
    """Write a request for the models that could be deployed: it shows that the key is accepted."""
    resource, version = endpoint.base_url.removesuffix(_V1), quirks.api_version
    dated = version is not None and version not in _NAMES_OF_V1
    path = f"/openai/models?api-version={version}" if dated else f"{_V1}/models"
    headers = {"api-key": endpoint.api_key} if endpoint.api_key else {}
    return WireRequest("GET", resource + path, headers)


SPEC = ProviderSpec(
    name="azure",
    framing="sse",
    encode=encode,
    decoder=decoder,
    classify=classify,
    setup=Setup(
        url_key="endpoint",
        bare_origin=True,
        tolerated_path=_V1,
        variables={
            "OMEN_AZURE_OPENAI_ENDPOINT": "endpoint",
            "OMEN_AZURE_OPENAI_API_KEY": "api_key",
        },
        vendor_variables={
            "AZURE_OPENAI_ENDPOINT": "endpoint",
            "AZURE_OPENAI_API_KEY": "api_key",
        },
        has_quirks=True,
        has_api_version=True,
    ),
    listing=Listing(request=list_request, read=read_list, is_served=False),
    embedder=Embedder(encode_embeddings, embeddings.read),
    # Microsoft bills OpenAI's list for global deployments.
    terms=Terms(cancel_stops_billing=True, priced_as="openai"),
)
