"""The token timeouts of a candidate: what is configured, its kind and its model."""

from __future__ import annotations

import pytest

from omen.config import ProviderSettings
from omen.core.candidates import Candidate
from omen.gateway._from_settings import _catalog_provider


def candidate(kind: str, model: str, **keys: float) -> Candidate:
    settings = ProviderSettings(name="p", kind=kind, base_urls=("http://p.invalid",), **keys)  # type: ignore[arg-type]
    (made,) = _catalog_provider(settings).candidates(model)
    return made


@pytest.mark.parametrize(
    ("kind", "model", "keys", "timeout"),
    [
        ("openai", "gpt-4.1", {}, 60.0),
        ("openai", "gpt-5-pro", {}, 600.0),
        ("openai", "gpt-5-pro", {"working_timeout_seconds": 1800.0}, 1800.0),
        ("openai", "gpt-5-pro", {"working_timeout_seconds": 20.0}, 60.0),
        ("openai", "gpt-5-pro", {"first_token_timeout_seconds": 30.0}, 30.0),
        ("ollama", "llama3.1:8b", {}, 300.0),
        ("openai_compatible", "a-model-of-which-nothing-is-known", {}, 60.0),
    ],
)
def test_a_model_that_thinks_has_the_working_timeout_until_its_first_token(
    kind: str, model: str, keys: dict[str, float], timeout: float
) -> None:
    assert candidate(kind, model, **keys).first_token_timeout == timeout


def test_the_other_timeouts_are_as_configured() -> None:
    made = candidate("openai", "gpt-5-pro", stall_timeout_seconds=3.0, timeout_seconds=9.0)
    assert (made.stall_timeout, made.working_timeout, made.timeout) == (3.0, 600.0, 9.0)
