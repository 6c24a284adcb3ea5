"""Anthropic's Messages from the server's side: reading requests and refusing them.

**Source.** https://docs.anthropic.com/en/api/messages and its streaming and errors pages, and the
types of the `anthropic` package 2.12, read 2026-11-22.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from omen.sim.answer_anthropic import (
    ANY_FAILURE,
    FAILURES,
    AnthropicAnswer,
    error_body,
    request_id,
)
from omen.sim.conversation import (
    estimated_tokens,
    messages_of,
    positive_int,
    question_of,
    text_of,
    tool_use,
)
from omen.sim.dialect import (
    Call,
    HttpReply,
    HttpRequest,
    Identity,
    ToolUse,
    bearer,
    json_object,
    json_reply,
)

_CREATED = "2026-01-01T00:00:00Z"
_INVALID = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class AnthropicDialect:
    """`/v1/messages`, its `count_tokens`, and `/v1/models`."""

    head_waits: ClassVar[bool] = False

    models: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)

    def read(self, request: HttpRequest) -> HttpReply | Call:
        """Understand a request, or answer it."""
        given = request.headers.get("x-api-key") or bearer(request)
        if self.api_key is not None and given != self.api_key:
            return self.failure(401, 0, request.number)
        if "anthropic-version" not in request.headers:
            return _refusal(400, _INVALID, "anthropic-version: header is required", request.number)
        match request.method, request.path:
            case "GET", "/v1/models":
                return json_reply(200, self._model_list(), request_id(request.number))
            case "POST", "/v1/messages":
                return self._read_message(request)
            case "POST", "/v1/messages/count_tokens":
                return self._count_tokens(request)
        return self.failure(404, 0, request.number)

    def answer(self, call: Call, identity: Identity) -> AnthropicAnswer:
        """Begin the answer to `call`."""
        return AnthropicAnswer(call, identity)

    def failure(self, status: int, retry_after: float, number: int) -> HttpReply:
        """Write the error for a status that is none of the request's doing."""
        kind, message = FAILURES.get(status, ANY_FAILURE)
        wait = (("retry-after", str(math.ceil(retry_after))),) if status == 429 else ()
        return _refusal(status, kind, message, number, *wait)

    def _read_message(self, request: HttpRequest) -> HttpReply | Call:
        found = self._checked(request)
        if isinstance(found, HttpReply):
            return found
        limit = positive_int(found.get("max_tokens"))
        if limit is None:
            return _refusal(400, _INVALID, "max_tokens: Field required", request.number)
        messages = messages_of(found)
        return Call(
            model=found["model"],
            key=question_of(messages),
            stream=found.get("stream") is True,
            prompt_tokens=_prompt_tokens(found),
            max_tokens=limit,
            tool=_tool_to_use(found, messages),
        )

    def _count_tokens(self, request: HttpRequest) -> HttpReply:
        found = self._checked(request)
        if isinstance(found, HttpReply):
            return found
        counted = {"input_tokens": _prompt_tokens(found)}
        return json_reply(200, counted, request_id(request.number))

    def _checked(self, request: HttpRequest) -> HttpReply | dict[str, Any]:
        """Return the body if it names a model that is served, and has messages."""
        body = json_object(request.body)
        if body is None:
            return _refusal(400, _INVALID, "The request body is not valid JSON.", request.number)
        model = body.get("model")
        if not isinstance(model, str) or not model:
            return _refusal(400, _INVALID, "model: Field required", request.number)
        if not messages_of(body):
            return _refusal(400, _INVALID, "messages: Field required", request.number)
        if model not in self.models:
            return _refusal(404, "not_found_error", f"model: {model}", request.number)
        return body

    def _model_list(self) -> dict[str, Any]:
        return {
            "data": [
                {"type": "model", "id": model, "display_name": model, "created_at": _CREATED}
                for model in self.models
            ],
            "has_more": False,
            "first_id": self.models[0] if self.models else None,
            "last_id": self.models[-1] if self.models else None,
        }


def _refusal(
    status: int, kind: str, message: str, number: int, *headers: tuple[str, str]
) -> HttpReply:
    return json_reply(status, error_body(kind, message, number), request_id(number), *headers)


def _prompt_tokens(body: dict[str, Any]) -> int:
    system = {"content": body.get("system")}
    messages = messages_of(body)
    return estimated_tokens([system, *messages] if text_of(system) else messages)


def _tool_to_use(body: dict[str, Any], messages: list[dict[str, Any]]) -> ToolUse | None:
    tools, choice = body.get("tools"), body.get("tool_choice")
    if not isinstance(tools, list) or (isinstance(choice, dict) and choice.get("type") == "none"):
        return None
    last = messages[-1].get("content")
    blocks = last if isinstance(last, list) else []
    if any(isinstance(block, dict) and block.get("type") == "tool_result" for block in blocks):
        return None
    first = next((tool for tool in tools if isinstance(tool, dict)), None)
    return tool_use(first.get("name"), first.get("input_schema")) if first else None
