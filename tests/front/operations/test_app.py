"""Health, readiness and the list of models; and what there is not, in OpenAI's shape."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from quart import Response
from quart_trio import QuartTrio

import omen
from omen.accounts.keyring import KeyRing
from omen.config import ServerSettings
from omen.core.candidates import Endpoint
from omen.core.counts import DEFAULT_COUNTS, RequestCounts
from omen.front.app import make_app
from omen.front.http.asgi import App
from omen.front.operations.app import make_operations
from omen.front.operations.metrics import Metrics
from omen.gateway import Gateway, ServedModel
from omen.isolation import BytesInFlight
from omen.race.audit import RequestAudit
from omen.routing import CatalogProvider, Health
from omen.serving import LiveConnections
from omen.state import MemoryStore
from omen.telemetry import LiveFeed, RequestRegistry
from tests.front.client import GONE, Conversation, piece, scope, talk

SERVED = (
    ServedModel("alpha", "shared"),
    ServedModel("alpha", "meta/llama-3:8b"),
    ServedModel("beta", "shared"),
    ServedModel("beta", "gpt"),
)
OWNERS = {
    "fast": "omen",
    "shared": "omen",
    "meta/llama-3:8b": "alpha",
    "gpt": "beta",
    "alpha/shared": "alpha",
    "alpha/meta/llama-3:8b": "alpha",
    "beta/shared": "beta",
    "beta/gpt": "beta",
}


PROVIDERS = tuple(
    CatalogProvider(name, "openai", (Endpoint(f"http://{name[0]}.test"),))
    for name in ("alpha", "beta")
)


@dataclass
class Listing:
    """What the operations ask of a gateway."""

    models: Sequence[ServedModel] = SERVED
    aliases: tuple[str, ...] = ("fast",)
    unready_reason: str | None = None
    draining: bool = False
    audit: RequestAudit | None = None
    providers: tuple[CatalogProvider, ...] = PROVIDERS
    keys: KeyRing = field(default_factory=lambda: KeyRing(None, allow_anonymous=True))
    store: MemoryStore = field(default_factory=MemoryStore)
    books: Any = None
    requests: RequestRegistry = field(default_factory=RequestRegistry)
    months: Any = field(default_factory=lambda: SimpleNamespace(is_known=True))
    counts_allowed: RequestCounts = DEFAULT_COUNTS
    in_flight: BytesInFlight = field(default_factory=BytesInFlight)

    @cached_property
    def health(self) -> Health:
        """Made when it is needed, in a test: it reads trio's clock."""
        return Health([("alpha", "http://a.test"), ("beta", "http://b.test")])

    def operations(self) -> QuartTrio:
        gateway = cast(Gateway, self)
        metrics = Metrics(gateway, LiveConnections())
        return make_operations(gateway, metrics, lambda: self.draining, 1_760_000_000)

    def app(self) -> App:
        shutdown = trio.Event()
        if self.draining:
            shutdown.set()
        return make_app(cast(Gateway, self), LiveFeed(), ServerSettings(), shutdown)


class Broken(Listing):
    """A gateway with a bug."""

    def __init__(self) -> None:
        self.keys = KeyRing(None)

    @property
    def unready_reason(self) -> str | None:  # type: ignore[override]
        raise KeyError("sk-secret")


async def call(path: str, listing: Listing, method: str = "GET") -> Response:
    client: Any = listing.operations().test_client()  # its declared type lacks defaults
    return cast(Response, await client.open(path, method=method))


async def get(path: str, listing: Listing | None = None) -> Any:
    response = await call(path, listing or Listing())
    assert response.content_type == "application/json"
    return response.status_code, json.loads(await response.get_data())


async def through_the_app(path: str, method: str = "GET") -> Conversation:
    return await talk(Listing().app(), scope(path, method), (0, piece(b"")))


def check_error(answered: Any, code: str, type_: str = "invalid_request_error") -> None:
    assert list(answered) == ["error"]
    error = answered["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == (type_, code)
    assert error["message"]


@pytest.mark.parametrize(
    "listing", [Listing(), Listing(unready_reason="down"), Listing(draining=True)], ids=repr
)
async def test_the_process_is_healthy_while_it_serves_whatever_the_providers_do(
    listing: Listing,
) -> None:
    states = {"alpha": "unknown", "beta": "unknown"}
    told = {"status": "ok", "version": omen.__version__, "providers": states}
    assert await get("/health", listing) == (200, told)


async def test_it_is_ready_with_a_provider() -> None:
    assert await get("/ready") == (200, {"status": "ready"})


def unread_keys() -> KeyRing:
    """Keys that have not been read since the start."""
    keys = KeyRing(None)
    keys._keys, keys._away = None, True
    return keys


async def test_it_is_not_ready_while_no_caller_can_be_known() -> None:
    words = "the keys could not be read yet"
    books = SimpleNamespace(ledger=LEDGER)
    listing = Listing(keys=unread_keys(), books=books, unready_reason=words)
    assert await get("/ready", listing) == (503, {"status": words, "away": ["ledger"]})


LEDGER = SimpleNamespace(
    is_away=False, database_is_away=False, waiting=0, written=0, spooled=0, lost=0
)


@pytest.mark.parametrize(
    ("listing", "word"),
    [
        (Listing(unready_reason="every provider is down"), "every provider is down"),
        (Listing(draining=True), "draining"),
        (Listing(unready_reason="down", draining=True), "draining"),
    ],
)
async def test_it_is_not_ready_without_one_or_while_it_drains(listing: Listing, word: str) -> None:
    status, told = await get("/ready", listing)
    assert status == 503
    assert word in told["status"]


async def test_readiness_is_asked_anew_each_time() -> None:
    listing = Listing()
    client = listing.operations().test_client()
    assert (await client.get("/ready")).status_code == 200
    listing.draining = True
    assert (await client.get("/ready")).status_code == 503


async def test_the_models_are_every_name_a_client_can_pick_and_who_stands_behind_it() -> None:
    status, told = await get("/v1/models")
    assert (status, told["object"]) == (200, "list")
    assert {model["id"]: model["owned_by"] for model in told["data"]} == OWNERS
    assert len(told["data"]) == len(OWNERS)
    assert all(model["object"] == "model" for model in told["data"])
    assert {model["created"] for model in told["data"]} == {1_760_000_000}


async def test_without_providers_the_list_is_empty_and_still_a_list() -> None:
    told = await get("/v1/models", Listing(models=(), aliases=(), unready_reason="down"))
    assert told == (200, {"object": "list", "data": []})


@pytest.mark.parametrize("name", OWNERS)
@pytest.mark.parametrize("slash", ["/", "%2F"])
async def test_a_model_is_found_by_its_name_slashes_and_all(name: str, slash: str) -> None:
    status, told = await get(f"/v1/models/{name.replace('/', slash)}")
    assert (status, told["id"], told["owned_by"]) == (200, name, OWNERS[name])


@pytest.mark.parametrize("name", ["gpt-9", "alpha/gpt", "alpha", "GPT", "auto"])
async def test_a_model_that_is_not_listed_is_a_404(name: str) -> None:
    status, told = await get(f"/v1/models/{name}")
    assert status == 404
    check_error(told, "model_not_found")
    assert told["error"]["param"] == "model"
    assert name in told["error"]["message"]


@pytest.mark.parametrize("path", ["/v1", "/v2/models", "/v1/chat", "/Health", "/omen/race"])
async def test_a_route_that_does_not_exist_is_a_404_in_openais_shape(path: str) -> None:
    status, told = await get(path)
    assert status == 404
    check_error(told, "not_found")


@pytest.mark.parametrize("path", ["/health", "/ready", "/v1/models", "/v1/models/gpt"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_another_method_is_a_405_that_says_so_and_which_are_allowed(
    path: str, method: str
) -> None:
    response = await call(path, Listing(), method)
    assert response.status_code == 405
    check_error(json.loads(await response.get_data()), "method_not_allowed")
    assert "GET" in response.headers.get("allow", "")


async def test_a_bug_is_a_500_that_is_not_the_callers_fault_and_keeps_its_text() -> None:
    status, told = await get("/ready", Broken())
    assert status == 500
    check_error(told, "internal_error", "server_error")
    assert "sk-secret" not in str(told)


@pytest.mark.parametrize("path", ["/health", "/v1/../health"])
async def test_health_answers_also_where_an_existing_client_looks_for_it(
    path: str, autojump_clock: trio.abc.Clock
) -> None:
    heard = await through_the_app(path)
    assert heard.status == 200
    assert heard.json["status"] == "ok"


@pytest.mark.parametrize("path", ["/v1/../ready", "/v1/../v1/models", "/../health", "/x/../health"])
async def test_no_other_path_is_normalised(path: str, autojump_clock: trio.abc.Clock) -> None:
    assert (await through_the_app(path)).status == 404


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/ready", "GET", 200),
        ("/v1/models", "GET", 200),
        ("/v1/models/alpha/meta/llama-3:8b", "GET", 200),
        ("/v1/chat/completions", "GET", 405),
        ("/v1/chat/completions/", "POST", 404),
        ("/v1/chat/completions", "POST", 400),
        ("/nowhere", "GET", 404),
    ],
)
async def test_one_app_has_every_route(
    path: str, method: str, status: int, autojump_clock: trio.abc.Clock
) -> None:
    heard = await through_the_app(path, method)
    assert heard.status == status
    assert heard.headers["content-type"] == "application/json"


async def test_the_live_feed_is_mounted_too(autojump_clock: trio.abc.Clock) -> None:
    heard = await talk(Listing().app(), scope("/omen/races/live", "GET"), (1, GONE))
    assert (heard.status, heard.ended_at) == (200, 1.0)


async def test_the_servers_settings_bound_a_chats_body_and_silence(
    autojump_clock: trio.abc.Clock,
) -> None:
    server = ServerSettings(max_body_bytes=20, body_timeout_seconds=7.0)
    app = make_app(cast(Gateway, Listing()), LiveFeed(), server)
    heard = await talk(app, scope(), (0, piece(b" " * 21)))
    assert heard.status == 413
    heard = await talk(app, scope())
    assert (heard.status, heard.ended_at) == (408, 7.0)
