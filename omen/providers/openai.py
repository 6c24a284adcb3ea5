"""OpenAI: by chat completions, and by Responses what chat completions refuse.

A request in the words of Responses goes by Responses, word for word. Which of both another goes by
is decided by the model and the request, and no caller can tell.

**Source.** platform.openai.com/docs/api-reference/chat and /responses, read 2026-11-22.
"""

from __future__ import annotations

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest, Tool
from omen.core.frames import WireRequest
from omen.providers.chat_completions.api import STREAM_HEADERS, bearer, chat_request, classify
from omen.providers.chat_completions.api import decoder as chat_decoder
from omen.providers.chat_completions.embeddings import OPENAI_EMBEDDINGS
from omen.providers.chat_completions.listing import list_request, read_list
from omen.providers.chat_completions.traits import ChatTraits, openai_traits
from omen.providers.responses.decoder import ResponsesDecoder
from omen.providers.responses.passthrough import own_words
from omen.providers.responses.request import responses_body
from omen.providers.shared.json import json_bytes
from omen.providers.shared.tool_forms import ToolForms, ToolRules
from omen.providers.spec import Decoder, Listing, ProviderSpec, Setup, Terms

_TOOLS = ToolRules(custom=True)


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a request by one of the two APIs; `base_url` ends in /v1."""
    request = ToolForms(request, _TOOLS).request
    traits = openai_traits(candidate.base_model)
    base_url, auth = candidate.endpoint.base_url, bearer(candidate.endpoint.api_key)
    if speaks_responses(request, traits):
        most = candidate.card.max_output
        body = json_bytes(responses_body(request, candidate.model, traits, most))
        said = own_words(request)
        headers = {**STREAM_HEADERS, **(said.headers if said is not None else {}), **auth}
        return WireRequest("POST", f"{base_url}/responses", headers, body)
    return chat_request(
        request,
        candidate.model,
        url=f"{base_url}/chat/completions",
        auth=auth,
        traits=traits,
        quirks=candidate.quirks,
    )


def decoder(request: ChatRequest, candidate: Candidate) -> Decoder:
    """Make a decoder for one answer."""
    forms = ToolForms(request, _TOOLS)
    if speaks_responses(request, openai_traits(candidate.base_model)):
        verbatim = own_words(request) is not None
        return forms.decoder(ResponsesDecoder(candidate.model, verbatim=verbatim))
    return forms.decoder(chat_decoder(request, candidate))


def speaks_responses(request: ChatRequest, traits: ChatTraits) -> bool:
    """Whether a request goes by Responses: what was asked in its words, and what has to.

    An effort that was not asked for counts too: the model has a default, and it is not none.
    """
    if own_words(request) is not None:
        return True
    if traits.api != "responses_for_tools":
        return traits.api == "responses"
    calls = any(isinstance(tool, Tool) for tool in request.tools)
    return calls and request.reasoning_effort != "none"


SPEC = ProviderSpec(
    name="openai",
    framing="sse",
    encode=encode,
    decoder=decoder,
    classify=classify,
    setup=Setup(
        default_url="https://api.openai.com/v1",
        variables={"OMEN_OPENAI_API_KEY": "api_key"},
        has_quirks=True,
    ),
    listing=Listing(request=list_request, read=read_list),
    embedder=OPENAI_EMBEDDINGS,
    terms=Terms(cancel_stops_billing=True),
)
