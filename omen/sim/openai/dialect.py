"""OpenAI's API from the server's side: its routes.

**Source.** https://platform.openai.com/docs/api-reference, read 2026-11-22.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import unquote

from omen.sim.dialect import Answer, Call, Identity
from omen.sim.embeddings import EmbeddingsCall
from omen.sim.http import HttpReply, HttpRequest, Refused, bearer
from omen.sim.openai.answer import OpenAIAnswer
from omen.sim.openai.chat import read_chat
from omen.sim.openai.embeddings import embeddings_answer, embeddings_call
from omen.sim.openai.errors import failure, refusal, response_headers
from omen.sim.openai.models import model_list, one_model
from omen.sim.openai.reading import check_served, read_model, read_object
from omen.sim.openai.response_answer import ResponsesAnswer
from omen.sim.openai.responses import ResponsesCall, read_responses

_MODELS = "/v1/models"


@dataclass(frozen=True, slots=True)
class OpenAIDialect:
    """`/v1/chat/completions`, `/v1/responses`, `/v1/embeddings` and `/v1/models`."""

    head_waits: ClassVar[bool] = False

    models: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)

    def read(self, request: HttpRequest) -> HttpReply | Call:
        """Understand a request, or answer it."""
        if self.api_key is not None and bearer(request) != self.api_key:
            return self.failure(401, request.number)
        try:
            return self._read(request)
        except Refused as refused:
            return refusal(refused, request.number)

    def answer(self, call: Call, identity: Identity) -> Answer:
        """Begin the answer to `call`."""
        match call:
            case ResponsesCall():
                return ResponsesAnswer(call, identity)
            case EmbeddingsCall():
                return embeddings_answer(call, identity, response_headers(identity.number))
        return OpenAIAnswer(call, identity)

    def failure(
        self, status: int, number: int, retry_after: float = 0.0, cause: str = ""
    ) -> HttpReply:
        """Write the error for a status that is none of the request's doing."""
        return failure(status, number, retry_after, cause)

    def error_in_200(self) -> HttpReply | None:
        """Return None: an error inside a 200 is a frame."""
        return None

    def _read(self, request: HttpRequest) -> HttpReply | Call:
        headers = response_headers(request.number)
        match request.method, request.path:
            case "POST", "/v1/chat/completions":
                return read_chat(request.body, self.models)
            case "POST", "/v1/responses":
                return read_responses(request.body, self.models)
            case "POST", "/v1/embeddings":
                body = read_object(request.body)
                model = read_model(body)
                check_served(model, self.models)
                return embeddings_call(body, model)
            case "GET", "/v1/models":
                return model_list(self.models, headers)
            case "GET", path if path.startswith(f"{_MODELS}/"):
                model = unquote(path.removeprefix(f"{_MODELS}/"))
                return one_model(model, self.models, headers)
        raise Refused(f"Invalid URL ({request.method} {request.path})", status=404)
