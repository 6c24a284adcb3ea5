"""The chat-completions request.

Nothing is sent that the client did not say, and what the vocabulary has no word for goes through
as it came. What a model is known to refuse, and what would only have coloured its answer
(temperature, penalties, stop sequences, an effort it does not have), is left out; what would have
been a part of the answer (logprobs) is UNSUPPORTED.

**Source.** OpenAI's reference of POST /v1/chat/completions, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from omen.core.candidates import PLAIN, Quirks
from omen.core.cards import UNKNOWN as NO_CARD
from omen.core.cards import ModelCard
from omen.core.chat import ChatRequest, Message, NamedTool, Opaque, ResponseFormat, Tool, ToolChoice
from omen.providers.chat_completions.messages import write_message, write_opaque
from omen.providers.chat_completions.servers import OPENAI_SERVER, ServerTraits, with_quirks
from omen.providers.chat_completions.traits import ChatTraits, effort_for, samples
from omen.providers.shared.failures import unsupported
from omen.providers.shared.turns import in_order

_NEVER_FROM_EXTRAS = frozenset({"omen", "tags", "stream", "stream_options", "model", "n"})

_NO_CHOICE = ("auto", "none")
_SAMPLING = ("top_p", "presence_penalty", "frequency_penalty")
_SAMPLING_EXTRAS = frozenset({"logit_bias"})
_USER_FIELDS = ("user", "safety_identifier")


def chat_body(
    request: ChatRequest,
    model: str,
    traits: ChatTraits,
    quirks: Quirks = PLAIN,
    *,
    server: ServerTraits = OPENAI_SERVER,
    card: ModelCard = NO_CARD,
) -> dict[str, Any]:
    """Write the body of a request, streamed where that is possible.

    **Raises.** `UpstreamFailure` (`UNSUPPORTED`) for what cannot be said here.
    """
    known = (quirks.developer_role, quirks.reasoning_back)
    if any(value is not None for value in (*known, quirks.vendor_fields, quirks.cache_control)):
        server = with_quirks(server, quirks)
    messages: Sequence[Message] = request.messages
    if any(message.role == "tool" for message in messages):
        messages = in_order(messages)
    streams = quirks.stream and traits.stream
    body: dict[str, Any] = {
        "model": model,
        "messages": [write_message(message, server) for message in messages],
        "stream": streams,
    }
    if streams and quirks.stream_usage:
        body["stream_options"] = {"include_usage": True}
    body |= _tool_fields(request)
    if request.response_format is not None:
        body["response_format"] = _response_format(request.response_format, server)
    body |= _limits(request, traits, quirks, server, card)
    body |= _said({"seed": request.seed, "user": request.user})
    effort = request.reasoning_effort
    if effort is not None:
        effort = effort_for(effort, traits)
    body |= _said({"reasoning_effort": effort})
    unwanted = set(quirks.drop | traits.refused)
    if traits.sampling == "always" or samples(traits, effort):
        body |= _sampling(request, server)
    elif request.logprobs or request.top_logprobs:
        raise unsupported("logprobs with this model")
    else:
        unwanted |= _SAMPLING_EXTRAS
    foreign = request.extras_dialect not in (None, "openai")
    whole = _with_extras(body, {} if foreign else request.extras)
    whole |= {name: _user(whole[name], server) for name in _USER_FIELDS if name in whole}
    return {name: value for name, value in whole.items() if name not in unwanted}


def _tool_fields(request: ChatRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if request.tools:
        fields["tools"] = [_tool(tool) for tool in request.tools]
        fields |= _said({"parallel_tool_calls": request.parallel_tool_calls})
    # Without tools there is nothing to choose, and both fields are refused.
    if request.tool_choice is not None and (request.tools or request.tool_choice not in _NO_CHOICE):
        fields["tool_choice"] = _tool_choice(request.tool_choice)
    return fields


def _limits(
    request: ChatRequest, traits: ChatTraits, quirks: Quirks, server: ServerTraits, card: ModelCard
) -> dict[str, Any]:
    """Write what bounds the answer: its tokens, at most what the model has, and stop sequences."""
    fields: dict[str, Any] = {}
    if request.max_tokens is not None:
        name = quirks.token_limit or traits.token_limit or request.token_limit_name or "max_tokens"
        most = request.max_tokens if card.max_output is None else card.max_output
        fields[name] = min(request.max_tokens, most)
    if request.stop and traits.stop:
        if server.most_stops is not None and len(request.stop) > server.most_stops:
            raise unsupported(f"more than {server.most_stops} stop sequences")
        fields["stop"] = list(request.stop)
    return fields


def _sampling(request: ChatRequest, server: ServerTraits) -> dict[str, Any]:
    fields = {name: getattr(request, name) for name in _SAMPLING}
    temperature = request.temperature
    if temperature is not None and server.most_temperature is not None:
        temperature = min(temperature, server.most_temperature)
    # A number of them alone says that they are wanted.
    logprobs = True if request.top_logprobs else request.logprobs
    return _said(
        {
            "temperature": temperature,
            **fields,
            "logprobs": logprobs,
            "top_logprobs": request.top_logprobs if logprobs else None,
        }
    )


def _user(name: Any, server: ServerTraits) -> Any:
    """Shorten the name of a user to what the server takes; the same name to the same digest."""
    if not isinstance(name, str) or len(name) <= server.longest_user:
        return name
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _tool(tool: Tool | Opaque) -> dict[str, Any]:
    if isinstance(tool, Opaque):
        return write_opaque(tool, "tool")
    optional = {
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
    function = {"name": tool.name, **_said(optional)}
    return {**tool.extras, "type": "function", "function": function}


def _tool_choice(choice: ToolChoice) -> str | dict[str, Any]:
    match choice:
        case NamedTool(name=name):
            return {"type": "function", "function": {"name": name}}
        case Opaque():
            return write_opaque(choice, "tool choice")
        case _:
            return choice


def _response_format(wanted: ResponseFormat, server: ServerTraits) -> dict[str, Any]:
    if wanted.kind == "json_object" and wanted.schema is not None and server.schema_in_json_object:
        return {"type": "json_object", "schema": wanted.schema}
    if wanted.schema is None and wanted.kind != "json_schema":
        return {"type": wanted.kind}
    optional = {
        "description": wanted.description,
        "schema": wanted.schema,
        "strict": wanted.strict,
    }
    return {"type": "json_schema", "json_schema": {"name": wanted.name, **_said(optional)}}


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _with_extras(body: dict[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    passed = {name: value for name, value in extras.items() if name not in _NEVER_FROM_EXTRAS}
    return {**passed, **body}
