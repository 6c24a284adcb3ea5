"""OpenAI's chat completions from the server's side: reading requests and refusing them.

**Source.** https://platform.openai.com/docs/api-reference/chat and its streaming page, and the
types of the `openai` package 3.54, read 2026-11-22.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from omen.sim.answer_openai import (
    ANY_FAILURE,
    FAILURES,
    OpenAIAnswer,
    error_body,
    response_headers,
)
from omen.sim.conversation import (
    estimated_tokens,
    messages_of,
    positive_int,
    question_of,
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

_CREATED = 1_763_000_000


@dataclass(frozen=True, slots=True)
class OpenAIDialect:
    """`/v1/chat/completions` and `/v1/models`."""

    head_waits: ClassVar[bool] = False

    models: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)

    def read(self, request: HttpRequest) -> HttpReply | Call:
        """Understand a request, or answer it."""
        if self.api_key is not None and bearer(request) != self.api_key:
            return self.failure(401, 0, request.number)
        match request.method, request.path:
            case "GET", "/v1/models":
                return json_reply(200, self._model_list(), *response_headers(request.number))
            case "POST", "/v1/chat/completions":
                return self._read_chat(request)
        message = f"Invalid URL ({request.method} {request.path})"
        return _refusal(404, message, request.number)

    def answer(self, call: Call, identity: Identity) -> OpenAIAnswer:
        """Begin the answer to `call`."""
        return OpenAIAnswer(call, identity)

    def failure(self, status: int, retry_after: float, number: int) -> HttpReply:
        """Write the error for a status that is none of the request's doing."""
        message, kind, code = FAILURES.get(status, ANY_FAILURE)
        wait = (
            ("retry-after", str(math.ceil(retry_after))),
            ("retry-after-ms", str(math.ceil(retry_after * 1000))),
        )
        headers = (*response_headers(number), *(wait if status in (429, 503) else ()))
        return json_reply(status, error_body(message, kind, code), *headers)

    def _read_chat(self, request: HttpRequest) -> HttpReply | Call:
        body = json_object(request.body)
        if body is None:
            return _refusal(400, "The body could not be parsed as JSON.", request.number)
        model = body.get("model")
        if not isinstance(model, str) or not model:
            return _refusal(400, "you must provide a model parameter", request.number)
        messages = messages_of(body)
        if not messages:
            message = "Missing required parameter: 'messages'."
            return _refusal(400, message, request.number, "messages", "missing_required_parameter")
        if model not in self.models:
            message = f"The model `{model}` does not exist or you do not have access to it."
            return _refusal(404, message, request.number, None, "model_not_found")
        options = body.get("stream_options")
        if options and body.get("stream") is not True:
            message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
            return _refusal(400, message, request.number, "stream_options")
        limit = body.get("max_completion_tokens", body.get("max_tokens"))
        return Call(
            model=model,
            key=question_of(messages),
            stream=body.get("stream") is True,
            prompt_tokens=estimated_tokens(messages),
            max_tokens=positive_int(limit),
            tool=_tool_to_call(body, messages),
            include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        )

    def _model_list(self) -> dict[str, Any]:
        return {
            "object": "list",
            "data": [
                {"id": model, "object": "model", "created": _CREATED, "owned_by": "simulated"}
                for model in self.models
            ],
        }


def _refusal(
    status: int, message: str, number: int, param: str | None = None, code: str | None = None
) -> HttpReply:
    error = error_body(message, "invalid_request_error", code, param)
    return json_reply(status, error, *response_headers(number))


def _tool_to_call(body: dict[str, Any], messages: list[dict[str, Any]]) -> ToolUse | None:
    tools = body.get("tools")
    if not isinstance(tools, list) or body.get("tool_choice") == "none":
        return None
    if messages[-1].get("role") == "tool":
        return None
    functions = (tool.get("function") for tool in tools if isinstance(tool, dict))
    first = next((f for f in functions if isinstance(f, dict)), None)
    return tool_use(first.get("name"), first.get("parameters")) if first else None
