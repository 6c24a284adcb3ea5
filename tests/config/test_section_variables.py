"""`OMEN_SECTION__KEY` for every key, and the vendors' own variables."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest

from omen.config import Settings
from omen.config._document import Document, ProviderTable, keys_at
from omen.config._draft import Draft
from omen.config._environment import Environment
from omen.config._section_variables import apply_section_variables
from tests.config.written import Folder

PROVIDER = '[providers.openai]\napi_key = "k"\n'


def test_every_key_of_every_section_has_a_variable() -> None:
    for section in fields(Document):
        for key in keys_at((section.name,)):
            name = f"OMEN_{section.name}__{key}".upper()
            draft = Draft({}, "omen.toml")
            apply_section_variables(draft, Environment({name: "x"}, {}))
            assert draft.table == {section.name: {key: "x"}}


def test_every_key_of_a_provider_has_a_variable() -> None:
    for key in fields(ProviderTable):
        draft = Draft({}, "omen.toml")
        name = f"OMEN_PROVIDERS__GROQ__{key.name}".upper()
        apply_section_variables(draft, Environment({name: "x"}, {}))
        assert draft.table == {"providers": {"groq": {key.name: "x"}}}


@pytest.mark.parametrize(
    ("name", "text", "read", "value"),
    [
        ("OMEN_SERVER__PORT", "9", lambda s: s.server.port, 9),
        ("OMEN_RACE__AUTO", "true", lambda s: s.race.auto, True),
        ("OMEN_RACE__MAX_EXTRA_LOAD", "0.2", lambda s: s.race.max_extra_load, 0.2),
        (
            "OMEN_RACE__FAILOVER_ON",
            "timeout, connection",
            lambda s: s.race.failover_on,
            ("timeout", "connection"),
        ),
        ("OMEN_LEDGER__URL", "sqlite:a.db", lambda s: s.ledger.url, "sqlite:a.db"),
        ("omen_race__k", "3", lambda s: s.race.k, 2),
    ],
)
def test_a_variable_sets_its_key(
    folder: Folder, name: str, text: str, read: Any, value: object
) -> None:
    loaded = folder.write("[server]\nport = 1\n").load({name: text})
    assert read(loaded.settings) == value


def test_a_provider_may_come_from_variables_alone(folder: Folder) -> None:
    loaded = folder.load(
        {
            "OMEN_PROVIDERS__GROQ__KIND": "openai_compatible",
            "OMEN_PROVIDERS__GROQ__BASE_URL": "https://api.groq.com/openai/v1",
            "OMEN_PROVIDERS__GROQ__API_KEY": "g",
            "OMEN_PROVIDERS__GROQ__MODELS": "a,b",
            "OMEN_PROVIDERS__GROQ__PRICES__A__INPUT": "0.1",
            "OMEN_PROVIDERS__GROQ__PRICES__A__OUTPUT": "0.2",
            "OMEN_ROUTING__ALIASES__FAST": "groq/a, groq/b",
        }
    )
    provider = loaded.settings.providers["groq"]
    assert (provider.api_key, provider.models) == ("g", ("a", "b"))
    assert provider.prices["a"].output == Decimal("0.2")
    assert loaded.settings.routing.aliases == {"fast": ("groq/a", "groq/b")}
    assert loaded.warnings == ()


def test_a_part_means_the_name_in_the_file_that_is_the_same_but_for_letters_and_signs(
    folder: Folder,
) -> None:
    folder.write(
        '[providers.My-Llama]\nkind = "openai_compatible"\nbase_url = "http://h/v1"\n'
        '[providers.My-Llama.prices."big-7.5"]\ninput = 1\noutput = 2\n'
    )
    settings = folder.load(
        {
            "OMEN_PROVIDERS__MY_LLAMA__MAX_CONCURRENCY": "7",
            "OMEN_PROVIDERS__MY_LLAMA__PRICES__BIG_7_5__INPUT": "3",
        }
    ).settings
    assert settings.providers["My-Llama"].max_concurrency == 7
    assert settings.providers["My-Llama"].prices["big-7.5"].input == 3


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "OMEN_SERVER__PROT",
            "environment (OMEN_SERVER__PROT): server.prot: found an unknown key",
        ),
        ("OMEN_SRVER__PORT", "environment (OMEN_SRVER__PORT): srver: found an unknown key"),
        ("OMEN_SERVER__PORT", "environment (OMEN_SERVER__PORT): server.port: found 'x'"),
        ("OMEN_ROUTING__ALIASES", "environment (OMEN_ROUTING__ALIASES): routing.aliases: found"),
    ],
)
def test_a_mistake_in_a_variable_is_reported_with_its_name(
    folder: Folder, name: str, line: str
) -> None:
    (found,) = folder.write(PROVIDER).mistakes({name: "x"})
    assert found.startswith(line)


@pytest.mark.parametrize("name", ["OMEN__X", "OMEN_SERVER__", "OMEN_A____B"])
def test_a_name_with_an_empty_part_is_one_that_omen_does_not_know(
    folder: Folder, name: str
) -> None:
    (warning,) = folder.load({name: "x"}).warnings
    assert warning.startswith(f"{name} is not a variable that OMEN knows")


def test_the_longer_name_precedes_the_short_one_and_says_so(folder: Folder) -> None:
    loaded = folder.load({"OMEN_PORT": "1", "OMEN_SERVER__PORT": "2"})
    assert loaded.settings.server.port == 2
    assert loaded.warnings == (
        "OMEN_SERVER__PORT and environment (OMEN_PORT) set the same key; OMEN_SERVER__PORT is used",
    )


def test_a_section_that_is_no_table_is_one_mistake(folder: Folder) -> None:
    (line,) = folder.write("server = 3\n").mistakes({"OMEN_SERVER__PORT": "2"})
    assert "server: found 3; allowed: a table" in line


def test_a_secret_of_a_variable_is_not_shown(folder: Folder) -> None:
    (line,) = folder.mistakes({"OMEN_PROVIDERS__OPENAI__API_KEY": "sk-abc\u00e9defghijk"})
    assert "abc" not in line


# The vendors' own


def test_a_vendors_key_makes_its_provider_where_none_is_configured(folder: Folder) -> None:
    loaded = folder.load({"OPENAI_API_KEY": "o", "ANTHROPIC_API_KEY": "a", "XAI_API_KEY": "x"})
    keys = {name: provider.api_key for name, provider in loaded.settings.providers.items()}
    assert keys == {"openai": "o", "anthropic": "a", "xai": "x"}
    assert sorted(loaded.notes) == [
        "providers.anthropic.api_key is taken from environment (ANTHROPIC_API_KEY)",
        "providers.openai.api_key is taken from environment (OPENAI_API_KEY)",
        "providers.xai.api_key is taken from environment (XAI_API_KEY)",
    ]


def test_azure_needs_both_of_its_variables(folder: Folder) -> None:
    key, endpoint = {"AZURE_OPENAI_API_KEY": "k"}, {"AZURE_OPENAI_ENDPOINT": "https://n.azure.com"}
    assert folder.load(key).settings == folder.load(endpoint).settings == Settings()
    azure = folder.load(key | endpoint).settings.providers["azure"]
    assert (azure.api_key, azure.base_urls) == ("k", ("https://n.azure.com",))


def test_a_vendors_key_adds_no_provider_to_others(folder: Folder) -> None:
    loaded = folder.write(PROVIDER).load({"ANTHROPIC_API_KEY": "a"})
    assert list(loaded.settings.providers) == ["openai"]
    assert loaded.notes == ()


def test_a_vendors_key_fills_a_gap_and_replaces_nothing(folder: Folder) -> None:
    folder.write('[providers.openai]\n[providers.second]\nkind = "openai"\napi_key = "mine"\n')
    loaded = folder.load({"OPENAI_API_KEY": "o"})
    keys = {name: provider.api_key for name, provider in loaded.settings.providers.items()}
    assert keys == {"openai": "o", "second": "mine"}
    assert folder.load({"OPENAI_API_KEY": "o", "OMEN_OPENAI_API_KEY": "ours"}).notes == ()


@pytest.mark.parametrize(
    "section",
    [
        '[providers.openai]\nbase_url = "http://other/v1"\n',
        '[providers.openai]\nkind = "openai_compatible"\nbase_url = "http://other/v1"\n',
        "[providers.openai]\nenabled = false\n",
        '[providers.mine]\nkind = "openai"\napi_key = "env:OPENAI_API_KEY"\n[providers.openai]\n',
    ],
)
def test_a_vendors_key_goes_to_no_other_server_and_to_nobody_who_is_switched_off(
    folder: Folder, section: str
) -> None:
    loaded = folder.write(section).load({"OPENAI_API_KEY": "o"})
    assert loaded.notes == ()
    openai = loaded.settings.providers.get("openai")
    assert openai is None or openai.api_key is None
