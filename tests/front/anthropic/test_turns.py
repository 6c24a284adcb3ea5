"""What Claude Code sends, for the model of another vendor: words for what only Anthropic knows."""

from __future__ import annotations

from typing import Any

import pytest

from omen.core.chat import FilePart, ImagePart, Message, Opaque, TextPart
from tests.front.anthropic.test_parse import PICTURE, ask, messages, text, turn
from tests.providers.asking import body

BILLING = "x-anthropic-billing-header: cc_version=1.2.3.ab; cc_entrypoint=cli; cch=0f1e2;"
MARK = {"type": "ephemeral"}
USE = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
HI = turn("user", text("hi"))


def system(said: Any) -> list[str]:
    return [m.text for m in messages(HI, system=said) if m.role == "system"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ([text(BILLING), text("You are an agent.")], ["You are an agent."]),
        ([text(f"{BILLING}\n\nYou are an agent.")], ["You are an agent."]),
        (f"{BILLING}\nYou are an agent.", ["You are an agent."]),
        ([text("You are an agent."), text(BILLING.upper())], ["You are an agent."]),
        ([text(BILLING)], []),
        (BILLING, []),
        (f"Never write {BILLING}", [f"Never write {BILLING}"]),
    ],
)
def test_the_billing_line_is_for_anthropic_only(said: Any, meant: list[str]) -> None:
    """It is first and changes, so that no other vendor's prompt cache could hold the rest."""
    assert system(said) == meant
    request = ask(messages=[HI], system=said).request
    assert body("anthropic", request, "claude-haiku-4-5")["system"] == said


def test_a_system_message_among_the_turns_is_read_like_the_system_text() -> None:
    turns = messages(HI, turn("system", text(BILLING), text("Be brief.")))
    assert turns[1] == Message("system", (TextPart("Be brief."),))


def result(*content: Any, **more: Any) -> Message:
    block = {"type": "tool_result", "tool_use_id": "t1", "content": list(content), **more}
    return messages(HI, turn("assistant", USE), turn("user", block))[2]


def test_a_tool_that_was_found_is_named() -> None:
    found = result({"type": "tool_reference", "tool_name": "get_weather"}, text("One."))
    assert found.text == "The tool get_weather can be called now.\n\nOne."


SEARCH = {
    "type": "search_result",
    "source": "https://x.test/a",
    "title": "A page",
    "content": [text("First."), text("Second.")],
    "citations": {"enabled": True},
}


def test_a_search_result_is_its_title_its_source_and_its_texts() -> None:
    words = "A page\n\nhttps://x.test/a\n\nFirst.\n\nSecond."
    assert result(SEARCH).text == words
    assert messages(turn("user", SEARCH, text("So?")))[0].parts == (
        TextPart(words),
        TextPart("So?"),
    )


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        (
            {"type": "text", "media_type": "text/plain", "data": "Body."},
            [TextPart("T\n\nC\n\nBody.")],
        ),
        ({"type": "content", "content": "Body."}, [TextPart("T\n\nC\n\nBody.")]),
        (
            {"type": "content", "content": [text("A."), {"type": "image", "source": PICTURE}]},
            [TextPart("T\n\nC\n\nA."), ImagePart("data:image/png;base64,aGk=")],
        ),
        ({"type": "url", "url": "https://x.test/a"}, [FilePart("https://x.test/a", "T")]),
    ],
)
def test_a_document_is_its_text_wherever_it_has_one(
    source: dict[str, Any], parts: list[Any]
) -> None:
    block = {"type": "document", "title": "T", "context": "C", "source": source}
    assert list(messages(turn("user", block))[0].parts) == parts


def test_one_that_is_kept_at_anthropic_can_go_there_only() -> None:
    block = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
    assert isinstance(messages(turn("user", block))[0].parts[0], Opaque)


RECORDS = [
    {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
    {"type": "web_fetch_tool_result", "tool_use_id": "s1", "content": {"type": "x"}},
    {"type": "code_execution_tool_result", "tool_use_id": "s1", "content": {}},
    {"type": "tool_search_tool_result", "tool_use_id": "s1", "content": {}},
    {"type": "mcp_tool_use", "id": "m1", "name": "a", "server_name": "b", "input": {}},
    {"type": "mcp_tool_result", "tool_use_id": "m1", "content": []},
    {"type": "a_record_of_next_year"},
]


def test_records_of_a_vendors_tools_are_left_out() -> None:
    said = messages(HI, turn("assistant", *RECORDS, text("It is cold."), USE), HI)
    assert said[1].parts == (TextPart("It is cold."),)
    assert [call.id for call in said[1].tool_calls] == ["t1"]
    assert [m.role for m in messages(HI, turn("assistant", *RECORDS), HI)] == ["user", "user"]


def test_a_summary_of_what_was_cut_off_is_text() -> None:
    said = messages(turn("assistant", {"type": "compaction", "content": "They met."}), HI)
    assert said[0] == Message("assistant", (TextPart("They met."),))


@pytest.mark.parametrize(
    ("content", "text_of_it"),
    [
        ("42", "Error: 42"),
        ("", "Error:"),
        ("Permission to use Bash was denied.", "Error: Permission to use Bash was denied."),
        ("Error: no such file", "Error: no such file"),
        ("<tool_use_error>no such file</tool_use_error>", None),
        ("ValueError: 7", None),
        ("Command failed", None),
        ([text("42")], "Error: 42"),
    ],
)
def test_a_call_that_failed_says_so(content: Any, text_of_it: str | None) -> None:
    block = {"type": "tool_result", "tool_use_id": "t1", "content": content}
    failed, fine = (
        messages(HI, turn("assistant", USE), turn("user", {**block, "is_error": is_error}))[2]
        for is_error in (True, False)
    )
    assert failed.is_error
    assert failed.text == (fine.text if text_of_it is None else text_of_it)
    assert "Error: " not in fine.text or fine.text == content


def test_marks_for_the_cache_stay_with_their_parts() -> None:
    """Providers that take them are sent them; for others the text is the same as without."""
    blocks = [text("One."), text("Two.", cache_control=MARK), text("Three.")]
    marked = messages(turn("user", text("hi", cache_control=MARK)), system=blocks)
    assert marked[0] == Message(
        "system", (TextPart("One.\n\nTwo.", {"cache_control": MARK}), TextPart("\n\nThree."))
    )
    assert marked[0].text == "One.\n\nTwo.\n\nThree."
    assert marked[1].parts == (TextPart("hi", {"cache_control": MARK}),)
    assert result(text("1"), text("2", cache_control=MARK)).parts == (
        TextPart("1\n\n2", {"cache_control": MARK}),
    )


def test_the_search_for_tools_is_left_out_as_every_tool_is_sent() -> None:
    search = {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}
    later = {"name": "f", "input_schema": {"type": "object"}, "defer_loading": True}
    (tool,) = ask(tools=[search, later]).request.tools
    assert not isinstance(tool, Opaque)
    assert tool.name == "f"
