"""What Claude models are known to refuse is not sent to them, whoever's words a client wrote in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from omen.core.cards import ModelCard
from omen.core.chat import ChatRequest, FilePart, ImagePart, Message, ReasoningBlock, TextPart, Tool
from omen.core.errors import FailureKind, UpstreamFailure
from omen.front.anthropic.parse import parse_messages
from omen.front.openai.parse import parse_chat
from omen.providers import KINDS
from tests.providers.asking import HELLO, PNG, body, called, candidate, result, said

HAIKU, OPUS_4_8 = "claude-haiku-4-5", "claude-opus-4-8"
MARK = {"type": "ephemeral"}


def sent(request: ChatRequest, model: str = HAIKU) -> dict[str, Any]:
    return body("anthropic", request, model)


def chat(**fields: Any) -> ChatRequest:
    asked = {"model": "m", "messages": [{"role": "user", "content": "Hi."}], **fields}
    return parse_chat(json.dumps(asked).encode(), {}).request


def messages(**fields: Any) -> ChatRequest:
    turns = [{"role": "user", "content": "Hi."}]
    asked = {"model": "m", "max_tokens": 9000, "messages": turns, **fields}
    return parse_messages(json.dumps(asked).encode(), {}).request


class TestToolSchemas:
    @pytest.mark.parametrize(
        ("parameters", "written"),
        [
            (None, {"type": "object", "properties": {}}),
            ({}, {"type": "object", "properties": {}}),
            ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
            ({"type": ["object", "null"]}, {"type": "object", "properties": {}}),
            ({"$ref": "#/$defs/A"}, {"type": "object", "$ref": "#/$defs/A"}),
            (
                {"anyOf": [
                    {"properties": {"a": {}, "c": {}}, "required": ["a", "c"]},
                    {"properties": {"b": {}, "c": {}}, "required": ["c"]},
                ]},
                {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "required": ["c"]},
            ),
            (
                {"properties": {"x": {}}, "required": ["x"], "allOf": [{"required": ["y"]}, True]},
                {"type": "object", "properties": {"x": {}}, "required": ["x"]},
            ),
        ],
    )  # fmt: skip
    def test_they_are_objects_that_combine_nothing_at_their_top(
        self, parameters: dict[str, Any] | None, written: dict[str, Any]
    ) -> None:
        asked = replace(HELLO, tools=(Tool("f", parameters=parameters),))
        assert sent(asked)["tools"] == [{"name": "f", "input_schema": written}]

    def test_bounds_of_a_strict_tool_are_told_in_its_description(self) -> None:
        days = {"type": "integer", "description": "Days", "minimum": 1, "maximum": 7}
        names = {"type": "array", "minItems": 2, "items": {"type": "string", "maxLength": 9}}
        schema = {"type": "object", "properties": {"days": days, "minimum": names}}
        asked = replace(HELLO, tools=(Tool("f", parameters=schema, strict=True),))
        (tool,) = sent(asked)["tools"]
        assert tool["strict"]
        assert tool["input_schema"] == {
            "type": "object",
            "properties": {
                "days": {"type": "integer", "description": "Days\n\n{minimum: 1, maximum: 7}"},
                "minimum": {
                    "type": "array",
                    "description": "{minItems: 2}",
                    "items": {"type": "string", "description": "{maxLength: 9}"},
                },
            },
            "additionalProperties": False,
        }

    def test_bounds_of_a_tool_that_is_not_strict_stay(self) -> None:
        schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
        asked = replace(HELLO, tools=(Tool("f", parameters=schema, strict=False),))
        assert sent(asked)["tools"] == [{"name": "f", "input_schema": schema}]

    def test_so_are_those_of_an_answers_schema(self) -> None:
        schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
        wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
        written = sent(chat(response_format=wanted))["output_config"]["format"]["schema"]
        assert written["properties"]["n"] == {"type": "integer", "description": "{minimum: 1}"}

    def test_no_more_than_twenty_tools_are_strict_and_none_where_the_model_lacks_that(self) -> None:
        tools = tuple(Tool(f"f{n}", parameters={}, strict=True) for n in range(25))
        written = sent(replace(HELLO, tools=tools))["tools"]
        assert ["strict" in tool for tool in written] == [True] * 20 + [False] * 5
        old = sent(replace(HELLO, tools=tools), "claude-3-5-haiku-latest")["tools"]
        assert not any("strict" in tool for tool in old)


class TestLimits:
    @pytest.mark.parametrize("asked", [chat(max_tokens=200_000), messages(max_tokens=200_000)])
    def test_a_limit_is_at_most_what_the_model_has(self, asked: ChatRequest) -> None:
        assert sent(asked)["max_tokens"] == 64_000
        assert sent(asked, "claude-not-listed")["max_tokens"] == 200_000

    @pytest.mark.parametrize("asked", [chat(max_tokens=200_000), messages(max_tokens=200_000)])
    def test_the_card_of_a_model_knows_better(self, asked: ChatRequest) -> None:
        ours = replace(candidate("anthropic", HAIKU), card=ModelCard(max_output=8192))
        assert json.loads(KINDS["anthropic"].encode(asked, ours).body)["max_tokens"] == 8192


class TestTheEndOfAConversation:
    @pytest.mark.parametrize(("text", "written"), [("Title: ", "Title:"), ("One\n \n", "One")])
    def test_an_answer_to_go_on_from_has_no_blanks_at_its_end(
        self, text: str, written: str
    ) -> None:
        asked = ChatRequest((said("user", "Hi."), said("assistant", text)))
        last = sent(asked)["messages"][-1]
        assert last["content"] == [{"type": "text", "text": written}]

    def test_an_answer_in_the_middle_keeps_its_own(self) -> None:
        asked = ChatRequest((said("user", "a"), said("assistant", "b "), said("user", "c")))
        assert sent(asked)["messages"][1]["content"] == [{"type": "text", "text": "b "}]

    @pytest.mark.parametrize("blank", [(), (said("user", " "),)])
    def test_one_that_the_model_cannot_go_on_from_is_unsupported(
        self, blank: tuple[Message, ...]
    ) -> None:
        asked = ChatRequest((said("user", "Hi."), said("assistant", "Title:"), *blank))
        with pytest.raises(UpstreamFailure, match="continuation") as caught:
            sent(asked, OPUS_4_8)
        assert caught.value.kind is FailureKind.UNSUPPORTED


class TestIdsOfCalls:
    def test_an_id_that_comes_again_is_another_one_and_so_is_its_result(self) -> None:
        turns = (
            said("user", "Hi."),
            called(("call_0", "f", "{}"), ("call_0_2", "f", "{}")),
            result("call_0", "one"),
            result("call_0_2", "two"),
            called(("call_0", "g", "{}")),
            result("call_0", "three"),
        )
        written = sent(ChatRequest(turns, tools=(Tool("f"),)))["messages"]
        ids = [
            (block.get("id") or block["tool_use_id"], block.get("content"))
            for turn in written[1:]
            for block in turn["content"]
        ]
        assert ids == [
            ("call_0", None), ("call_0_2", None), ("call_0", "one"), ("call_0_2", "two"),
            ("call_0_3", None), ("call_0_3", "three"),
        ]  # fmt: skip


class TestThinkingInAToolTurn:
    """Older models want the thinking of a tool turn back, or must not think in it."""

    asked = ChatRequest(
        (said("user", "Hi."), called(("c", "f", "{}")), result("c", "3")),
        tools=(Tool("f"),),
        reasoning_effort="high",
    )

    def signed(self, kind: str, model: str) -> ChatRequest:
        block = ReasoningBlock(kind, model, {"type": "thinking", "thinking": "x", "signature": "s"})
        first, call, *rest = self.asked.messages
        return replace(self.asked, messages=(first, replace(call, reasoning=(block,)), *rest))

    def test_it_thinks_when_its_own_thinking_comes_back(self) -> None:
        written = sent(self.signed("anthropic", HAIKU))
        assert written["thinking"]["type"] == "enabled"
        assert written["messages"][1]["content"][0]["type"] == "thinking"

    @pytest.mark.parametrize("kind", ["anthropic", "openai"])
    def test_another_models_thinking_is_none_of_its_own(self, kind: str) -> None:
        assert "thinking" not in sent(self.signed(kind, "another-model"))

    def test_words_behind_the_result_change_nothing(self) -> None:
        more = (*self.asked.messages, said("user", "And?"))
        assert "thinking" not in sent(replace(self.asked, messages=more))

    def test_an_answer_ends_the_turn(self) -> None:
        more = (*self.asked.messages, said("assistant", "Three."), said("user", "And?"))
        assert "thinking" in sent(replace(self.asked, messages=more))

    def test_thinking_goes_back_where_it_was(self) -> None:
        def thought(text: str, before: str) -> ReasoningBlock:
            value = {"type": "thinking", "thinking": text, "signature": text}
            return ReasoningBlock("anthropic", HAIKU, value, before)

        call = called(("a", "f", "{}"), ("b", "f", "{}"), text="So:")
        blocks = (thought("1", ""), thought("2", "a"), thought("3", "b"))
        asked = ChatRequest((said("user", "Hi."), replace(call, reasoning=blocks)))
        content = sent(replace(asked, tools=(Tool("f"),)))["messages"][1]["content"]
        assert [b.get("thinking") or b.get("text") or b["id"] for b in content] == [
            "1", "So:", "2", "a", "3", "b",
        ]  # fmt: skip


class TestMarksForTheCache:
    def test_of_parts_of_the_system_text_and_of_what_was_said(self) -> None:
        marked = {"type": "text", "text": "long", "cache_control": MARK}
        asked = chat(
            messages=[
                {"role": "system", "content": [{"type": "text", "text": "a"}, marked]},
                {"role": "user", "content": [marked, {"type": "text", "text": "b"}]},
            ]
        )
        written = sent(asked)
        assert written["system"] == [{"type": "text", "text": "a"}, marked]
        assert written["messages"][0]["content"] == [marked, {"type": "text", "text": "b"}]

    def test_of_a_message_a_result_a_tool_and_a_call(self) -> None:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        tool = {"type": "function", "function": {"name": "f"}, "cache_control": MARK}
        asked = chat(
            tools=[tool],
            messages=[
                {"role": "user", "content": "a", "cache_control": MARK},
                {"role": "assistant", "tool_calls": [{**call, "cache_control": MARK}]},
                {"role": "tool", "tool_call_id": "c", "content": "3", "cache_control": MARK},
            ],
        )
        written = sent(asked)
        blocks = [turn["content"][-1] for turn in written["messages"]] + written["tools"]
        assert [block["cache_control"] for block in blocks] == [MARK] * 4

    def test_without_any_the_system_text_is_a_text(self) -> None:
        asked = ChatRequest((said("system", "a"), said("system", "b"), said("user", "c")))
        assert sent(asked)["system"] == "a\n\nb"


class TestFiles:
    @pytest.mark.parametrize(
        "url", ["data:text/plain;base64,R3LDvMOf", "data:text/markdown,Gr%C3%BC%C3%9F"]
    )
    def test_a_text_file_is_a_document_of_text(self, url: str) -> None:
        asked = ChatRequest((Message("user", (FilePart(url),), single_text=False),))
        source = {"type": "text", "media_type": "text/plain", "data": "Grüß"}
        assert sent(asked)["messages"][0]["content"] == [{"type": "document", "source": source}]

    def test_an_image_beside_it_is_still_one(self) -> None:
        parts = (TextPart("Look"), ImagePart(PNG))
        asked = ChatRequest((Message("user", parts, single_text=False),))
        assert sent(asked)["messages"][0]["content"][1]["type"] == "image"
