"""Azure OpenAI from the server's side: its routes, in both forms.

The dated API names the deployment in the path and needs an `api-version`; the v1 API names it as
the model. What a deployment is called says nothing of the model behind it.

**Source.** https://learn.microsoft.com/azure/ai-foundry/openai/reference and its page on the v1
API, read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import unquote

from omen.sim.azure.answer import AzureAnswer
from omen.sim.azure.errors import failure, no_deployment, not_found, refusal, response_headers
from omen.sim.conversation import messages_of
from omen.sim.dialect import Answer, Call, Identity
from omen.sim.embeddings import EmbeddingsCall
from omen.sim.http import HttpReply, HttpRequest, Refused, bearer, json_reply
from omen.sim.openai.chat import chat_call
from omen.sim.openai.embeddings import embeddings_answer, embeddings_call
from omen.sim.openai.models import model_object
from omen.sim.openai.reading import missing, read_model, read_object
from omen.sim.openai.traits import traits_of

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
_FIRST_WITH_STREAM_OPTIONS = "2024-09"
_DATED = re.compile(r"/openai/deployments/([^/]+)/(chat/completions|embeddings)")
_V1 = re.compile(r"/openai/v1/(chat/completions|embeddings)")


@dataclass(frozen=True, slots=True)
class AzureDialect:
    """Chat completions and embeddings of deployments, and the list of base models.

    `models` are the deployments; `deployed` tells the model behind each, by default one of the
    same name.
    """

    head_waits: ClassVar[bool] = False

    models: tuple[str, ...]
    api_key: str | None = field(default=None, repr=False)
    deployed: Mapping[str, str] = field(default_factory=dict)

    def read(self, request: HttpRequest) -> HttpReply | Call:
        """Understand a request, or answer it."""
        given = request.headers.get("api-key") or bearer(request)
        if self.api_key is not None and given != self.api_key:
            return self.failure(401, request.number)
        try:
            return self._read(request)
        except Refused as refused:
            return refusal(refused, request.number)

    def answer(self, call: Call, identity: Identity) -> Answer:
        """Begin the answer to `call`."""
        if isinstance(call, EmbeddingsCall):
            return embeddings_answer(call, identity, response_headers(identity.number))
        return AzureAnswer(call, identity)

    def failure(
        self, status: int, number: int, retry_after: float = 0.0, cause: str = ""
    ) -> HttpReply:
        """Write the error for a status that is none of the request's doing."""
        return failure(status, number, retry_after, cause)

    def error_in_200(self) -> HttpReply | None:
        """Return None: an error inside a 200 is a frame."""
        return None

    def _read(self, request: HttpRequest) -> HttpReply | Call:
        match request.method, request.path:
            case "GET", "/openai/v1/models":
                return self._base_models(request.number)
            case "GET", "/openai/models":
                _read_version(request)
                return self._base_models(request.number)
            case "POST", path if found := _V1.fullmatch(path):
                body = read_object(request.body)
                return self._call(found[1], body, read_model(body))
            case "POST", path if found := _DATED.fullmatch(path):
                version = _read_version(request)
                body = read_object(request.body)
                if "stream_options" in body and version < _FIRST_WITH_STREAM_OPTIONS:
                    raise Refused("Unrecognized request argument supplied: stream_options")
                return self._call(found[2], body, unquote(found[1]))
        raise not_found()

    def _call(self, route: str, body: dict[str, Any], deployment: str) -> Call:
        if deployment not in self.models:
            raise no_deployment()
        model = self.deployed.get(deployment, deployment)
        if route == "embeddings":
            return embeddings_call(body, model)
        messages = messages_of(body)
        if not messages:
            raise missing("messages")
        return chat_call(body, messages, model, traits_of(model))

    def _base_models(self, number: int) -> HttpReply:
        """List the models that could be deployed: the deployments cannot be listed here."""
        models = dict.fromkeys(self.deployed.get(name, name) for name in self.models)
        listed = [
            {
                **model_object(model),
                "status": "succeeded",
                "lifecycle_status": "generally-available",
            }
            for model in models
        ]
        return json_reply(200, {"data": listed, "object": "list"}, *response_headers(number))


def _read_version(request: HttpRequest) -> str:
    version = request.parameter("api-version")
    if version is None or not _VERSION.fullmatch(version):
        raise not_found()
    return version
