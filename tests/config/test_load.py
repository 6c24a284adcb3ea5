"""Where values come from, and which of two wins."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from omen.config import (
    CacheSettings,
    Price,
    ProviderSettings,
    RaceSettings,
    ServerSettings,
    Settings,
)
from tests.config.written import Folder

PUBLISHED = """
[server]
bind = "0.0.0.0"
port = 8080

[providers.ollama]
enabled = true
endpoints = ["http://localhost:11434", "http://ollama-3070:11434"]
models = ["deepseek-coder:6.7b", "llama3.1:8b-instruct"]

[providers.anthropic]
enabled = true
api_key = "env:OMEN_ANTHROPIC_API_KEY"

[providers.azure]
enabled = true
endpoint = "env:OMEN_AZURE_OPENAI_ENDPOINT"
api_key = "env:OMEN_AZURE_OPENAI_API_KEY"

[routing]
prefer_local_for = ["code", "regex", "tests"]
budget_monthly_usd = 150.0

[cache]
enabled = true
redis_url = "redis://localhost:6379"
"""
"""The example that users of the existing project have."""


def test_without_any_source_the_defaults_hold(folder: Folder) -> None:
    loaded = folder.load()
    assert loaded.settings == Settings()
    assert loaded.source is None
    assert loaded.warnings == ()


def test_the_defaults_serve_this_machine_only() -> None:
    assert Settings().server == ServerSettings(bind="127.0.0.1", port=8080, workers=1)


def test_the_published_example_loads_as_it_stands(folder: Folder) -> None:
    loaded = folder.write(PUBLISHED).load()
    assert loaded.settings.server == ServerSettings(bind="0.0.0.0", port=8080)
    assert loaded.settings.providers == {
        "ollama": ProviderSettings(
            name="ollama",
            kind="ollama",
            base_urls=("http://localhost:11434", "http://ollama-3070:11434"),
            models=("deepseek-coder:6.7b", "llama3.1:8b-instruct"),
        )
    }
    assert loaded.settings.routing.prefer_local_for == ("code", "regex", "tests")
    assert loaded.settings.routing.budget_monthly_usd == Decimal(150)
    assert loaded.settings.cache == CacheSettings(enabled=True, redis_url="redis://localhost:6379")
    assert loaded.warnings == (
        "provider anthropic is disabled: OMEN_ANTHROPIC_API_KEY is not set",
        "provider azure is disabled: OMEN_AZURE_OPENAI_ENDPOINT and OMEN_AZURE_OPENAI_API_KEY"
        " are not set",
    )


def test_the_published_example_uses_the_keys_that_are_there(folder: Folder) -> None:
    loaded = folder.write(PUBLISHED).load(
        {
            "OMEN_ANTHROPIC_API_KEY": "ak",
            "OMEN_AZURE_OPENAI_ENDPOINT": "https://one.openai.azure.com/",
            "OMEN_AZURE_OPENAI_API_KEY": "zk",
        }
    )
    providers = loaded.settings.providers
    assert list(providers) == ["ollama", "anthropic", "azure"]
    assert providers["anthropic"].base_urls == ("https://api.anthropic.com",)
    assert providers["anthropic"].api_key == "ak"
    assert providers["azure"].base_urls == ("https://one.openai.azure.com",)
    assert providers["azure"].api_key == "zk"


def test_every_key_of_a_section_is_taken_over(folder: Folder) -> None:
    loaded = folder.write(
        """
        [race]
        strategy = "race"
        k = 3
        min_useful_tokens = 7
        reasoning_counts = true
        max_latency_ms = 2500
        """
    ).load()
    assert loaded.settings.race == RaceSettings(
        strategy="race", k=3, min_useful_tokens=7, reasoning_counts=True, max_latency_ms=2500.0
    )
    assert loaded.warnings == ()


def test_money_is_the_decimal_that_was_written(folder: Folder) -> None:
    loaded = folder.write(
        """
        [providers.ollama.prices."llama3.1:8b"]
        input = 0.1
        output = 3
        """
    ).load()
    assert loaded.settings.providers["ollama"].prices == {
        "llama3.1:8b": Price(input=Decimal("0.1"), output=Decimal(3))
    }


def test_env_is_read_beside_the_file_and_here_and_here_counts_more(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, text in ((here, "OMEN_PORT=1\n"), (there, "OMEN_PORT=2\nOMEN_BIND=there\n")):
        folder.mkdir()
        (folder / ".env").write_text(text)
    (there / "omen.toml").write_text("[race]\nk = 3\n")
    server = Folder(here).load(path=Path("../there/omen.toml")).settings.server
    assert (server.port, server.bind) == (1, "there")
    assert Folder(there).load().settings.server.port == 2


def test_one_beside_the_file_that_is_written_for_somebody_else_is_a_warning(
    tmp_path: Path,
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (there / "omen.toml").write_text("")
    (there / ".env").write_text("not ours\nOMEN_PORT=2\n")
    loaded = Folder(here).load(path=there / "omen.toml")
    assert loaded.settings.server.port == 2
    (warning,) = loaded.warnings
    assert warning.startswith(f"{there / '.env'}: line 1: found a line that is not NAME=value")
    (there / ".env").write_bytes(b"\xff")
    assert len(Folder(here).load(path=there / "omen.toml").warnings) == 1


class TestWhichFile:
    def test_without_a_path_omen_toml_in_the_folder_is_read(self, folder: Folder) -> None:
        loaded = folder.write("[server]\nport = 1").load()
        assert loaded.source == folder.path / "omen.toml"
        assert loaded.settings.server.port == 1

    def test_a_given_path_is_read_instead(self, folder: Folder, tmp_path: Path) -> None:
        folder.write("[server]\nport = 1")
        (tmp_path / "other.toml").write_text("[server]\nport = 2")
        for path in (Path("other.toml"), tmp_path / "other.toml"):
            loaded = folder.load(path=path)
            assert loaded.source == tmp_path / "other.toml"
            assert loaded.settings.server.port == 2

    def test_a_given_path_must_exist(self, folder: Folder) -> None:
        folder.write("[server]\nport = 1")
        assert folder.mistakes(path=Path("gone.toml")) == [
            "gone.toml: found a file that cannot be read (no such file or directory);"
            " allowed: a TOML file, in UTF-8"
        ]

    def test_a_byte_order_mark_and_windows_lines_are_no_mistake(self, folder: Folder) -> None:
        assert folder.write("\ufeff[server]\r\nport = 1\r\n").load().settings.server.port == 1

    def test_a_folder_named_env_is_not_read(self, folder: Folder) -> None:
        (folder.path / ".env").mkdir()
        assert folder.load().settings == Settings()


class TestVariables:
    def test_the_environment_wins_over_dotenv_and_dotenv_over_the_file(
        self, folder: Folder
    ) -> None:
        folder.write("[server]\nport = 1")
        assert folder.load().settings.server.port == 1
        folder.write(dotenv="OMEN_PORT=2")
        assert folder.load().settings.server.port == 2
        assert folder.load({"OMEN_PORT": "3"}).settings.server.port == 3

    def test_an_empty_variable_is_unset_and_hides_the_one_in_dotenv(self, folder: Folder) -> None:
        folder.write("[server]\nport = 1", dotenv="OMEN_PORT=2")
        assert folder.load({"OMEN_PORT": ""}).settings.server.port == 1

    def test_each_variable_sets_its_key(self, folder: Folder) -> None:
        settings = folder.load(
            {
                "OMEN_BIND": "::1",
                "OMEN_PORT": " 81 ",
                "OMEN_DB_URL": "sqlite:///x.db",
                "OMEN_REDIS_URL": "redis://r",
                "OMEN_OPENAI_API_KEY": "ok",
                "OMEN_ANTHROPIC_API_KEY": "ak",
                "OMEN_XAI_API_KEY": "xk",
                "OMEN_AZURE_OPENAI_ENDPOINT": "https://a",
                "OMEN_AZURE_OPENAI_API_KEY": "zk",
                "OMEN_OLLAMA_ENDPOINTS": "http://o1:1, http://o2:2,",
                "OMEN_ROUTER_PREFER_LOCAL_FOR": "code,tests",
                "OMEN_BUDGET_MONTHLY_USD": "12.50",
            }
        ).settings
        assert settings.server == ServerSettings(bind="::1", port=81)
        assert settings.ledger.url == "sqlite:///x.db"
        assert settings.cache.redis_url == "redis://r"
        assert {name: p.api_key for name, p in settings.providers.items()} == {
            "anthropic": "ak",
            "azure": "zk",
            "ollama": None,
            "openai": "ok",
            "xai": "xk",
        }
        assert settings.providers["azure"].base_urls == ("https://a",)
        assert settings.providers["ollama"].base_urls == ("http://o1:1", "http://o2:2")
        assert settings.routing.prefer_local_for == ("code", "tests")
        assert settings.routing.budget_monthly_usd == Decimal("12.50")

    def test_a_variable_wins_over_a_literal_key_and_over_a_reference(self, folder: Folder) -> None:
        for written in ("literal", "env:GONE"):
            folder.write(f'[providers.xai]\napi_key = "{written}"')
            loaded = folder.load({"OMEN_XAI_API_KEY": "from-variable"})
            assert loaded.settings.providers["xai"].api_key == "from-variable"
            assert loaded.warnings == ()

    def test_a_variable_does_not_enable_what_the_file_disabled(self, folder: Folder) -> None:
        loaded = folder.write("[providers.xai]\nenabled = false").load({"OMEN_XAI_API_KEY": "k"})
        assert loaded.settings.providers == {}
        assert loaded.warnings == ()

    def test_a_variable_that_the_file_gives_to_another_provider_makes_up_none(
        self, folder: Folder
    ) -> None:
        folder.write(
            '[providers.claude]\nkind = "anthropic"\napi_key = "env:OMEN_ANTHROPIC_API_KEY"'
        )
        loaded = folder.load({"OMEN_ANTHROPIC_API_KEY": "ak"})
        assert list(loaded.settings.providers) == ["claude"]
        assert loaded.settings.providers["claude"].api_key == "ak"

    def test_a_vendors_key_does_not_go_to_a_stranger_with_its_name(self, folder: Folder) -> None:
        folder.write(
            """
            [providers.openai]
            kind = "openai_compatible"
            base_url = "http://localhost:8000/v1"
            """
        )
        loaded = folder.load({"OMEN_OPENAI_API_KEY": "ok"})
        assert loaded.settings.providers["openai"].api_key is None
        assert loaded.warnings == (
            "OMEN_OPENAI_API_KEY is set but not used: providers.openai is of another kind;"
            ' to use it there, set api_key = "env:OMEN_OPENAI_API_KEY"',
        )

    @pytest.mark.parametrize(
        ("name", "warning"),
        [
            ("OMEN_PROT", "OMEN_PROT is not a variable that OMEN knows; did you mean OMEN_PORT?"),
            (
                "OMEN_XAI_KEY",
                "OMEN_XAI_KEY is not a variable that OMEN knows; did you mean OMEN_XAI_API_KEY?",
            ),
            ("OMEN_ZZZZ", "OMEN_ZZZZ is not a variable that OMEN knows"),
        ],
    )
    def test_an_unknown_variable_of_ours_is_a_warning(
        self, folder: Folder, name: str, warning: str
    ) -> None:
        assert folder.load({name: "x", "HOME": "/"}).warnings == (warning,)
        assert folder.write(dotenv=f"{name}=x\nPORT=1").load().warnings == (warning,)

    def test_a_variable_that_the_file_names_is_known(self, folder: Folder) -> None:
        folder.write('[server]\nbind = "env:OMEN_ADDRESS"')
        loaded = folder.load({"OMEN_ADDRESS": "::1"})
        assert loaded.settings.server.bind == "::1"
        assert loaded.warnings == ()


class TestReferences:
    def test_they_are_found_in_the_environment_and_in_dotenv(self, folder: Folder) -> None:
        folder.write('[server]\nbind = "env:A"\nport = "env:B"', dotenv="A=dot\nB=7")
        server = folder.load({"A": "process"}).settings.server
        assert (server.bind, server.port) == ("process", 7)

    def test_they_take_the_type_of_the_key(self, folder: Folder) -> None:
        folder.write(
            """
            [server]
            timeout_seconds = "env:T"
            [race]
            reasoning_counts = "env:R"
            [providers.ollama]
            endpoints = "env:E"
            models = ["env:M", "plain"]
            """
        )
        settings = folder.load(
            {"T": "1.5", "R": "True", "E": "http://a:1/,http://b:2", "M": "first"}
        ).settings
        assert settings.server.timeout_seconds == 1.5
        assert settings.race.reasoning_counts is True
        assert settings.providers["ollama"].base_urls == ("http://a:1", "http://b:2")
        assert settings.providers["ollama"].models == ("first", "plain")

    def test_what_they_stand_for_is_plain_text_afterwards(self, folder: Folder) -> None:
        folder.write('[providers.xai]\napi_key = "env:K"\nmodels = "env:M"')
        xai = folder.load({"K": "k", "M": "m"}).settings.providers["xai"]
        assert type(xai.api_key) is str
        assert [type(model) for model in xai.models] == [str]

    def test_an_unset_one_disables_its_provider_and_no_other(self, folder: Folder) -> None:
        folder.write(
            """
            [providers.ollama]
            [providers.second]
            kind = "ollama"
            endpoints = ["http://a:1", "env:SECOND"]
            [providers.third]
            kind = "openai_compatible"
            base_url = "env:THIRD"
            api_key = "env:THIRD"
            [providers.fourth]
            kind = "env:FOURTH"
            """
        )
        loaded = folder.load()
        assert list(loaded.settings.providers) == ["ollama"]
        assert loaded.warnings == (
            "provider second is disabled: SECOND is not set",
            "provider third is disabled: THIRD is not set",
            "provider fourth is disabled: FOURTH is not set",
        )

    def test_an_unset_one_in_a_disabled_provider_is_not_worth_a_word(self, folder: Folder) -> None:
        folder.write('[providers.xai]\nenabled = false\napi_key = "env:GONE"')
        assert folder.load().warnings == ()


class TestRouting:
    def test_an_intent_that_is_left_out_keeps_its_preference(self, folder: Folder) -> None:
        prefer = folder.write("[routing.prefer]\ncode = []").load().settings.routing.prefer
        assert prefer == {**Settings().routing.prefer, "code": ()}

    def test_an_alias_goes_without_disabled_providers(self, folder: Folder) -> None:
        folder.write(
            """
            [providers.ollama]
            [providers.xai]
            enabled = false
            [routing.aliases]
            fast = ["xai/grok-4", "ollama/a", "xai/grok-3"]
            gone = ["xai/grok-4"]
            """
        )
        loaded = folder.load()
        assert loaded.settings.routing.aliases == {"fast": ("ollama/a",), "gone": ()}
        assert loaded.warnings == (
            "routing.aliases.fast does not use the disabled xai",
            "routing.aliases.gone does not use the disabled xai",
        )

    def test_the_default_k_gives_way_to_a_smaller_limit(self, folder: Folder) -> None:
        assert folder.write("[limits]\nmax_k = 1").load().settings.race.k == 1
