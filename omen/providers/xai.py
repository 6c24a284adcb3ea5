"""xAI: OpenAI's dialect at another address, and models with refusals of their own.

Its other differences (usage without reasoning, tool calls whole, errors as plain strings, a wrong
key as a 400) are ones the shared dialect reads anyway. Its models that reason refuse penalties and
stop sequences. Which of them take an effort, and which one, differs from version to version; a
model that is not listed is sent what the caller wants.

**Source.** docs.x.ai/docs/api-reference, its guide to reasoning and its SDK's types, read
2026-11-22.
"""

from __future__ import annotations

import re
from dataclasses import replace

from omen.core.candidates import Candidate
from omen.core.chat import ChatRequest
from omen.core.frames import WireRequest
from omen.providers.chat_completions.api import bearer, chat_decoder, chat_request, classify
from omen.providers.chat_completions.listing import list_request, read_list
from omen.providers.chat_completions.traits import CLASSIC, UNKNOWN, ChatTraits
from omen.providers.shared.tool_forms import ToolForms, ToolRules
from omen.providers.spec import Decoder, Listing, ProviderSpec, Setup, Terms

_TOOLS = ToolRules()
_PLAIN = replace(CLASSIC, efforts=())
_REASONING = ChatTraits(
    refused=frozenset({"presence_penalty", "frequency_penalty"}), stop=False, efforts=()
)

_LOW_TO_HIGH = ("low", "medium", "high")
_TO_XHIGH = (*_LOW_TO_HIGH, "xhigh")

# The first match counts, and it is of the whole name.
_FAMILIES: tuple[tuple[re.Pattern[str], ChatTraits], ...] = tuple(
    (re.compile(pattern), traits)
    for pattern, traits in (
        (r".*-non-reasoning(?:-.*)?", _PLAIN),
        (r"grok-3-mini(?:-.*)?", replace(_REASONING, efforts=("low", "high"))),
        (r"grok-(?:2|3|beta|vision)(?:-.*)?", _PLAIN),
        (r"grok-4\.3(?:-.*)?", replace(_REASONING, efforts=("none", *_TO_XHIGH))),
        (r"grok-4\.5(?:-.*)?", replace(_REASONING, efforts=_LOW_TO_HIGH)),
        (r"grok-4\.[67](?:-.*)?", replace(_REASONING, efforts=_TO_XHIGH)),
        (r"grok-4\.20(?:-.*)?", replace(_REASONING, efforts=_LOW_TO_HIGH)),
        (r"grok-(?:4|build|code)(?:-.*)?", _REASONING),
    )
)


def xai_traits(model: str) -> ChatTraits:
    """Look up a model of xAI's; one that is not listed is asked the classic way."""
    matches = (traits for pattern, traits in _FAMILIES if pattern.fullmatch(model))
    return next(matches, UNKNOWN)


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a chat-completions request; `base_url` ends in /v1."""
    return chat_request(
        ToolForms(request, _TOOLS).request,
        candidate,
        url=f"{candidate.endpoint.base_url}/chat/completions",
        auth=bearer(candidate.endpoint.api_key),
        traits=xai_traits(candidate.base_model),
    )


def decoder(request: ChatRequest, candidate: Candidate) -> Decoder:
    """Make a decoder for one answer."""
    return ToolForms(request, _TOOLS).decoder(chat_decoder(request, candidate))


SPEC = ProviderSpec(
    name="xai",
    framing="sse",
    encode=encode,
    decoder=decoder,
    classify=classify,
    setup=Setup(
        default_url="https://api.x.ai/v1",
        variables={"OMEN_XAI_API_KEY": "api_key"},
        vendor_variables={"XAI_API_KEY": "api_key"},
        has_quirks=True,
    ),
    listing=Listing(request=list_request, read=read_list),
    terms=Terms(cancel_stops_billing=True),
)
