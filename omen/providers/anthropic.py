"""Anthropic, by the Messages API.

**Source.** docs.anthropic.com/en/api/messages, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping

from omen.core.candidates import Candidate, Endpoint, Quirks
from omen.core.chat import ChatRequest
from omen.core.errors import UpstreamFailure
from omen.core.frames import Frame, WireRequest
from omen.providers.messages.decoder import MessagesDecoder
from omen.providers.messages.errors import ANTHROPIC_ERRORS
from omen.providers.messages.passthrough import own_words
from omen.providers.messages.request import count_body, messages_body
from omen.providers.shared.failures import classify_answer
from omen.providers.shared.json import frame_object, json_bytes, not_the_wire_format, without
from omen.providers.shared.listing import read_ids
from omen.providers.shared.tool_forms import ToolForms, ToolRules
from omen.providers.spec import Decoder, Listing, ProviderSpec, Setup, Terms, TokenCounter

_API_VERSION = "2023-06-01"
"""The newer one refuses sampling parameters from every model, and streams nothing differently. A
client that speaks this API itself says which one it means."""

_TOOLS = ToolRules()


def encode(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a Messages request; `base_url` is the bare origin."""
    request = ToolForms(request, _TOOLS).request
    written = messages_body(request, candidate.model, candidate.card.max_output)
    body = json_bytes(without(written, candidate.quirks.drop))
    return _post(request, candidate, "/v1/messages", body)


def decoder(request: ChatRequest, candidate: Candidate) -> Decoder:
    """Make a decoder for one answer."""
    verbatim = own_words(request) is not None
    after_a_result = bool(request.messages) and request.messages[-1].role == "tool"
    decoder = MessagesDecoder(
        candidate.model, verbatim=verbatim, may_be_empty=verbatim and after_a_result
    )
    return ToolForms(request, _TOOLS).decoder(decoder)


def encode_count(request: ChatRequest, candidate: Candidate) -> WireRequest:
    """Write a request to count the tokens of a prompt.

    **Raises.** `UpstreamFailure` (`UNSUPPORTED`) when this wire format cannot say the prompt.
    """
    forms = ToolForms(request, _TOOLS)
    body = json_bytes(count_body(forms.request, candidate.model))
    return _post(request, candidate, "/v1/messages/count_tokens", body)


def read_count(body: bytes) -> int:
    """Read the answer to it. **Raises.** `UpstreamFailure` (`PROTOCOL`)."""
    tokens = frame_object(Frame(body)).get("input_tokens")
    if not isinstance(tokens, int):
        raise not_the_wire_format("there is no count of tokens")
    return tokens


def _post(request: ChatRequest, candidate: Candidate, path: str, body: bytes) -> WireRequest:
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "anthropic-version": _API_VERSION,
    }
    said = own_words(request)
    if said is not None:
        headers |= said.headers
    if candidate.endpoint.api_key:
        headers["x-api-key"] = candidate.endpoint.api_key
    return WireRequest("POST", f"{candidate.endpoint.base_url}{path}", headers, body)


def classify(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
    """Say what an answer that is not a stream means."""
    return classify_answer(ANTHROPIC_ERRORS, status, headers, body)


def list_request(endpoint: Endpoint, quirks: Quirks) -> WireRequest:
    """Write a request for the models."""
    headers = {"anthropic-version": _API_VERSION}
    if endpoint.api_key:
        headers["x-api-key"] = endpoint.api_key
    return WireRequest("GET", f"{endpoint.base_url}/v1/models?limit=1000", headers)


def read_list(body: bytes) -> tuple[str, ...]:
    """Read the ids. **Raises.** `UpstreamFailure` (`PROTOCOL`)."""
    return read_ids(body, listed="data", name="id")


SPEC = ProviderSpec(
    name="anthropic",
    framing="sse",
    encode=encode,
    decoder=decoder,
    classify=classify,
    setup=Setup(
        default_url="https://api.anthropic.com",
        own_paths=("/v1", "/v1/messages"),
        variables={"OMEN_ANTHROPIC_API_KEY": "api_key"},
        vendor_variables={"ANTHROPIC_API_KEY": "api_key"},
    ),
    listing=Listing(request=list_request, read=read_list),
    counter=TokenCounter(encode_count, read_count),
    terms=Terms(cancel_stops_billing=True),
)
