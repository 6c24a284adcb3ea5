"""A request of Ollama's API, from its bytes to the vocabulary. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from omen.core.chat import ChatRequest, Message, ResponseFormat, TextPart, Tool
from omen.core.errors import RequestError
from omen.front.http.dialect import ParsedRequest
from omen.front.http.hints import read_hints, reject_unsupported
from omen.front.ollama._names import Resolve
from omen.front.ollama._schema import AskIn, ChatIn, GenerateIn, OptionsIn
from omen.front.ollama._turns import conversation, user_message
from omen.front.openai.schema import FunctionToolIn

DIALECT = "ollama"
_PASSED_ON = ("truncate", "shift")
_UNSERVED = {"suffix": "", "template": "", "raw": False, "context": []}
"""What a chat model behind another API cannot do, and the value with which it is not asked for."""
_EFFORTS: Mapping[bool, str] = MappingProxyType({True: "medium", False: "none"})
"""The effort that `think` stands for at providers other than Ollama, which gets the flag itself."""


def chat_asked(said: ChatIn, headers: Mapping[str, str], resolve: Resolve) -> ParsedRequest:
    """Translate a chat. **Raises.** `RequestError` (400), naming the field."""
    return _asked(said, conversation(said.messages or ()), headers, resolve, said.tools or ())


def generate_asked(said: GenerateIn, headers: Mapping[str, str], resolve: Resolve) -> ParsedRequest:
    """Translate a prompt: it is what the user says. **Raises.** `RequestError` (400)."""
    for name, nothing in _UNSERVED.items():
        value = getattr(said, name)
        if value is not None and value != nothing:
            raise RequestError(f"{name}: is not available, a chat model answers", param=name)
    system = [Message("system", (TextPart(said.system),))] if said.system else []
    prompt = user_message(said.prompt or "", said.images)
    return _asked(said, [*system, prompt], headers, resolve)


def _asked(
    said: AskIn,
    messages: Sequence[Message],
    headers: Mapping[str, str],
    resolve: Resolve,
    tools: Sequence[FunctionToolIn] = (),
) -> ParsedRequest:
    options = said.options or OptionsIn()
    stop = (options.stop,) if isinstance(options.stop, str) else tuple(options.stop or ())
    tokens = options.num_predict
    request = ChatRequest(
        messages=tuple(messages),
        tools=tuple(_tool(tool) for tool in tools),
        response_format=_format(said),
        # -1 is "to the end", -2 "until the window is full".
        max_tokens=tokens if tokens is not None and tokens > 0 else None,
        temperature=options.temperature,
        top_p=options.top_p,
        presence_penalty=options.presence_penalty,
        frequency_penalty=options.frequency_penalty,
        stop=stop,
        seed=options.seed,
        logprobs=said.logprobs,
        top_logprobs=said.top_logprobs,
        reasoning_effort=_EFFORTS.get(said.think) if isinstance(said.think, bool) else said.think,
        extras=_extras(said, options),
        extras_dialect=DIALECT,
    )
    stream = said.stream is not False
    hints = read_hints(said.omen, said.tags, headers)
    reject_unsupported(hints, restart=not stream)
    return ParsedRequest(request, resolve(said.model), hints, stream=stream, include_usage=True)


def _extras(said: AskIn, options: OptionsIn) -> dict[str, Any]:
    """Gather what only an Ollama upstream understands; and `top_k`, which one other does."""
    beside = said.model_extra or {}
    extras = {name: beside[name] for name in _PASSED_ON if name in beside}
    if said.keep_alive is not None:
        extras["keep_alive"] = said.keep_alive
    if isinstance(said.think, bool):
        extras["think"] = said.think
    if options.model_extra:
        extras["options"] = dict(options.model_extra)
    if options.top_k is not None:
        extras["top_k"] = options.top_k
    return extras


def _tool(tool: FunctionToolIn) -> Tool:
    function = tool.function
    return Tool(function.name, function.description, function.parameters, function.strict)


def _format(said: AskIn) -> ResponseFormat | None:
    match said.format:
        case None | "":
            return None
        case dict(schema):
            return ResponseFormat("json_schema", schema=schema)
        case _:
            return ResponseFormat("json_object")
