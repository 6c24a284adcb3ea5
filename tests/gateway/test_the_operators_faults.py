"""What is the operator's to mend: the caller gets the right status, the operator what to do."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
import trio

from omen.config import ProviderSettings, Settings
from omen.core.chat import ChatRequest
from omen.core.errors import AllAttemptsFailed
from omen.core.hints import RaceHints
from omen.gateway import open_gateway
from tests.providers.asking import said

SECRET = "sk-0123456789-very-secret"
QUOTA = {"message": f"You exceeded your current quota, {SECRET}", "code": "insufficient_quota"}
CASES = [
    ("openai", 429, {"error": QUOTA}, 429, "quota", "account"),
    (
        "openai",
        401,
        {"error": {"message": f"Incorrect API key provided: {SECRET}", "code": "invalid_api_key"}},
        502,
        "upstream_auth",
        "api_key",
    ),
    (
        "azure",
        404,
        {"error": {"code": "404", "message": "Resource not found"}},
        502,
        "upstream_misconfigured",
        "base URL",
    ),
    (
        "xai",
        400,
        {"code": "invalid-argument", "error": f"Incorrect API key provided: {SECRET}"},
        502,
        "upstream_auth",
        "api_key",
    ),
    (
        "anthropic",
        402,
        {"type": "error", "error": {"type": "billing_error", "message": SECRET}},
        429,
        "quota",
        "account",
    ),
]


@pytest.mark.parametrize(("kind", "answered", "body", "status", "reason", "hint"), CASES)
async def test_the_caller_gets_the_right_status_and_the_operator_a_hint(
    *,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    answered: int,
    body: dict[str, Any],
    status: int,
    reason: str,
    hint: str,
) -> None:
    provider = ProviderSettings(
        name="up", kind=kind, base_urls=("http://up.test",), api_key=SECRET, models=("m",)
    )
    transport = httpx.MockTransport(lambda request: httpx.Response(answered, json=body))
    settings = Settings(providers={"up": provider})
    request = ChatRequest((said("user", "hi"),))
    with caplog.at_level(logging.WARNING):
        async with open_gateway(settings, transport=transport) as gateway:
            for _ in range(2):
                race = gateway.plan("m", RaceHints(), trio.current_time())
                with pytest.raises(AllAttemptsFailed) as caught:
                    await gateway.run(race, request, _Nobody())
            (endpoint,) = gateway.health.of("up")
    assert caught.value.status == status
    assert endpoint.breaker.last_failure is not None
    assert endpoint.breaker.last_failure.kind.value == reason
    (line,) = caplog.messages
    assert "provider up is down" in line
    assert hint in line
    for told in (caught.value.message, line):
        assert SECRET not in told


class _Nobody:
    """An output that must not be sent anything."""

    async def send(self, events: object) -> None:
        raise AssertionError(events)
