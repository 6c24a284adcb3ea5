"""What each kind of provider is run with when little was written, and when it is left out."""

from __future__ import annotations

import pytest

from omen.config import ProviderSettings
from omen.providers import KINDS
from tests.config.written import Folder

DEFAULTS: dict[str, tuple[str, str, float]] = {
    "openai": ("api_key = 'k'", "https://api.openai.com/v1", 60.0),
    "openai_compatible": ("base_url = 'http://a/v1'", "http://a/v1", 60.0),
    "anthropic": ("api_key = 'k'", "https://api.anthropic.com", 60.0),
    "ollama": ("", "http://localhost:11434", 300.0),
    "xai": ("api_key = 'k'", "https://api.x.ai/v1", 60.0),
    "azure": ("api_key = 'k'\nendpoint = 'https://a'", "https://a", 60.0),
}


def test_the_table_has_every_kind() -> None:
    assert set(DEFAULTS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_section_named_after_a_kind_is_of_that_kind(folder: Folder, kind: str) -> None:
    written, base_url, first_token = DEFAULTS[kind]
    provider = folder.write(f"[providers.{kind}]\n{written}").load().settings.providers[kind]
    assert provider == ProviderSettings(
        name=kind,
        kind=kind,
        base_urls=(base_url,),
        api_key="k" if "api_key" in written else None,
        models=(),
        domain=kind,
        timeout_seconds=None,
        first_token_timeout_seconds=None,
        stall_timeout_seconds=60.0,
        working_timeout_seconds=600.0,
        max_concurrency=256,
        prices={},
    )
    assert KINDS[kind].setup.first_token_timeout_seconds == first_token


def test_several_of_one_kind_keep_their_order_and_their_names(folder: Folder) -> None:
    folder.write(
        """
        [providers.b]
        kind = "ollama"
        [providers.a]
        kind = "ollama"
        domain = "desk"
        [providers.ollama]
        """
    )
    providers = folder.load().settings.providers
    assert [(p.name, p.kind, p.domain) for p in providers.values()] == [
        ("b", "ollama", "b"),
        ("a", "ollama", "desk"),
        ("ollama", "ollama", "ollama"),
    ]


def test_what_is_written_wins_over_the_kind(folder: Folder) -> None:
    folder.write(
        """
        [providers.ollama]
        endpoints = ["http://a:1/", "https://b"]
        models = ["m"]
        timeout_seconds = 1
        first_token_timeout_seconds = 2
        stall_timeout_seconds = 3
        max_concurrency = 4
        """
    )
    assert folder.load().settings.providers["ollama"] == ProviderSettings(
        name="ollama",
        kind="ollama",
        base_urls=("http://a:1", "https://b"),
        models=("m",),
        timeout_seconds=1.0,
        first_token_timeout_seconds=2.0,
        stall_timeout_seconds=3.0,
        max_concurrency=4,
    )


@pytest.mark.parametrize("kind", ["openai", "anthropic", "xai"])
def test_without_a_key_a_vendor_is_disabled_and_a_server_of_ones_own_is_not(
    folder: Folder, kind: str
) -> None:
    loaded = folder.write(f"[providers.{kind}]").load()
    assert loaded.settings.providers == {}
    variable = f"OMEN_{kind.upper()}_API_KEY"
    assert loaded.warnings == (
        f"provider {kind} is disabled: it has no api_key (nor is {variable} set)",
    )
    loaded = folder.write(f"[providers.{kind}]\nbase_url = 'http://localhost:1'").load()
    assert list(loaded.settings.providers) == [kind]
    assert loaded.warnings == ()


def test_a_provider_with_another_name_is_not_told_of_a_variable(folder: Folder) -> None:
    loaded = folder.write("[providers.claude]\nkind = 'anthropic'").load()
    assert loaded.warnings == ("provider claude is disabled: it has no api_key",)


def test_azure_is_disabled_without_an_endpoint_or_a_key(folder: Folder) -> None:
    assert folder.write("[providers.azure]").load().warnings == (
        "provider azure is disabled: it has no endpoint (nor is OMEN_AZURE_OPENAI_ENDPOINT set)"
        " and no api_key (nor is OMEN_AZURE_OPENAI_API_KEY set)",
    )
    assert folder.write("[providers.azure]\nendpoint = 'https://a'").load().warnings == (
        "provider azure is disabled: it has no api_key (nor is OMEN_AZURE_OPENAI_API_KEY set)",
    )


def test_azures_endpoint_may_be_written_as_its_portal_shows_it(folder: Folder) -> None:
    folder.write("[providers.azure]\napi_key = 'k'\nendpoint = 'https://a/openai/v1/'")
    assert folder.load().settings.providers["azure"].base_urls == ("https://a/openai/v1",)


def test_a_disabled_provider_is_left_out_in_silence(folder: Folder) -> None:
    loaded = folder.write("[providers.openai]\nenabled = false").load()
    assert loaded.settings.providers == {}
    assert loaded.warnings == ()


def test_one_made_in_code_is_its_own_failure_domain() -> None:
    provider = ProviderSettings(name="a", kind="openai", base_urls=("http://a",))
    assert provider.domain == "a"
