"""Models, health and providers, as messages. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import ParseDict

import omen
from omen.core.callers import Caller
from omen.core.errors import RequestError
from omen.front.grpc._omen_pb2 import (
    GetProviderStatusRequest,
    GetProviderStatusResponse,
    HealthCheckResponse,
    ListModelsResponse,
    Model,
    ProviderStatus,
)
from omen.front.http.listed_models import listed_models
from omen.front.operations.models import openai_model
from omen.front.operations.providers import describe_provider, describe_scores
from omen.gateway import Gateway


def list_models(gateway: Gateway, caller: Caller, started_at: int) -> ListModelsResponse:
    """List every name that the caller may ask for."""
    found = listed_models(gateway, caller).values()
    models = (openai_model(listed, started_at) for listed in found)
    data = [ParseDict(model, Model(), ignore_unknown_fields=True) for model in models]
    return ListModelsResponse(object="list", data=data)


def check_health(gateway: Gateway) -> HealthCheckResponse:
    """Say that the process serves, and how it sees the providers."""
    states = {one.name: gateway.health.state(one.name) for one in gateway.providers}
    return HealthCheckResponse(status="ok", version=omen.__version__, providers=states)


def provider_status(
    gateway: Gateway, request: GetProviderStatusRequest
) -> GetProviderStatusResponse:
    """Tell how providers stand, or one of them. **Raises.** `RequestError` (404)."""
    scores = {score["provider_id"]: score for score in describe_scores(gateway)}
    wanted = [
        provider for provider in gateway.providers if request.provider_id in ("", provider.name)
    ]
    if request.provider_id and not wanted:
        words = f"no provider {request.provider_id[:100]!r} is configured"
        raise RequestError(words, param="provider_id", status=404, code="not_found")
    told = [
        {**describe_provider(gateway, one, local=False), "score": scores[one.name]}
        for one in wanted
    ]
    return GetProviderStatusResponse(providers=map(_provider, told))


def _provider(told: Mapping[str, Any]) -> ProviderStatus:
    return ParseDict(dict(told), ProviderStatus(), ignore_unknown_fields=True)
