"""Providers are found by name."""

from __future__ import annotations

import pytest

from omen.providers import KINDS, provider_spec


def test_every_kind_is_known_by_its_own_name() -> None:
    assert set(KINDS) == {"openai", "openai_compatible", "xai", "azure", "anthropic", "ollama"}
    assert all(provider_spec(name) is spec and name == spec.NAME for name, spec in KINDS.items())


def test_a_usual_address_is_known_where_there_is_one() -> None:
    assert {name: spec.BASE_URL for name, spec in KINDS.items()} == {
        "openai": "https://api.openai.com/v1",
        "openai_compatible": None,
        "xai": "https://api.x.ai/v1",
        "azure": None,
        "anthropic": "https://api.anthropic.com",
        "ollama": "http://localhost:11434",
    }


def test_an_unknown_kind_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(LookupError, match=r"'opnai'.*anthropic, azure"):
        provider_spec("opnai")


def test_kinds_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        KINDS["openai"] = KINDS["xai"]  # type: ignore[index]
