"""What each check of `gate` rejects, holds and lets pass, however an answer is cut into pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.answer_checks import (
    HOLD,
    LONGEST_PATTERN,
    PLAIN_CHECKS,
    Rejection,
    Verdict,
    split_check,
)
from omen.core.chat import (
    ChatRequest,
    Message,
    NamedTool,
    Opaque,
    ResponseFormat,
    TextPart,
    Tool,
)
from omen.core.events import (
    AnswerEnd,
    ChoiceSwitch,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from omen.race.checks import checks_of
from omen.race.checks._beginning import LONGEST, MOST_CALLS

WEATHER = Tool(
    "weather",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
NOW = Tool("now")


def asked(prompt: str = "How are you?", **fields: Any) -> ChatRequest:
    return ChatRequest((Message("user", (TextPart(prompt),)),), **fields)


def judged(
    gate: str | Sequence[str], *events: Event | str, request: ChatRequest | None = None
) -> Verdict:
    """Return what checks say of an answer so far. Text stands for an event with it."""
    make = checks_of([gate] if isinstance(gate, str) else gate, request or asked())
    assert make is not None
    checks = make()
    for event in events:
        checks.take([TextDelta(event) if isinstance(event, str) else event])
    return checks.verdict()


def rejected(check: str, *events: Event | str, request: ChatRequest | None = None) -> bool:
    verdict = judged(check, *events, request=request)
    return isinstance(verdict, Rejection)


END = AnswerEnd("stop")
REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I\u2019m sorry, but I can\u2019t assist with that request.",
    "I cannot provide instructions for that.",
    "Sorry, I can't help you with this.",
    "  **I apologize**, but I'm unable to do so.",
    "Unfortunately, I cannot fulfill this request.",
    "As an AI language model, I can't have opinions.",
    "Es tut mir leid, aber dabei kann ich nicht helfen.",
    "Je suis désolé, mais je ne peux pas répondre à cette demande.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "Mi dispiace, ma non posso aiutarti.",
    "Desculpe, mas não posso ajudar com isso.",
    "К сожалению, я не могу помочь с этим.",
    "抱歉，我无法提供这方面的帮助。",
    "申し訳ありませんが、お手伝いできません。",
]
NO_REFUSALS = [
    "I'm sorry to hear about your dog. Here is what may help:",
    "I can help with that.",
    "I can't help but smile at this question.",
    "Sorry for the delay!",
    "Sorry, but I must disagree.",
    "As an AI engineer, you would begin with data.",
    "Unfortunately, the flight was cancelled.",
    "Es tut mir leid, das zu hören.",
    "抱歉让您久等了。",
    "The model said: I'm sorry, but I can't help with that.",
    "> I'm sorry, but I can't help with that.",
    "“I cannot help you,” said the wizard.",
    "{}",
    "42",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_known_by_its_first_words(text: str) -> None:
    assert rejected("no_refusal", text)
    assert rejected("no_refusal", *text)


@pytest.mark.parametrize("text", NO_REFUSALS)
def test_what_only_begins_alike_is_none(text: str) -> None:
    assert judged("no_refusal", text, END) is None
    assert judged("no_refusal", *text, END) is None


@pytest.mark.parametrize("text", ["", "I", "I'm so", "Sorry, but I", "Es tut"])
def test_an_answer_is_held_while_it_may_become_a_refusal(text: str) -> None:
    assert judged("no_refusal", text) == HOLD
    assert judged("no_refusal", text, END) is None


def test_a_providers_own_marks_are_refusals() -> None:
    assert rejected("no_refusal", RefusalDelta("No."))
    assert rejected("no_refusal", "Well", AnswerEnd("content_filter"))
    assert judged("no_refusal", RefusalDelta(""), "Here you are") is None


@pytest.mark.parametrize(
    "text",
    ["the " * 8, "I will go. " * 6, "na" * 12 + "na", "Well: " + "\n\nYes, of course.\n" * 7],
    ids=["a word", "a sentence", "no blanks", "a paragraph"],
)
def test_a_loop_is_rejected(text: str) -> None:
    assert rejected("no_repetition", text)
    assert rejected("no_repetition", *text)


@pytest.mark.parametrize(
    "text",
    [
        "Ha ha ha ha!",
        "-" * 500, "| --- | --- | --- | --- | --- | --- | --- |", "1, 1, 1, 1, 1, 1",
        "0" * 100, ". " * 90, "Row, row, row your boat gently down the stream.", "\n" * 200, "",
    ],
)  # fmt: skip
def test_rulers_numbers_and_songs_are_no_loops(text: str) -> None:
    assert judged("no_repetition", text, END) is None


def test_what_may_become_a_loop_is_held() -> None:
    assert judged("no_repetition", "again and " * 3) == HOLD
    assert judged("no_repetition", "again and " * 3, "then we stopped.") is None


@pytest.mark.parametrize(
    ("prompt", "answer", "is_bad"),
    [
        ("How are you today?", "我很好，谢谢你，今天天气也很好。", True),
        ("How are you today?", "Спасибо, всё хорошо, а у вас?", True),
        ("How are you today?", "Fine: 谢谢!", False),
        ("How are you today?", "谢谢", False),
        ("你好吗？今天怎么样？", "我很好，谢谢你，今天天气也很好。", False),
        ("你好吗？今天怎么样？", "def quicksort(numbers): ...", False),
        ("你好吗？今天怎么样？", "Спасибо, всё хорошо, а у вас?", True),
        ("Say it in Russian: good morning", "Доброе утро, как ваши дела?", False),
        ("Translate this", "我很好，谢谢你，今天天气也很好。", False),
        ("What machine is this?", "这是一台非常好的机器，用于工作。", True),
        ("Prove that \u03b1 < \u03b2", "\u03b1\u03b2\u03b3 are ordered", False),
    ],
)
def test_an_answer_keeps_to_the_scripts_of_its_prompt(
    prompt: str, answer: str, is_bad: bool
) -> None:
    make = checks_of(["language"], asked(prompt))
    verdict = make and judged("language", answer, END, request=asked(prompt))
    assert isinstance(verdict, Rejection) is is_bad


def test_a_prompt_without_letters_may_be_answered_in_any_script() -> None:
    assert checks_of(["language"], asked("1 + 1 = ?")) is None


OBJECT = ResponseFormat("json_schema", schema={"type": "object", "required": ["a"]})


def test_json_is_checked_where_it_was_asked_for() -> None:
    assert checks_of(["json_schema"], asked()) is None
    assert checks_of(["json_schema"], asked(response_format=ResponseFormat("text"))) is None
    wants = asked(response_format=OBJECT)
    assert rejected("json_schema", "Sure! Here", request=wants)
    assert rejected("json_schema", '{"b": 1}', END, request=wants)
    assert rejected("json_schema", '{"a": ', END, request=wants)
    assert judged("json_schema", '{"b": 1', request=wants) is None
    assert judged("json_schema", '{"a": ', AnswerEnd("length"), request=wants) is None
    assert judged("json_schema", '{"a": 1}', END, request=wants) is None
    assert judged("json_schema", ToolCallDelta(0, "c", "f", "{"), request=wants) is None
    plain = asked(response_format=ResponseFormat("json_object"))
    assert rejected("json_schema", "[1", request=plain)
    assert judged("json_schema", ReasoningDelta("hm"), '{"x', request=plain) is None


def call(arguments: str, name: str = "weather", index: int = 0) -> ToolCallDelta:
    return ToolCallDelta(index, f"c{index}", name, arguments)


BAD_CALLS = {
    "an unknown tool": [call("{", "wetter")],
    "no JSON": [call("city=Rome")],
    "a list": [call('["Rome"')],
    "a number for a text": [call('{"city": 7')],
    "an unknown parameter": [call('{"town": "Rome"')],
    "a parameter that is missing": [call('{"days": 3}')],
    "nothing at all": [call(""), END],
    "cut off": [call('{"city": "Ro'), END],
    "cut off by the next one": [call('{"city": "Ro'), call("{", index=1)],
    "the second one": [call('{"city": "Rome"}'), call('{"city": []', index=1)],
}


@pytest.mark.parametrize("events", BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_a_call_that_cannot_be_carried_out_is_rejected(events: list[Event]) -> None:
    assert rejected("tool_args", *events, request=asked(tools=(WEATHER, NOW)))


@pytest.mark.parametrize(
    "events",
    [
        [call('{"city": "Reykjavik')],
        [call('{"city": "Rome"}'), call("", "now", 1), AnswerEnd("tool_calls")],
        [call('{"city": "Rome", "days": 3}'), AnswerEnd("tool_calls")],
        [call('{"city": "Ro'), AnswerEnd("length")],
        [call("{}", "now"), END],
        [ToolCallDelta(0, "c", "weather", "any text that is long", custom=True)],
    ],
)
def test_a_call_that_can_passes(events: list[Event]) -> None:
    request = asked(tools=(WEATHER, NOW))
    verdict = judged("tool_args", *events, request=request)
    assert verdict is None


def test_a_call_is_held_for_a_few_characters_because_nobody_can_use_its_beginning() -> None:
    request = asked(tools=(WEATHER, NOW))
    assert judged("tool_args", call('{"ci'), request=request) == HOLD
    assert judged("tool_args", call('{"ci'), call('ty": "Rome"', name=""), request=request) == HOLD
    assert judged("tool_args", call("{}", "now"), AnswerEnd("length"), request=request) is None


def test_a_tool_that_was_demanded_has_to_be_called() -> None:
    must = asked(tools=(WEATHER, NOW), tool_choice="required")
    assert rejected("tool_args", "No.", END, request=must)
    assert judged("tool_args", "Let me see.", request=must) is None
    named = asked(tools=(WEATHER, NOW), tool_choice=NamedTool("now"))
    assert rejected("tool_args", call("{"), request=named)
    assert judged("tool_args", call("{}", "now"), END, request=named) is None
    may = asked(tools=(WEATHER, NOW))
    assert judged("tool_args", "It is noon.", END, request=may) is None


def test_tools_that_omen_cannot_read_may_be_called() -> None:
    request = asked(tools=(WEATHER, Opaque({"type": "web_search"})))
    assert judged("tool_args", call("{", "web_search"), END, request=request) is None
    assert checks_of(["tool_args"], asked()) is None


def test_of_several_choices_the_first_one_is_judged() -> None:
    wants = asked(response_format=OBJECT)
    first, second = ChoiceSwitch(0), ChoiceSwitch(1)
    pieces: list[Event | str] = [first, '{"a"', second, "Sure! {", first, ": 1}", second, "x", END]
    assert judged("json_schema", *pieces, request=wants) is None
    assert rejected("json_schema", second, '{"a": 1}', first, "Sure!", END, request=wants)


def test_a_pattern_is_demanded_or_forbidden() -> None:
    assert rejected(r"regex:^\s*\d+", "about 7")
    assert judged(r"regex:^\s*\d+", " 7") is None
    assert rejected("no_regex:(?i)lorem ipsum", "Lorem ipsum dolor")
    assert judged("no_regex:(?i)lorem ipsum", "Nothing of it") is None
    assert judged("regex:^x", call("{")) is None


def test_a_pattern_that_would_take_for_ever_elsewhere_is_quick() -> None:
    assert judged("no_regex:^(a+)+$", "a" * 1500 + "!") is None


@pytest.mark.parametrize(
    "said",
    ["", "no_such", "regex", "regex:", "regex:(", "no_refusal:x", "regex:(?=x)", "no_regex:(a)\\1",
     "regex:" + "x" * (LONGEST_PATTERN + 1), "NO_REFUSAL", " no_refusal"],
)  # fmt: skip
def test_what_is_no_check_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match=r"must be one of|pattern|expression"):
        split_check(said)


@pytest.mark.parametrize("said", [*PLAIN_CHECKS, "regex:a:b,c", "no_regex:."])
def test_what_is_one_is_taken(said: str) -> None:
    assert ":".join(part for part in split_check(said) if part) == said


def test_the_first_check_that_rejects_is_named() -> None:
    verdict = judged(["no_repetition", "no_regex:sorry", "no_refusal"], REFUSALS[0])
    assert str(verdict) == "no_regex: the pattern is found in it"


def test_a_long_answer_costs_no_more_than_its_beginning() -> None:
    make = checks_of(["no_refusal", "no_repetition"], asked())
    assert make is not None
    checks = make()
    for number in range(2000):
        checks.take([TextDelta(f"word {number} "), call("x" * 100, index=number)])
    answer: Any = checks._answer  # type: ignore[attr-defined]
    assert len(answer.text) == LONGEST
    assert len(answer.calls) == MOST_CALLS
    assert sum(len(one.arguments) for one in answer.calls) <= LONGEST
    assert checks.verdict() is None


@given(st.text(max_size=200), st.data())
def test_the_cuts_between_pieces_change_nothing(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    gate = ["no_refusal", "no_repetition", "no_regex:[0-9]{3}"]
    assert judged(gate, text, END) == judged(gate, text[:at], text[at:], END)
    assert judged(gate, text) == judged(gate, text[:at], text[at:])
