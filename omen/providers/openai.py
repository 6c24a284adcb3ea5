"""OpenAI: by chat completions, and by Responses what chat completions refuse.

A request in the words of Responses goes by Responses, word for word. Which of both another goes by
is decided by the model and the request, and no caller can tell.

**Source.** platform.openai.com/docs/api-reference/chat and /responses, read 2026-11-22.
"""

from __future__ import annotations

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.frames import WireRequest
from omen.providers.chat_completions.api import bearer, chat_decoder, chat_request, classify
from omen.providers.chat_completions.embeddings import OPENAI_EMBEDDINGS
from omen.providers.chat_completions.listing import list_request, read_list
from omen.providers.chat_completions.traits import ChatTraits, openai_traits
from omen.providers.responses.api import responses_decoder, responses_request, speaks_responses
from omen.providers.responses.passthrough import own_words
from omen.providers.shared.tool_forms import ToolForms, ToolRules
from omen.providers.spec import Decoder, Listing, ProviderSpec, Setup, Terms

_TOOLS = ToolRules(custom=True)


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a request by one of the two APIs; `base_url` ends in /v1."""
    # Most requests have no tools and are asked by chat completions. They need less work.
    if request.tools or any(message.tool_calls for message in request.messages):
        request = ToolForms(request, _TOOLS).request
    traits = openai_traits(candidate.base_model)
    by_responses = _by_responses(request, traits)
    base_url, auth = candidate.endpoint.base_url, bearer(candidate.endpoint.api_key)
    if by_responses:
        url = f"{base_url}/responses"
        return responses_request(request, candidate, url=url, auth=auth, traits=traits)
    return chat_request(
        request,
        candidate,
        url=f"{base_url}/chat/completions",
        auth=auth,
        traits=traits,
    )


def decoder(request: ChatRequest, candidate: Candidate) -> Decoder:
    """Make a decoder for one answer."""
    forms = ToolForms(request, _TOOLS)
    if _by_responses(request, openai_traits(candidate.base_model)):
        return forms.decoder(responses_decoder(request, candidate))
    return forms.decoder(chat_decoder(request, candidate))


def _by_responses(request: ChatRequest, traits: ChatTraits) -> bool:
    """Return whether a request goes by Responses: one in its words, and one that has to.

    Azure differs: not every resource has Responses, so only what has to goes by it there.
    """
    if request.verbatim is not None and own_words(request) is not None:
        return True
    return traits.api != "chat" and speaks_responses(request, traits)


SPEC = ProviderSpec(
    name="openai",
    framing="sse",
    encode=encode,
    decoder=decoder,
    classify=classify,
    setup=Setup(
        default_url="https://api.openai.com/v1",
        variables={"OMEN_OPENAI_API_KEY": "api_key"},
        vendor_variables={"OPENAI_API_KEY": "api_key"},
        has_quirks=True,
    ),
    listing=Listing(request=list_request, read=read_list),
    embedder=OPENAI_EMBEDDINGS,
    terms=Terms(cancel_stops_billing=True),
)
