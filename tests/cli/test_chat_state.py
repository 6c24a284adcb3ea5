"""A conversation: what the next question is asked with, and what each command does."""

from __future__ import annotations

from typing import Any

import pytest

from omen.cli._chat_state import HELP, Conversation, described, explained

REPORT: dict[str, Any] = {
    "strategy": "race",
    "winner": "a/m",
    "order": "by score",
    "committed_ms": 281.6,
    "cost_usd": 0.00012,
    "attempts": [
        {
            "provider": "a",
            "model": "m",
            "role": "primary",
            "outcome": "won",
            "ended_ms": 900.4,
            "tokens": 50,
            "reason": None,
        },
        {
            "provider": "b",
            "model": "m",
            "role": "entrant",
            "outcome": "failed",
            "ended_ms": 20.0,
            "tokens": 0,
            "reason": "too busy",
        },
    ],
    "left_out": [{"name": "c/m", "reason": "no tools"}],
}


@pytest.fixture
def conversation() -> Conversation:
    return Conversation("auto", "race", None, ())


def test_a_question_goes_with_what_was_said_before(conversation: Conversation) -> None:
    conversation.keep("one?", "one.")
    assert conversation.body("two?") == {
        "model": "auto",
        "messages": [
            {"role": "user", "content": "one?"},
            {"role": "assistant", "content": "one."},
            {"role": "user", "content": "two?"},
        ],
        "stream": True,
        "omen": {"strategy": "race"},
    }


def test_a_question_without_an_answer_is_forgotten(conversation: Conversation) -> None:
    conversation.keep("one?", "")
    assert len(conversation.body("two?")["messages"]) == 1


@pytest.mark.parametrize(
    ("line", "printed", "hints"),
    [
        ("/strategy single", "strategy: single", {"strategy": "single"}),
        (
            "/strategy speculate_k 3",
            "strategy: speculate_k, k = 3",
            {"strategy": "speculate_k", "k": 3},
        ),
        ("/strategy", "strategy: race", {"strategy": "race"}),
        ("/strategy race many", "K is a number from 1, found 'many'", {"strategy": "race"}),
        ("/strategy race 0", "K is a number from 1, found '0'", {"strategy": "race"}),
        ("/strategy race ²", "K is a number from 1, found '²'", {"strategy": "race"}),
        ("/help", HELP, {"strategy": "race"}),
        ("/explain", "no race has run yet", {"strategy": "race"}),
    ],
)
def test_a_command_changes_how_the_next_question_is_asked(
    line: str, printed: str, hints: dict[str, Any], conversation: Conversation
) -> None:
    assert conversation.command(line) == printed
    assert conversation.body("?")["omen"] == hints


def test_a_model_is_chosen(conversation: Conversation) -> None:
    assert conversation.command("/model a/m") == "model: a/m"
    assert conversation.command("/model") == "model: a/m"
    assert conversation.body("?")["model"] == "a/m"


def test_clear_forgets_the_conversation_and_no_choice(conversation: Conversation) -> None:
    conversation.command("/strategy single")
    conversation.keep("one?", "one.")
    conversation.report = REPORT
    assert conversation.command("/clear") == "the conversation is forgotten"
    assert [message["content"] for message in conversation.body("two?")["messages"]] == ["two?"]
    assert conversation.command("/explain") == "no race has run yet"
    assert conversation.strategy == "single"


@pytest.mark.parametrize(
    ("words", "chosen"),
    [(["a,b"], ("a", "b")), (["a", "b"], ("a", "b")), (["a,"], ("a",)), (["all"], ())],
)
def test_providers_are_chosen(
    words: list[str], chosen: tuple[str, ...], conversation: Conversation
) -> None:
    conversation.choose_providers(["z"])
    conversation.choose_providers(words)
    assert conversation.body("?")["omen"].get("providers", []) == list(chosen)


def test_providers_are_described_with_a_mark_at_those_that_may_be_asked() -> None:
    providers = [
        {"provider_id": "a", "kind": "openai", "state": "healthy", "models": ["m", "n"]},
        {"provider_id": "b", "kind": "ollama", "state": "down", "models": []},
    ]
    assert described(providers, ["ollama"]).splitlines() == [
        "  a (openai), healthy: m, n",
        "* b (ollama), down: any model",
    ]
    assert all(line.startswith("* ") for line in described(providers, []).splitlines())


def test_explain_shows_every_attempt_and_who_was_left_out() -> None:
    assert explained(REPORT).splitlines() == [
        "race: a/m, committed after 282 ms, 0.000120 USD in all",
        "  by score",
        "  a/m  primary  won after 900 ms, 50 tokens",
        "  b/m  entrant  failed after 20 ms, 0 tokens: too busy",
        "  left out: c/m: no tools",
    ]


def test_what_is_no_command_of_this_kind_is_left_to_others(conversation: Conversation) -> None:
    assert conversation.command("/providers") is None
    assert conversation.command("/nope") is None
