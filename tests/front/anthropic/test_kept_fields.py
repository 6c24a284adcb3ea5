"""What a Messages request holds for vendors other than Anthropic, and must not be lost."""

from __future__ import annotations

from omen.core.chat import TextPart, Tool
from tests.front.anthropic.test_parse import ask, messages, text, turn

MARK = {"type": "ephemeral"}


def test_marks_for_a_prompt_cache_go_along_to_vendors_that_take_them() -> None:
    cached = text("One.", cache_control=MARK)
    marked = {"cache_control": MARK}
    read = {"type": "tool_result", "tool_use_id": "t", "content": "3", "cache_control": MARK}
    system, result, said = messages(
        turn("user", read, text("hi", cache_control=MARK)), system=[cached, text("Two.")]
    )
    assert system.parts == (TextPart("One.", marked), TextPart("\n\nTwo."))
    assert result.extras == marked
    assert said.parts == (TextPart("hi", marked),)
    (tool,) = ask(tools=[{"name": "f", "cache_control": MARK}]).request.tools
    assert isinstance(tool, Tool)
    assert tool.extras == marked


def test_thinking_that_comes_back_goes_along_for_vendors_that_demand_it() -> None:
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    thoughts = [
        {"type": "thinking", "thinking": "It is ", "signature": "a"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "thinking", "thinking": "late.", "signature": "b"},
    ]
    (message,) = messages(turn("assistant", *thoughts, call))
    assert message.thoughts == "It is late."
    (user,) = messages(turn("user", *thoughts, text("hi")))
    assert user.extras == {}
