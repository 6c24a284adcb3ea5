"""Ollama's native chat from the server's side: reading requests and refusing them.

**Source.** https://github.com/ollama/ollama/blob/main/docs/api.md and the server's source of
2026-08, read 2026-11-22.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from omen.sim.answer_ollama import OllamaAnswer
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

_VERSION = "0.12.0"
_MODIFIED = "2026-01-01T00:00:00Z"
_CONTEXT_LENGTH = 8192
_DETAILS: Mapping[str, Any] = {
    "parent_model": "",
    "format": "gguf",
    "family": "sim",
    "families": ["sim"],
    "parameter_size": "1B",
    "quantization_level": "Q4_0",
}

_FAILURES: Mapping[int, str] = {
    400: "invalid request",
    401: "unauthorized",
    404: "model not found",
    429: "you have reached your hourly usage limit",
    503: "server busy, please try again.  maximum pending requests exceeded",
}
_ANY_FAILURE = "llama runner process has terminated: exit status 2"


@dataclass(frozen=True, slots=True)
class OllamaDialect:
    """`/api/chat`, `/api/tags`, `/api/show` and `/api/version`.

    Ollama says nothing, not even its status line, before the model is loaded and has its first
    token.
    """

    head_waits: ClassVar[bool] = True

    models: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)

    def read(self, request: HttpRequest) -> HttpReply | Call:
        """Understand a request, or answer it."""
        if self.api_key is not None and bearer(request) != self.api_key:
            return self.failure(401, 0, request.number)
        match request.method, request.path:
            case "POST", "/api/chat":
                return self._read_chat(request)
            case "POST", "/api/show":
                return self._show(request)
            case "GET", "/api/tags":
                return json_reply(200, {"models": [_listed(model) for model in self.models]})
            case "GET", "/api/version":
                return json_reply(200, {"version": _VERSION})
            case "GET" | "HEAD", "/":
                return _plain(200, b"Ollama is running")
        return _plain(404, b"404 page not found")

    def answer(self, call: Call, identity: Identity) -> OllamaAnswer:
        """Begin the answer to `call`."""
        return OllamaAnswer(call, identity)

    def failure(self, status: int, retry_after: float, number: int) -> HttpReply:
        """Write the error for a status: a bare string, with no id and no time to come back."""
        return json_reply(status, {"error": _FAILURES.get(status, _ANY_FAILURE)})

    def _read_chat(self, request: HttpRequest) -> HttpReply | Call:
        found = self._checked(request)
        if isinstance(found, HttpReply):
            return found
        body, model = found
        messages = messages_of(body)
        options = body.get("options")
        limit = options.get("num_predict") if isinstance(options, dict) else None
        return Call(
            model=model,
            key=question_of(messages),
            stream=body.get("stream") is not False,
            prompt_tokens=estimated_tokens(messages),
            max_tokens=positive_int(limit),
            tool=_tool_to_call(body, messages),
        )

    def _show(self, request: HttpRequest) -> HttpReply:
        found = self._checked(request)
        if isinstance(found, HttpReply):
            return found
        info = {"general.architecture": "sim", "sim.context_length": _CONTEXT_LENGTH}
        shown = {
            "capabilities": ["completion", "tools"],
            "model_info": info,
            "parameters": f"num_ctx {_CONTEXT_LENGTH}",
            "template": "",
            "details": _DETAILS,
        }
        return json_reply(200, shown)

    def _checked(self, request: HttpRequest) -> HttpReply | tuple[dict[str, Any], str]:
        """Return the body and its model as this server names it, or what is wrong with them."""
        body = json_object(request.body)
        if body is None:
            return json_reply(400, {"error": "invalid character in the body: not JSON"})
        model = body.get("model")
        if not isinstance(model, str) or not model:
            return json_reply(400, {"error": "model is required"})
        if model in self.models or model.removesuffix(":latest") in self.models:
            return body, model
        return json_reply(404, {"error": f"model '{model}' not found"})


def _plain(status: int, text: bytes) -> HttpReply:
    return HttpReply(status, text, (("content-type", "text/plain; charset=utf-8"),))


def _listed(model: str) -> dict[str, Any]:
    name = model if ":" in model else f"{model}:latest"
    digest = hashlib.sha256(ascii(name).encode("ascii")).hexdigest()
    described = {"modified_at": _MODIFIED, "size": 1 << 30, "digest": digest, "details": _DETAILS}
    return {"name": name, "model": name, **described}


def _tool_to_call(body: dict[str, Any], messages: list[dict[str, Any]]) -> ToolUse | None:
    tools = body.get("tools")
    if not isinstance(tools, list) or not messages or messages[-1].get("role") == "tool":
        return None
    functions = (tool.get("function") for tool in tools if isinstance(tool, dict))
    first = next((f for f in functions if isinstance(f, dict)), None)
    return tool_use(first.get("name"), first.get("parameters")) if first else None
