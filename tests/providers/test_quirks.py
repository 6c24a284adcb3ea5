"""What one server wants differently: by its version, its models, or as it is configured."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from omen.core.candidates import Quirks
from omen.core.chat import ChatRequest, Tool
from omen.core.events import TextDelta
from omen.core.frames import Frame, WireRequest
from omen.providers import KINDS
from tests.providers.asking import HELLO, candidate, said


def ask(
    kind: str, request: ChatRequest, model: str = "m", base_model: str = "", **quirks: Any
) -> WireRequest:
    asked = replace(
        candidate(kind, model, "https://r.test"),
        base_model=base_model or model,
        quirks=Quirks(**quirks),
    )
    return KINDS[kind].encode(request, asked)


def sent(*args: Any, **quirks: Any) -> dict[str, Any]:
    return dict(json.loads(ask(*args, **quirks).body))


class TestAzure:
    def test_a_dated_api_has_the_deployment_in_its_path(self) -> None:
        written = ask("azure", HELLO, "my deployment/1", api_version="2024-10-21")
        assert written.url == (
            "https://r.test/openai/deployments/my%20deployment%2F1/chat/completions"
            "?api-version=2024-10-21"
        )
        assert written.headers["api-key"] == "secret"

    def test_the_v1_api_has_it_as_the_model(self) -> None:
        assert ask("azure", HELLO).url == "https://r.test/openai/v1/chat/completions"
        assert sent("azure", HELLO, "dep")["model"] == "dep"

    def test_usage_is_not_asked_for_where_the_api_did_not_know_that_yet(self) -> None:
        old, new = "2024-06-01", "2024-10-21"
        assert "stream_options" not in sent("azure", HELLO, api_version=old)
        assert "stream_options" in sent("azure", HELLO, api_version=new)

    @pytest.mark.parametrize(
        ("version", "query"),
        [(None, ""), ("v1", ""), ("latest", ""), ("preview", "?api-version=preview")],
    )
    def test_what_only_responses_takes_goes_by_it(self, version: str | None, query: str) -> None:
        written = ask("azure", HELLO, "dep", "gpt-5.3-codex", api_version=version)
        assert written.url == f"https://r.test/openai/v1/responses{query}"
        assert written.headers["api-key"] == "secret"
        tools = replace(HELLO, tools=(Tool("f"),))
        by_chat = ask("azure", HELLO, "dep", "gpt-5.6", api_version=version).url
        by_responses = ask("azure", tools, "dep", "gpt-5.6", api_version=version).url
        assert by_chat == f"https://r.test/openai/v1/chat/completions{query}"
        assert by_responses == f"https://r.test/openai/v1/responses{query}"

    def test_a_dated_api_has_no_responses(self) -> None:
        written = ask("azure", HELLO, "dep", "gpt-5.3-codex", api_version="2024-10-21")
        assert "/chat/completions?" in written.url

    def test_its_answer_is_read_by_the_api_it_was_asked_by(self) -> None:
        asked = replace(candidate("azure", "dep"), base_model="gpt-5.3-codex")
        decoder = KINDS["azure"].decoder(HELLO, asked)
        delta = {"type": "response.output_text.delta", "delta": "Hi."}
        assert list(decoder.feed(Frame(json.dumps(delta).encode()))) == [TextDelta("Hi.")]

    def test_traits_go_by_what_the_deployment_is_a_deployment_of(self) -> None:
        asked = ChatRequest(HELLO.messages, max_tokens=5)
        assert "max_tokens" in sent("azure", asked, "fast")
        assert "max_completion_tokens" in sent("azure", asked, "fast", "gpt-5-mini")


FULL = ChatRequest(
    HELLO.messages,
    temperature=0.5,
    presence_penalty=1,
    frequency_penalty=1,
    stop=("x",),
    reasoning_effort="max",
)


@pytest.mark.parametrize(
    ("model", "effort", "others"),
    [
        ("grok-3", None, True),
        ("grok-4.20-non-reasoning", None, True),
        ("grok-3-mini", "high", False),
        ("grok-4", None, False),
        ("grok-4-0709", None, False),
        ("grok-4.3", "xhigh", False),
        ("grok-4.5-latest", "high", False),
        ("grok-4.6", "xhigh", False),
        ("grok-build-0.1", None, False),
        ("grok-9", "max", True),
    ],
)
def test_an_xai_model_is_sent_what_it_takes(model: str, effort: str | None, others: bool) -> None:
    written = sent("xai", FULL, model)
    assert written.get("reasoning_effort") == effort
    assert written["temperature"] == 0.5
    for name in ("stop", "presence_penalty", "frequency_penalty"):
        assert (name in written) is others


class TestConfigured:
    def test_by_default_a_server_is_asked_the_classic_way(self) -> None:
        written = sent("openai_compatible", ChatRequest(HELLO.messages, max_tokens=5))
        assert written["max_tokens"] == 5
        assert written["stream_options"] == {"include_usage": True}

    def test_the_limit_of_tokens_has_the_name_it_wants(self) -> None:
        asked = ChatRequest(HELLO.messages, max_tokens=5)
        written = sent("openai_compatible", asked, token_limit="max_completion_tokens")
        assert written["max_completion_tokens"] == 5

    def test_usage_is_not_asked_for_where_that_is_refused(self) -> None:
        assert "stream_options" not in sent("openai_compatible", HELLO, stream_usage=False)

    def test_developers_are_systems_where_there_are_none(self) -> None:
        asked = ChatRequest((said("developer", "x"),))
        written = sent("openai_compatible", asked, developer_role=False)
        assert written["messages"][0]["role"] == "system"

    def test_fields_that_it_refuses_are_left_out(self) -> None:
        asked = ChatRequest(HELLO.messages, user="u", extras={"metadata": {}, "top_k": 1})
        written = sent("openai_compatible", asked, drop=frozenset({"user", "metadata"}))
        assert "user" not in written
        assert "metadata" not in written
        assert written["top_k"] == 1
