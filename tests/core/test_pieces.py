"""Texts that arrive in pieces are joined once, wherever an answer is put together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omen.core.custom_tools import CustomInputReader
from omen.core.errors import FailureKind, UpstreamFailure
from omen.core.events import MessageFields, ToolCallDelta
from omen.core.frames import Frame
from omen.core.message_fields import FieldJoiner
from omen.core.pieces import Pieces
from omen.providers.chat_completions import tool_calls
from omen.providers.chat_completions.think_tags import ThinkTags
from omen.providers.chat_completions.tool_calls import ToolCallMerger
from omen.providers.messages.decoder import MessagesDecoder
from omen.providers.ollama_chat.decoder import ApiChatDecoder
from omen.providers.responses.decoder import ResponsesDecoder


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The length of each text that was joined out of pieces, or read as joined."""
    lengths: list[int] = []
    whole = Pieces.text.fget
    assert whole is not None

    def counted(self: Pieces) -> str:
        lengths.append(self.size)
        return str(whole(self))

    monkeypatch.setattr(Pieces, "text", property(counted))
    return lengths


def test_pieces_are_one_text() -> None:
    pieces = Pieces("a")
    for piece in ("", "b}", " \n"):
        pieces.add(piece)
    assert (pieces.text, pieces.size, bool(pieces)) == ("ab} \n", 5, True)
    assert pieces.ends_with("}")
    assert not Pieces().ends_with("}")
    pieces.add("x")
    assert not pieces.ends_with("}")
    assert pieces.text == "ab} \nx"


def fragment(arguments: str, *, index: int = 0, call_id: str = "", name: str = "") -> Any:
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return [{"index": index, "function": function, **({"id": call_id} if call_id else {})}]


def test_long_arguments_of_a_call_are_never_joined_while_they_come(joined: list[int]) -> None:
    merger = ToolCallMerger()
    merger.feed(fragment('{"a": "', call_id="1", name="f"))
    deltas = [d for _ in range(2000) for d in merger.feed(fragment("x" * 10))]
    assert len(deltas) == 2000
    assert joined == []


def test_arguments_that_look_whole_again_and_again_are_looked_at_a_bounded_number_of_times(
    joined: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool_calls, "_MOST_CHECKED", 10_000)
    merger = ToolCallMerger()
    merger.feed(fragment('{"a": [', call_id="1", name="f"))
    for _ in range(2000):
        merger.feed(fragment('{"b":{}}'))
        merger.feed(fragment("}\n{"))
    assert sum(joined) <= 2 * 10_000 + 100


def test_a_call_of_many_objects_back_to_back_is_split_in_linear_time() -> None:
    merger = ToolCallMerger()
    deltas = [d for n in range(200) for d in merger.feed(fragment(f'{{"a":{n}}}', name="f"))]
    assert len(deltas) == 200
    assert [d.index for d in deltas] == list(range(200))


def calls_of_chat(count: int) -> None:
    merger = ToolCallMerger()
    for index in range(count):
        merger.feed(fragment("", index=index, call_id=str(index), name="f"))


def calls_of_messages(count: int) -> None:
    decoder = MessagesDecoder("m")
    for index in range(count):
        block = {"type": "tool_use", "id": str(index), "name": "f", "input": {}}
        said = {"type": "content_block_start", "index": index, "content_block": block}
        decoder.feed(Frame(json.dumps(said).encode()))


def calls_of_responses(count: int) -> None:
    decoder = ResponsesDecoder("m")
    for index in range(count):
        item = {"type": "function_call", "call_id": str(index), "name": "f", "arguments": ""}
        said = {"type": "response.output_item.added", "output_index": index, "item": item}
        decoder.feed(Frame(json.dumps(said).encode()))


def calls_of_ollama(count: int) -> None:
    decoder = ApiChatDecoder()
    call = {"function": {"name": "f", "arguments": {}}}
    decoder.feed(Frame(json.dumps({"message": {"tool_calls": [call] * count}}).encode()))


@pytest.mark.parametrize(
    "send", [calls_of_chat, calls_of_messages, calls_of_responses, calls_of_ollama]
)
def test_no_decoder_takes_more_than_ten_thousand_calls(send: Any) -> None:
    send(10_000)
    with pytest.raises(UpstreamFailure, match="more than 10000 tool calls") as caught:
        send(10_001)
    assert caught.value.kind is FailureKind.PROTOCOL


def test_ids_and_names_mean_the_same_as_ever_with_ten_thousand_calls() -> None:
    merger = ToolCallMerger()
    deltas: list[ToolCallDelta] = []
    for index in range(3000):
        deltas += merger.feed(fragment("{}", index=index, call_id="same", name=f"f{index}"))
    assert [d.name for d in deltas] == [f"f{index}" for index in range(3000)]
    assert len({d.id for d in deltas}) == 3000
    assert deltas[0].id == "same"


def test_an_input_that_is_read_while_it_comes_is_joined_at_its_end_only(joined: list[int]) -> None:
    reader = CustomInputReader()
    text = "".join(reader.feed(piece) for piece in ['{"input": "', *["ab\\n"] * 1000, '"}'])
    before = len(joined)
    assert before < 5
    assert text + reader.end() == "ab\n" * 1000


def test_blanks_before_a_tag_do_not_wait_for_ever() -> None:
    tags = ThinkTags()
    out = "".join(delta.text for _ in range(5000) for delta in tags.feed(" "))
    assert len(out) >= 900
    assert [type(d).__name__ for d in tags.feed("<think>")] == ["TextDelta"]


def test_details_of_reasoning_grow_in_place() -> None:
    joiner = FieldJoiner()
    first = {"type": "reasoning.text", "index": 0, "text": "a"}
    for piece in (first, {"type": "reasoning.text", "index": 0, "text": "b", "signature": "s"}):
        joiner.add(MessageFields({"reasoning_details": [piece]}).fields)
    joiner.add({"reasoning_details": [{"type": "reasoning.text", "index": 1, "text": "c"}]})
    joiner.add({"images": [1]})
    joiner.add({"images": [2]})
    assert joiner.joined == {
        "reasoning_details": [
            {"type": "reasoning.text", "index": 0, "text": "ab", "signature": "s"},
            {"type": "reasoning.text", "index": 1, "text": "c"},
        ],
        "images": [1, 2],
    }
    assert first == {"type": "reasoning.text", "index": 0, "text": "a"}
