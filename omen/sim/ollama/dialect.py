"""Ollama's API from the server's side: its routes.

**Source.** https://github.com/ollama/ollama/blob/main/docs/api.md and the server's source of
2026-08, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from omen.sim.conversation import messages_of
from omen.sim.dialect import Answer, Call, Identity
from omen.sim.embeddings import EmbeddingsCall
from omen.sim.http import HttpReply, HttpRequest, Refused, bearer, json_reply
from omen.sim.ollama.answer import CREATED_AT, OllamaAnswer, embed_answer
from omen.sim.ollama.chat import chat_call, embed_call, read_body
from omen.sim.ollama.models import listed, loaded, shown, tagged

_VERSION = "0.12.0"
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
    """`/api/chat`, `/api/embed`, `/api/tags`, `/api/show`, `/api/ps` and `/api/version`.

    Ollama says nothing, not even its status line, before the model is loaded and has its first
    token.
    """

    head_waits: ClassVar[bool] = True

    models: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)

    def read(self, request: HttpRequest) -> HttpReply | Call:
        """Understand a request, or answer it."""
        if self.api_key is not None and bearer(request) != self.api_key:
            return self.failure(401, request.number)
        try:
            return self._read(request)
        except Refused as refused:
            return json_reply(refused.status, {"error": refused.message})

    def answer(self, call: Call, identity: Identity) -> Answer:
        """Begin the answer to `call`."""
        if isinstance(call, EmbeddingsCall):
            return embed_answer(call)
        return OllamaAnswer(call, identity)

    def failure(
        self, status: int, number: int, retry_after: float = 0.0, cause: str = ""
    ) -> HttpReply:
        """Write the error for a status: a bare string, with no id and no time to come back."""
        return json_reply(status, {"error": _FAILURES.get(status, _ANY_FAILURE)})

    def error_in_200(self) -> HttpReply | None:
        """Return None: an error inside a 200 is a line."""
        return None

    def _read(self, request: HttpRequest) -> HttpReply | Call:
        match request.method, request.path:
            case "POST", "/api/chat":
                return self._read_chat(request)
            case "POST", "/api/embed":
                return embed_call(*read_body(request.body, self.models))
            case "POST", "/api/show":
                return json_reply(200, shown(read_body(request.body, self.models)[1]))
            case "GET", "/api/tags":
                return json_reply(200, {"models": [listed(model) for model in self.models]})
            case "GET", "/api/ps":
                names = dict.fromkeys(tagged(model) for model in request.loaded)
                return json_reply(200, {"models": [loaded(name) for name in names]})
            case "GET", "/api/version":
                return json_reply(200, {"version": _VERSION})
            case "GET" | "HEAD", "/":
                return _plain(200, b"Ollama is running")
        return _plain(404, b"404 page not found")

    def _read_chat(self, request: HttpRequest) -> HttpReply | Call:
        body, model = read_body(request.body, self.models)
        if messages_of(body):
            return chat_call(body, model)
        done = {
            "model": model,
            "created_at": CREATED_AT,
            "message": {"role": "assistant", "content": ""},
            "done_reason": "unload" if body.get("keep_alive") == 0 else "load",
            "done": True,
        }
        return json_reply(200, done)


def _plain(status: int, text: bytes) -> HttpReply:
    return HttpReply(status, text, (("content-type", "text/plain; charset=utf-8"),))
