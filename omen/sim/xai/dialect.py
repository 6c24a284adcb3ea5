"""xAI's API from the server's side: its routes, and what its models refuse.

**Source.** https://docs.x.ai/docs/api-reference, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import unquote

from omen.sim.conversation import messages_of
from omen.sim.dialect import Answer, Call, Identity
from omen.sim.http import HttpReply, HttpRequest, Refused, bearer, json_reply
from omen.sim.openai.chat import chat_call
from omen.sim.openai.models import model_object
from omen.sim.openai.reading import missing, read_model, read_object
from omen.sim.openai.traits import EFFORTS, THOUGHTS
from omen.sim.openai.traits import Traits as OpenAITraits
from omen.sim.xai.answer import XAIAnswer
from omen.sim.xai.errors import (
    error_in_200,
    failure,
    no_model,
    refusal,
    response_headers,
    unsupported,
    wrong_key,
)
from omen.sim.xai.traits import LONG_PROMPT, Traits, traits_of

_NOT_WHILE_REASONING: Mapping[str, str] = MappingProxyType(
    {
        "presence_penalty": "presencePenalty",
        "frequency_penalty": "frequencyPenalty",
        "stop": "stop",
    }
)
"""What reasoning models refuse, and what their errors call it."""
_TAKES_ANYTHING = OpenAITraits()
_LISTS = ("/v1/models", "/v1/language-models")


@dataclass(frozen=True, slots=True)
class XAIDialect:
    """`/v1/chat/completions`, `/v1/models`, and `/v1/language-models` with the prices."""

    head_waits: ClassVar[bool] = True
    """A reasoning model can be silent for minutes before the first byte."""

    models: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)

    def read(self, request: HttpRequest) -> HttpReply | Call:
        """Understand a request, or answer it."""
        if self.api_key is not None and not bearer(request):
            return self.failure(401, request.number)
        try:
            if self.api_key is not None and bearer(request) != self.api_key:
                raise wrong_key()
            return self._read(request)
        except Refused as refused:
            return refusal(refused, request.number)

    def answer(self, call: Call, identity: Identity) -> Answer:
        """Begin the answer to `call`."""
        return XAIAnswer(call, identity)

    def failure(
        self, status: int, number: int, retry_after: float = 0.0, cause: str = ""
    ) -> HttpReply:
        """Write the error for a status that is none of the request's doing."""
        return failure(status, number, retry_after, cause)

    def error_in_200(self) -> HttpReply | None:
        """Write the JSON that takes the place of a stream."""
        return error_in_200()

    def _read(self, request: HttpRequest) -> HttpReply | Call:
        match request.method, request.path:
            case "POST", "/v1/chat/completions":
                return self._read_chat(request)
            case "GET", path if path in _LISTS:
                return self._list(path, request.number)
            case "GET", path if path.startswith(tuple(f"{one}/" for one in _LISTS)):
                model = unquote(path.rpartition("/")[2])
                if model not in self.models:
                    raise no_model(model)
                return json_reply(200, _described(model), *response_headers(request.number))
        raise Refused("The requested resource was not found.", status=404)

    def _read_chat(self, request: HttpRequest) -> Call:
        body = read_object(request.body)
        model = read_model(body)
        messages = messages_of(body)
        if not messages:
            raise missing("messages")
        if model not in self.models:
            raise no_model(model)
        traits = traits_of(model)
        for name, called in _NOT_WHILE_REASONING.items():
            if traits.reasons and body.get(name) is not None:
                raise unsupported(model, called)
        reasoning = THOUGHTS[_read_effort(body.get("reasoning_effort"), model, traits)]
        rest = {name: value for name, value in body.items() if name != "reasoning_effort"}
        call = chat_call(rest, messages, model, _TAKES_ANYTHING)
        # Limits hold for what is visible, and reasoning counts apart.
        limit = None if call.max_tokens is None else call.max_tokens + reasoning
        return replace(call, reasoning=reasoning, max_tokens=limit)

    def _list(self, path: str, number: int) -> HttpReply:
        described = [_described(model) for model in self.models]
        if path == "/v1/models":
            return json_reply(200, {"data": described, "object": "list"}, *response_headers(number))
        return json_reply(200, {"models": described}, *response_headers(number))


def _read_effort(value: Any, model: str, traits: Traits) -> str:
    if value is not None:
        if traits.efforts is not None and value not in traits.efforts:
            raise unsupported(model, "reasoningEffort")
        if value not in EFFORTS:
            raise Refused(f"Invalid reasoning effort: {value}.")
    if not traits.reasons:
        return "none"
    return traits.default_effort if value is None else str(value)


def _described(model: str) -> dict[str, Any]:
    traits = traits_of(model)
    efforts = list(traits.efforts or ())
    capabilities = {"reasoning_effort": efforts, "default_reasoning_effort": traits.default_effort}
    return {
        **model_object(model),
        "owned_by": "xai",
        "version": "1.0",
        "aliases": [],
        "fingerprint": "fp_simulated",
        "input_modalities": ["text"],
        "output_modalities": ["text"],
        "prompt_text_token_price": traits.price.prompt,
        "cached_prompt_text_token_price": traits.price.cached,
        "completion_text_token_price": traits.price.completion,
        "long_context_threshold": LONG_PROMPT,
        "context_length": traits.context,
        **({"capabilities": capabilities} if traits.reasons and efforts else {}),
    }
