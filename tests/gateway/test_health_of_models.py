"""Health is per endpoint and model, and what chats show outweighs what lists of models do."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
import pytest
import trio
from trio.testing import MockClock

from omen.config import HealthSettings, ProviderSettings, Settings
from omen.core.chat import ChatRequest
from omen.core.embeddings import EmbeddingsRequest
from omen.core.errors import OmenError
from omen.core.events import Event
from omen.core.hints import RaceHints
from omen.gateway import Gateway, open_gateway
from tests.providers.asking import said

SAYS = b'data: {"choices":[{"index":0,"delta":{"content":"a good and useful answer"}}]}\n\n'
ENDS = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
INTERVAL = 10.0


@dataclass
class Vendor:
    """Two providers behind one transport: `up`, with faults, and `dear`, which always answers."""

    chats: dict[str, int] = field(default_factory=dict)
    """The statuses of chats by model; others are answered."""
    list_status: int | None = 200
    """The status of the list of models; None breaks the connection."""
    listed: Sequence[str] = ("m", "other")
    retry_after: int | None = None
    probes: list[float] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/models"):
            return self._list()
        if request.url.path.endswith("/embeddings"):
            return httpx.Response(404, json={"error": {"message": "no such path", "code": "x"}})
        model = json.loads(request.content)["model"]
        status = 200 if request.url.host == "dear.test" else self.chats.get(model, 200)
        if status == 200:
            return httpx.Response(
                200, content=SAYS + ENDS, headers={"content-type": "text/event-stream"}
            )
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return httpx.Response(status, headers=headers, json={"error": {"message": "slow down"}})

    def _list(self) -> httpx.Response:
        self.probes.append(trio.current_time())
        if self.list_status is None:
            raise httpx.ConnectError("refused")
        body = {"data": [{"id": model} for model in self.listed]}
        refusal = {"error": {"message": "Missing scopes: api.model.read."}}
        return httpx.Response(self.list_status, json=body if self.list_status == 200 else refusal)


class Asking:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def send(self, events: Sequence[Event]) -> None:
        pass

    async def ask(self, model: str = "up/m") -> str | None:
        """Ask for an answer; return the provider that gave it."""
        race = self.gateway.plan(model, RaceHints(), trio.current_time())
        with suppress(OmenError):
            await self.gateway.run(race, ChatRequest((said("user", "hi"),)), self)
        return race.winner.candidate.provider if race.winner else None

    @property
    def state(self) -> str:
        return self.gateway.health.state("up")


@asynccontextmanager
async def asking(
    vendor: Vendor, *, models: tuple[str, ...] = ("m",), probing: bool = True, dear: bool = False
) -> AsyncIterator[Asking]:
    up = ProviderSettings(
        name="up", kind="openai", base_urls=("http://up.test/v1",), api_key="k", models=models
    )
    other = ProviderSettings(
        name="dear", kind="openai_compatible", base_urls=("http://dear.test/v1",), models=("x",)
    )
    providers = {"up": up, "dear": other} if dear else {"up": up}
    settings = Settings(
        providers=providers, health=HealthSettings(probe=probing, interval_seconds=INTERVAL)
    )
    async with (
        open_gateway(settings, transport=httpx.MockTransport(vendor)) as gateway,
        trio.open_nursery() as nursery,
    ):
        if probing:
            nursery.start_soon(gateway.keep_probing)
        yield Asking(gateway)
        nursery.cancel_scope.cancel()


REFUSED_LISTS = [401, 403, 402, 404, 429, 500, 503]


@pytest.mark.parametrize("list_status", REFUSED_LISTS)
async def test_a_list_that_is_refused_says_nothing_against_chats(
    autojump_clock: MockClock, list_status: int
) -> None:
    async with asking(Vendor(list_status=list_status), dear=True) as asked:
        await trio.sleep(1)
        assert asked.state != "down"
        assert asked.gateway.ready
        by = []
        for _ in range(12):
            by.append(await asked.ask("up/m,dear/x"))
            await trio.sleep(INTERVAL / 3)
        assert by == ["up"] * 12
        assert asked.state == "healthy"


async def test_a_list_that_is_refused_is_a_hint_for_the_operator(
    autojump_clock: MockClock,
) -> None:
    async with asking(Vendor(list_status=403)) as asked:
        await asked.ask()
        await trio.sleep(1)
        (endpoint,) = asked.gateway.health.of("up")
        assert endpoint.hint is not None
        assert "stops no chat: check the api_key" in endpoint.hint


async def test_a_host_that_cannot_be_reached_is_down_by_its_probe(
    autojump_clock: MockClock,
) -> None:
    vendor = Vendor(list_status=None)
    async with asking(vendor) as asked:
        await trio.sleep(1.5)  # not on the second, when a probe is due
        assert (asked.state, asked.gateway.ready) == ("down", False)
        vendor.list_status = 200
        await trio.sleep(1.5)  # not on the second, when a probe is due
        assert (asked.state, asked.gateway.ready) == ("healthy", True)


async def test_a_chat_outweighs_a_probe_that_does_not_get_through(
    autojump_clock: MockClock,
) -> None:
    vendor = Vendor()
    async with asking(vendor) as asked:
        await asked.ask()
        vendor.list_status = None
        await trio.sleep(INTERVAL + 1)
        assert asked.state == "healthy"


@pytest.mark.parametrize("status", [401, 402, 403, 301, 404])
async def test_one_refusal_of_one_model_unseats_nothing(
    autojump_clock: MockClock, status: int
) -> None:
    async with asking(Vendor(chats={"m": status})) as asked:
        await trio.sleep(1)
        await asked.ask()
        assert asked.gateway.ready


@pytest.mark.parametrize("status", [401, 402, 403, 500, 503])
async def test_a_model_that_keeps_failing_takes_no_other_model_down(
    autojump_clock: MockClock, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    vendor = Vendor(chats={"m": status})
    with caplog.at_level(logging.WARNING, logger="omen.routing.observe"):
        async with asking(vendor, models=("m", "other"), probing=False, dear=True) as asked:
            await asked.ask("up/other")
            for _ in range(3):
                await asked.ask("up/m")
            assert asked.state == "healthy"
            assert await asked.ask("up/m,dear/x") == "dear"
            assert await asked.ask("up/other,dear/x") == "up"
    (line,) = caplog.messages
    assert line.startswith("provider up: model 'm' is down at http://up.test/v1")


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_an_account_that_every_model_refuses_is_down_for_all(
    autojump_clock: MockClock, status: int
) -> None:
    vendor = Vendor(chats={"m": status, "other": status})
    async with asking(vendor, models=("m", "other", "third"), probing=False, dear=True) as asked:
        await asked.ask("up/m")
        assert asked.state == "unknown"
        await asked.ask("up/other")
        assert asked.state == "down"
        assert await asked.ask("up/third,dear/x") == "dear"


async def test_a_key_that_a_model_and_the_list_refuse_is_down_at_once(
    autojump_clock: MockClock,
) -> None:
    async with asking(Vendor(chats={"m": 401}, list_status=401), models=("m", "x")) as asked:
        await trio.sleep(1)
        await asked.ask()
        assert asked.state == "down"
        await trio.sleep(3 * INTERVAL)
        assert (asked.state, asked.gateway.ready) == ("down", False)


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_provider_is_back_a_second_after_the_cause_is_gone(
    autojump_clock: MockClock, status: int
) -> None:
    vendor = Vendor(chats={"m": status}, list_status=401 if status == 401 else 200)
    async with asking(vendor, dear=True) as asked:
        for _ in range(20):
            await asked.ask("up/m,dear/x")
            await trio.sleep(1.5)
        vendor.chats, vendor.list_status = {}, 200
        await trio.sleep(1.01)
        assert await asked.ask("up/m,dear/x") == "up"
        assert asked.state == "healthy"


async def test_a_recovering_model_is_tried_by_one_request_at_a_time(
    autojump_clock: MockClock,
) -> None:
    """Nobody would notice its return while another candidate answers."""
    vendor = Vendor(chats={"m": 500})
    async with asking(vendor, probing=False, dear=True) as asked:
        for _ in range(3):
            assert await asked.ask("up/m,dear/x") == "dear"
        await trio.sleep(5)
        vendor.chats = {}
        assert await asked.ask("up/m,dear/x") == "up"
        assert asked.state == "healthy"


async def test_the_limit_of_one_model_cools_that_model(autojump_clock: MockClock) -> None:
    vendor = Vendor(chats={"m": 429}, retry_after=86400)
    async with asking(vendor, models=("m", "other"), probing=False, dear=True) as asked:
        for _ in range(3):
            await asked.ask("up/m")
        assert asked.state != "down"
        assert await asked.ask("up/m,dear/x") == "dear"
        assert await asked.ask("up/other,dear/x") == "up"


async def test_a_model_that_is_not_there_is_not_expected_for_a_minute(
    autojump_clock: MockClock,
) -> None:
    vendor = Vendor(chats={"m": 404})
    async with asking(vendor, models=("m", "other"), probing=False, dear=True) as asked:
        assert await asked.ask("up/m,dear/x") == "dear"
        vendor.chats = {}
        assert await asked.ask("up/m,dear/x") == "dear"
        assert await asked.ask("up/other,dear/x") == "up"
        await trio.sleep(60)
        assert await asked.ask("up/m,dear/x") == "up"


async def test_names_that_callers_invent_unseat_no_listed_model(
    autojump_clock: MockClock,
) -> None:
    vendor = Vendor(chats={f"nonsense-{n}": 403 for n in range(9)})
    async with asking(vendor, dear=True) as asked:
        await asked.ask()
        for n in range(9):
            await asked.ask(f"up/nonsense-{n}")
        assert (asked.state, asked.gateway.ready) == ("healthy", True)
        assert await asked.ask("up/m,dear/x") == "up"


async def test_the_memory_of_models_is_bounded(autojump_clock: MockClock) -> None:
    vendor = Vendor(chats={f"nonsense-{n}": 404 for n in range(450)})
    async with asking(vendor, probing=False) as asked:
        for n in range(450):
            await asked.ask(f"up/nonsense-{n}")
        (endpoint,) = asked.gateway.health.of("up")
        assert len(endpoint.models) == 400


async def test_embeddings_that_are_not_there_move_no_chat(autojump_clock: MockClock) -> None:
    async with asking(Vendor(), probing=False, dear=True) as asked:
        gateway = asked.gateway
        for _ in range(6):
            race = gateway.plan("up/m", RaceHints(), trio.current_time())
            with pytest.raises(OmenError):
                await gateway.embed(race, EmbeddingsRequest(("text",)))
        assert asked.state == "unknown"
        assert await asked.ask("up/m,dear/x") == "up"


async def test_a_long_outage_is_probed_less_often(autojump_clock: MockClock) -> None:
    vendor = Vendor(list_status=None)
    async with asking(vendor) as asked:
        await trio.sleep(59.5)
        assert len(vendor.probes) == 60
        await trio.sleep(120)
        assert len(vendor.probes) == 60 + 24
        assert asked.state == "down"
