"""What this folder stands on: servers that are there or are missed, and answers that tell."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.real.asking import GREEDY, SEEDED, Side, chat
from tests.real.llama import MODEL, LlamaServer, require_packages

pytestmark = pytest.mark.slow


def test_without_the_package_a_test_is_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMEN_REQUIRE_REAL", raising=False)
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(pytest.skip.Exception, match=r"no llama.cpp to test against .*xllamacpp"):
        require_packages()


def test_where_it_is_required_the_test_fails_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMEN_REQUIRE_REAL", "1")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(pytest.fail.Exception, match="xllamacpp"):
        require_packages()


def test_the_same_temper_gives_the_same_model(folder: Path) -> None:
    from tests.real.model import TALKER, THINKER, write_model  # needs the packages

    one, again, other = (
        write_model(folder / name, temper).read_bytes()
        for name, temper in (("one", TALKER), ("again", TALKER), ("other", THINKER))
    )
    assert one == again
    assert one != other


@pytest.mark.parametrize("sampling", [SEEDED, GREEDY])
def test_an_answer_is_repeatable_and_depends_on_every_character_of_the_prompt(
    sampling: Mapping[str, object], servers: Mapping[str, LlamaServer]
) -> None:
    side = Side(servers["talker"].url, MODEL, sampling)

    def logprobs(text: str) -> object:
        turns = [{"role": "user", "content": text}]
        asked = {"messages": turns, "max_tokens": 3, "logprobs": True, "top_logprobs": 1}
        return chat(side, **asked)["logprobs"]

    first = logprobs("one river. two bridges.")
    assert logprobs("one river. two bridges.") == first
    for changed in (
        "One river. two bridges.",
        "one river.  two bridges.",
        "two river. one bridges.",
    ):
        assert logprobs(changed) != first
