"""Several endpoints of one provider, and how standing orders whoever could answer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from omen.core.candidates import Candidate, Endpoint, Rank
from omen.core.cards import UNKNOWN, ModelCard
from omen.core.hints import RaceHints
from omen.routing import Assessor, Catalog, CatalogProvider, PlanDefaults, Router
from omen.routing.models.catalog import MAX_REMEMBERED, MAX_REMEMBERED_NAME

URLS = ("http://l1", "http://l2", "http://l3")
CLOUD = CatalogProvider("cloud", "openai", (Endpoint("http://c/v1"),), ("m",))


def local(*models: str) -> CatalogProvider:
    endpoints = tuple(map(Endpoint, URLS))
    return CatalogProvider("local", "ollama", endpoints, models, default_tag="latest")


def order(*providers: CatalogProvider, model: str = "m", **standing: tuple[int, int]) -> list[str]:
    """Give the hosts in the order of the plan; `standing` is by host."""

    def stands(candidate: Candidate) -> tuple[int, int]:
        return standing.get(host(candidate), (0, 0))

    assessor = Assessor(health=lambda c: Rank(stands(c)[0]), load=lambda c: stands(c)[1])
    router = Router(Catalog(providers), PlanDefaults(), ["single"], assessor)
    plan = router.plan(model, RaceHints(), 0.0)
    return [host(candidate) for candidate in plan.candidates]


def host(candidate: Candidate) -> str:
    return candidate.endpoint.base_url.removeprefix("http://").removesuffix("/v1")


def test_those_that_stand_alike_go_by_load_and_then_as_configured() -> None:
    assert order(local("m")) == ["l1", "l2", "l3"]
    assert order(local("m"), l1=(0, 2), l2=(0, 1), l3=(0, 1)) == ["l2", "l3", "l1"]


def test_standing_goes_before_load() -> None:
    assert order(local("m"), l1=(4, 0), l2=(0, 9), l3=(1, 0)) == ["l2", "l3", "l1"]


def test_a_provider_goes_in_by_its_best_endpoint_and_its_others_come_behind_everybody() -> None:
    assert order(local("m"), CLOUD, l1=(0, 1)) == ["l2", "c", "l3", "l1"]


def test_who_is_down_comes_last_of_all_and_nobody_is_left_out() -> None:
    assert order(local("m"), CLOUD, l2=(4, 0), c=(2, 0)) == ["l1", "l3", "c", "l2"]
    down = dict.fromkeys(("l1", "l2", "l3", "c"), (4, 0))
    assert set(order(local("m"), CLOUD, **down)) == {"l1", "l2", "l3", "c"}


Found = dict[str, Mapping[str, ModelCard]]
FOUND: Found = {
    "http://l1": {"llama3.1:8b": UNKNOWN, "m:latest": ModelCard(context=4096)},
    "http://l2": {"llama3.1:8b": UNKNOWN},
}


def discovering() -> CatalogProvider:
    provider = local()
    discover(provider)
    return provider


def discover(provider: CatalogProvider) -> None:
    for url, cards in FOUND.items():
        provider.discover(url, cards)


def test_what_was_found_is_listed_where_nothing_is_configured() -> None:
    assert discovering().listed == ("llama3.1:8b", "m:latest")
    configured = local("m")
    discover(configured)
    assert configured.listed == ("m",)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("llama3.1:8b", ["l1", "l2", "l3"]),  # of the third nothing is known
        ("m", ["l1", "l3"]),
        ("m:latest", ["l1", "l3"]),
        ("local/m", ["l1", "l3"]),
        ("local/unheard-of", ["l3"]),
    ],
)
def test_an_endpoint_that_is_known_not_to_have_a_model_is_not_asked(
    model: str, expected: list[str]
) -> None:
    assert order(discovering(), model=model) == expected


def test_if_no_endpoint_has_it_all_are_asked() -> None:
    provider = discovering()
    provider.discover("http://l3", {})
    assert order(provider, model="local/unheard-of") == ["l1", "l2", "l3"]


def test_what_was_found_of_a_model_is_on_its_card() -> None:
    (first, *_) = discovering().candidates("m")
    assert first.card.context == 4096


def test_what_is_found_later_counts_at_once() -> None:
    """Candidates are remembered, and every request asks for them."""
    provider = local()
    assert [c.card.context for c in provider.candidates("m")] == [None] * 3
    provider.discover("http://l1", {"m:latest": ModelCard(context=4096)})
    assert [c.card.context for c in provider.candidates("m")] == [4096] * 3


def test_what_callers_make_up_is_not_remembered_without_bound() -> None:
    provider = local()
    for number in range(3 * MAX_REMEMBERED):
        provider.candidates(f"made up {number}")
        provider.candidates("m" * (MAX_REMEMBERED_NAME + 1 + number))
    assert len(provider._remembered) <= MAX_REMEMBERED
    assert all(len(model) <= MAX_REMEMBERED_NAME for model in provider._remembered)


def test_auto_is_the_first_configured_model_and_never_the_first_of_what_was_found() -> None:
    assert order(discovering(), CLOUD, model="auto") == ["c"]
