"""A Responses request, from its bytes to the vocabulary. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from omen.core.chat import ChatRequest, Message, ResponseFormat, TextPart
from omen.core.errors import RequestError
from omen.front.http.dialect import ParsedRequest
from omen.front.http.hints import read_hints, reject_unsupported
from omen.front.http.schema_reader import read_body_and_tree
from omen.front.responses._item_schema import AdditionalToolsIn, ConfigurationIn, FoundToolsIn
from omen.front.responses._items import conversation
from omen.front.responses._schema import ResponsesIn
from omen.front.responses._setting_schema import TextIn
from omen.front.responses._tools import AnyTool, ToolSet, choose, read_tools
from omen.front.responses._verbatim import verbatim

_PASSED_ON = ("service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention")
"""Fields that OpenAI's chat has by the same name."""
_LOGPROBS = "message.output_text.logprobs"
_KEPT_ELSEWHERE = {
    "previous_response_id": "no responses are kept here; send the whole conversation as input",
    "conversation": "no conversations are kept here; send the whole of it as input",
    "prompt": "no prompts are kept here; send its text as instructions or input",
    "background": "nothing runs here without its client; stream, or wait",
}
"""What needs a memory of what was asked before, and what to do instead."""
_UNASKED = {"previous_response_id": "", "background": False}
"""What some of these may say and ask for nothing by it."""


def parse_responses(body: bytes, headers: Mapping[str, str]) -> ParsedRequest:
    """Read a request's body, and the hints in its headers (lower-case names).

    **Raises.** `RequestError` (400), naming the field.
    """
    said, tree = read_body_and_tree(ResponsesIn, body)
    _refuse_what_is_not_kept(said)
    hints = read_hints(said.omen, said.tags, headers)
    reject_unsupported(hints, restart=not said.stream)
    found = read_tools(_tool_groups(said))
    return ParsedRequest(
        replace(_request(said, found), verbatim=verbatim(tree, without=_KEPT_ELSEWHERE)),
        said.model,
        hints,
        stream=bool(said.stream),
        said=_echo(said),
        tools=found.known,
    )


def _tool_groups(said: ResponsesIn) -> Iterator[tuple[str, Sequence[AnyTool]]]:
    """Yield the places of a request that have tools."""
    yield "tools", said.tools or ()
    for index, item in enumerate(said.input if isinstance(said.input, list) else ()):
        if isinstance(item, AdditionalToolsIn | FoundToolsIn):
            yield f"input.{index}.tools", item.tools


def _refuse_what_is_not_kept(said: ResponsesIn) -> None:
    for name, instead in _KEPT_ELSEWHERE.items():
        value = getattr(said, name)
        if value is not None and value != _UNASKED.get(name):
            raise RequestError(f"{name}: {instead}", param=name, code="unsupported_parameter")


def _request(said: ResponsesIn, found: ToolSet) -> ChatRequest:
    messages = conversation(said.input)
    effort, text = _settings(said)
    if said.instructions:
        messages = (Message("system", (TextPart(said.instructions),)), *messages)
    choice, allowed = choose(said.tool_choice, found)
    logprobs = _LOGPROBS in (said.include or ())
    return ChatRequest(
        messages=messages,
        tools=allowed.tools,
        tool_choice=choice,
        parallel_tool_calls=said.parallel_tool_calls if allowed.tools else None,
        response_format=_format(text),
        max_tokens=said.max_output_tokens,
        temperature=said.temperature,
        top_p=said.top_p,
        logprobs=True if logprobs else None,
        top_logprobs=said.top_logprobs if logprobs else None,
        reasoning_effort=effort,
        user=said.user,
        extras=_extras(said, text),
    )


def _settings(said: ResponsesIn) -> tuple[str | None, TextIn | None]:
    """Return the effort and the form of the text: as the last item says that is about them."""
    effort, text = said.reasoning.effort if said.reasoning else None, said.text
    for item in said.input if isinstance(said.input, list) else ():
        if isinstance(item, ConfigurationIn):
            effort = item.reasoning.effort if item.reasoning else effort
            text = item.text or text
    return effort, text


def _format(text: TextIn | None) -> ResponseFormat | None:
    wanted = text.format if text else None
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return ResponseFormat("json_object")
    return ResponseFormat(
        "json_schema", wanted.name, wanted.schema_, wanted.strict, wanted.description
    )


def _extras(said: ResponsesIn, text: TextIn | None) -> dict[str, Any]:
    beside = said.model_extra or {}
    extras = {name: beside[name] for name in _PASSED_ON if beside.get(name) is not None}
    verbosity = (text and text.verbosity) or (said.text and said.text.verbosity)
    if verbosity:
        extras["verbosity"] = verbosity
    return extras


def _echo(said: ResponsesIn) -> Mapping[str, Any]:
    """Give what of the request comes back in the response: all but what it is about."""
    return said.model_dump(exclude={"input", "omen", "tags"}, exclude_unset=True, by_alias=True)
