"""Anthropic's API from the server's side: its routes.

**Source.** https://docs.anthropic.com/en/api, read 2026-11-22.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import unquote

from omen.sim.anthropic.answer import AnthropicAnswer
from omen.sim.anthropic.errors import failure, refusal, request_id
from omen.sim.anthropic.messages import count_tokens, read_message
from omen.sim.anthropic.models import model_list, one_model
from omen.sim.dialect import Answer, Call, Identity
from omen.sim.http import HttpReply, HttpRequest, Refused, bearer, json_reply

_MODELS = "/v1/models"


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
            return self.failure(401, request.number)
        try:
            return self._read(request)
        except Refused as refused:
            return refusal(refused, request.number)

    def answer(self, call: Call, identity: Identity) -> Answer:
        """Begin the answer to `call`."""
        return AnthropicAnswer(call, identity)

    def failure(
        self, status: int, number: int, retry_after: float = 0.0, cause: str = ""
    ) -> HttpReply:
        """Write the error for a status that is none of the request's doing."""
        return failure(status, number, retry_after, cause)

    def error_in_200(self) -> HttpReply | None:
        """Return None: an error inside a 200 is an event."""
        return None

    def _read(self, request: HttpRequest) -> HttpReply | Call:
        if "anthropic-version" not in request.headers:
            raise Refused("anthropic-version: header is required")
        header = request_id(request.number)
        match request.method, request.path:
            case "POST", "/v1/messages":
                return read_message(request, self.models)
            case "POST", "/v1/messages/count_tokens":
                counted = {"input_tokens": count_tokens(request, self.models)}
                return json_reply(200, counted, header)
            case "GET", "/v1/models":
                return json_reply(200, model_list(request, self.models), header)
            case "GET", path if path.startswith(f"{_MODELS}/"):
                model = unquote(path.removeprefix(f"{_MODELS}/"))
                return json_reply(200, one_model(model, self.models), header)
        raise Refused("Not found", status=404)
