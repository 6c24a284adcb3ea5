"""A configuration that changes while OMEN serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from trio.testing import MockClock

from omen.cli._reloading import reload
from omen.config import (
    AuthSettings,
    CacheSettings,
    ConfigError,
    LimitsSettings,
    Loaded,
    Problem,
    ProviderSettings,
    RaceSettings,
    RoutingSettings,
    ServerSettings,
    Settings,
    load_settings,
)
from omen.gateway._reload import plan_reload
from tests.world import open_world, upstream

FLEET = (upstream("one", first_token=0.1), upstream("two", first_token=0.2))


def test_what_can_be_applied_is_and_what_cannot_is_named() -> None:
    old = Settings()
    new = replace(
        old,
        server=ServerSettings(port=9000, bind="0.0.0.0"),
        race=RaceSettings(k=3),
        limits=LimitsSettings(max_k=3),
        auth=AuthSettings(allow_anonymous=True),
        routing=RoutingSettings(budget_monthly_usd=Decimal(5)),
        cache=CacheSettings(enabled=True, redis_url="redis://r"),
    )
    made = plan_reload(old, new)
    assert set(made.applied) == {"race", "limits", "auth", "routing", "cache.enabled"}
    assert set(made.kept) == {"server.port", "server.bind", "cache.redis_url"}
    assert made.settings == replace(new, server=old.server, cache=CacheSettings(enabled=True))


def test_providers_that_only_changed_places_have_changed() -> None:
    """They are asked in the order of the file."""
    one, two = (
        ProviderSettings(name=name, kind="openai", base_urls=("http://h/v1",), models=("m",))
        for name in ("one", "two")
    )
    old = Settings(providers={"one": one, "two": two})
    new = Settings(providers={"two": two, "one": one})
    made = plan_reload(old, new)
    assert (made.applied, made.kept) == (("providers",), ())
    assert list(made.settings.providers) == ["two", "one"]
    assert plan_reload(old, Settings(providers={"one": one, "two": two})).applied == ()


async def test_and_they_are_asked_in_their_new_order(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET) as world:
        before = world.gateway.settings
        assert [c.provider for c in world.plan().plan.candidates] == ["one", "two"]
        turned = dict(reversed(before.providers.items()))
        world.gateway.reload(replace(before, providers=turned))
        assert [c.provider for c in world.plan().plan.candidates] == ["two", "one"]


def test_another_file_of_tls_is_one_that_can_be_read_anew_but_not_none() -> None:
    old = Settings(server=ServerSettings(tls_certificate="a.pem", tls_key="a.key"))
    new = Settings(server=ServerSettings(tls_certificate="b.pem", tls_key="b.key"))
    assert set(plan_reload(old, new).applied) == {"server.tls_certificate", "server.tls_key"}
    for one, other in ((old, Settings()), (Settings(), old)):
        assert set(plan_reload(one, other).kept) == {"server.tls_certificate", "server.tls_key"}


async def test_providers_come_go_and_change_and_what_was_learnt_is_kept(
    autojump_clock: MockClock,
) -> None:
    async with open_world(*FLEET) as world:
        await world.ask(strategy="single", model="one/m")
        assert world.gateway.health.state("one") == "healthy"
        before = world.gateway.settings
        one = replace(before.providers["one"], api_key="new", models=("m", "n"))
        third = ProviderSettings(
            name="third", kind="openai", base_urls=("http://two/v1",), models=("m",)
        )
        done = world.gateway.reload(replace(before, providers={"one": one, "third": third}))
        assert (done.applied, done.kept) == (("providers",), ())
        assert world.gateway.health.state("one") == "healthy"
        assert {m.model for m in world.gateway.models if m.provider == "one"} == {"m", "n"}
        assert (await world.ask(strategy="single", model="third/m")).winner == "third"
        assert [c.provider for c in world.plan().plan.candidates] == ["one", "third"]


async def test_rules_take_effect_at_once(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET) as world:
        before = world.gateway.settings
        world.gateway.reload(
            replace(
                before,
                routing=RoutingSettings(aliases={"fast": ("two/m",)}),
                race=RaceSettings(strategy="race", k=1),
            )
        )
        made = world.plan(model="fast", strategy=None, k=None).plan
        assert ([c.provider for c in made.candidates], made.strategy, made.k) == (
            ["two"],
            "race",
            1,
        )
        assert world.gateway.aliases == ("fast",)


async def test_a_race_that_runs_goes_on_as_it_began(autojump_clock: MockClock) -> None:
    async with open_world(*FLEET) as world:
        race = world.plan(model="one/m", strategy="single")
        before = world.gateway.settings
        world.gateway.reload(replace(before, providers={"two": before.providers["two"]}))
        received = await world.run(race)
        assert (received.winner, received.error) == ("one", None)
        world.assert_nothing_left()


class TestTheSignal:
    async def test_says_what_came_of_it(self, autojump_clock: MockClock) -> None:
        async with open_world(*FLEET) as world:
            before = world.gateway.settings
            new = replace(before, race=RaceSettings(k=4), server=ServerSettings(port=1))
            _, lines = reload(world.gateway, loads(new, "provider x is disabled"), STARTED)
            assert lines == [
                "warning: provider x is disabled",
                "in effect: race",
                "needs a restart: server.port",
            ]
            assert reload(world.gateway, loads(new), STARTED)[1] == [
                "in effect: nothing has changed",
                "needs a restart: server.port",
            ]

    async def test_a_mistake_changes_nothing(self, autojump_clock: MockClock) -> None:
        def mistaken() -> Loaded:
            raise ConfigError([Problem("omen.toml", "race.k", "0", "an integer of at least 1")])

        async with open_world(*FLEET) as world:
            before = world.gateway.settings
            assert reload(world.gateway, mistaken, STARTED)[1] == [
                "mistake: omen.toml: race.k: found 0; allowed: an integer of at least 1",
                "nothing was changed",
            ]
            assert world.gateway.settings is before

    async def test_without_any_provider_those_that_serve_go_on(
        self, autojump_clock: MockClock
    ) -> None:
        async with open_world(*FLEET) as world:
            reload(world.gateway, loads(Settings(race=RaceSettings(k=4))), STARTED)
            assert (await world.ask(strategy="single")).error is None

    @pytest.mark.parametrize("written", [None, "", "# a comment\n", "[race]\nk = 4\n"])
    async def test_a_file_that_lost_what_it_had_changes_nothing(
        self, autojump_clock: MockClock, tmp_path: Path, written: str | None
    ) -> None:
        """Budgets and aliases would be lifted while a file is being replaced."""
        file = tmp_path / "omen.toml"

        def load() -> Loaded:
            return load_settings(
                None, {"OMEN_XAI_API_KEY": "x"}, cwd=tmp_path, strategies=["race", "single"]
            )

        file.write_text('[race]\nk = 3\n[providers.openai]\napi_key = "k"\n')
        async with open_world(*FLEET) as world:
            world.gateway.reload(load().settings)
            in_force, before = load(), world.gateway.settings
            if written is None:
                file.unlink()
            else:
                file.write_text(written)
            kept, lines = reload(world.gateway, load_without_key(tmp_path), in_force)
            assert (kept, world.gateway.settings) == (in_force, before)
            assert lines[0].startswith("mistake: ")
            assert lines[1:] == ["nothing was changed"]
            if written != "[race]\nk = 4\n":
                # Providers of the environment do not hide that the file is gone.
                assert reload(world.gateway, load, in_force)[1][1:] == ["nothing was changed"]

    async def test_a_gateway_that_began_without_a_file_goes_by_one_that_comes(
        self, autojump_clock: MockClock, tmp_path: Path
    ) -> None:
        load = load_without_key(tmp_path)
        async with open_world(*FLEET) as world:
            in_force = load()
            assert reload(world.gateway, load, in_force)[1][0].startswith("in effect")
            (tmp_path / "omen.toml").write_text("[race]\nk = 4\n")
            in_force, lines = reload(world.gateway, load, in_force)
            assert "race" in lines[0]
            (tmp_path / "omen.toml").write_text("")
            assert reload(world.gateway, load, in_force)[1][1:] == ["nothing was changed"]


STARTED = Loaded(Settings(), (), None, declared=False, is_empty=True)


def load_without_key(directory: Path) -> Callable[[], Loaded]:
    return lambda: load_settings(None, {}, cwd=directory, strategies=["race", "single"])


def loads(settings: Settings, *warnings: str) -> Callable[[], Loaded]:
    return lambda: Loaded(settings, warnings, None, declared=False)
