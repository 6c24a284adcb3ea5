"""Providers are found by name: OMEN's own, and those that other packages bring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from omen.providers import KINDS, PROVIDER_GROUP, load_kinds, registry

MINE = replace(KINDS["openai_compatible"], name="mine")
OPENAI = replace(KINDS["openai_compatible"], name="openai")
NO_SPEC = object()


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    load_kinds.cache_clear()
    yield
    load_kinds.cache_clear()


def installed(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Install packages that bring these providers, each by the value of its entry point."""
    points = [EntryPoint(name, value, PROVIDER_GROUP) for name, value in values.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


def test_every_kind_is_known_by_its_own_name() -> None:
    assert set(KINDS) == {"openai", "openai_compatible", "xai", "azure", "anthropic", "ollama"}
    assert all(name == spec.name for name, spec in KINDS.items())
    assert load_kinds() == KINDS


def test_a_usual_address_is_known_where_there_is_one() -> None:
    assert {name: spec.setup.default_url for name, spec in KINDS.items()} == {
        "openai": "https://api.openai.com/v1",
        "openai_compatible": None,
        "xai": "https://api.x.ai/v1",
        "azure": None,
        "anthropic": "https://api.anthropic.com",
        "ollama": "http://localhost:11434",
    }


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://192.168.1.5/v1", True),
        ("http://[::1]/v1", True),
        ("http://localhost:1234/v1", True),
        ("http://gpu.internal/v1", True),
        ("https://api.groq.com/openai/v1", False),
        ("http://8.8.8.8/v1", False),
    ],
)
def test_a_compatible_server_is_local_by_its_address(url: str, local: bool) -> None:
    assert KINDS["openai_compatible"].terms.is_local(url) is local
    assert KINDS["ollama"].terms.is_local(url)
    assert not KINDS["openai"].terms.is_local(url)


def test_another_package_brings_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, mine=f"{__name__}:MINE")
    assert load_kinds() == {**KINDS, "mine": MINE}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            "no_package:SPEC",
            "provider x (no_package:SPEC) is left out: ModuleNotFoundError",
        ),
        (f"{__name__}:NO_SUCH", "is left out: AttributeError"),
        (f"{__name__}:NO_SPEC", "is left out: no ProviderSpec"),
        (f"{__name__}:OPENAI", "OMEN has that kind itself"),
    ],
)
def test_what_cannot_be_used_is_named_and_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str, words: str
) -> None:
    installed(monkeypatch, x=value, mine=f"{__name__}:MINE")
    assert load_kinds() == {**KINDS, "mine": MINE}
    assert words in caplog.text


def test_kinds_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        KINDS["openai"] = KINDS["xai"]  # type: ignore[index]
