"""The official SDKs against the simulated upstreams, over sockets."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

import anthropic
import ollama
import openai
import pytest
import trio
from pydantic import BaseModel

from omen.sim import Fixed, Profile, SimulatedUpstream, answer_text, open_fleet
from omen.sim.embeddings import embedding

T = TypeVar("T")
QUICK = Profile(first_token=Fixed(0), gap=Fixed(0), tokens=5)
ASKED: Any = [{"role": "user", "content": "hello"}]
TEXT = answer_text("sim", 5)
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
CITY = {"city": "simulated"}


class City(BaseModel):
    """A structured answer."""

    city: str


async def work(upstream: SimulatedUpstream, job: Callable[[str], T]) -> T:
    """Run blocking SDK calls in a thread, with the address of the upstream."""
    async with open_fleet([upstream]) as (running,):
        return await trio.to_thread.run_sync(job, running.base_url)


def serving(kind: str, *models: str, **more: Any) -> SimulatedUpstream:
    return SimulatedUpstream("sim", kind, QUICK, models=models, api_key="right", **more)  # type: ignore[arg-type]


def openai_at(base_url: str, path: str = "/v1") -> openai.OpenAI:
    return openai.OpenAI(base_url=base_url + path, api_key="right", max_retries=0)


def anthropic_at(base_url: str, key: str = "right") -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=base_url, api_key=key, max_retries=0)


def chatted(client: openai.OpenAI, model: str) -> str:
    stream = client.chat.completions.create(
        model=model, messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[-1].usage is not None
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


async def test_openai_streams_responses_and_puts_them_together() -> None:
    def job(base_url: str) -> None:
        with openai_at(base_url) as client:
            tools: Any = [
                {"type": "function", "name": "f", "parameters": PARAMETERS, "strict": None}
            ]
            with client.responses.stream(
                model="gpt-5.4", input="hello", reasoning={"effort": "low", "summary": "auto"}
            ) as stream:
                kinds = [event.type for event in stream]
                final = stream.get_final_response()
            assert kinds[-1] == "response.completed"
            assert final.output_text == TEXT
            assert final.usage is not None
            assert final.usage.output_tokens_details.reasoning_tokens == 4
            with client.responses.stream(model="gpt-5.4", input="hello", tools=tools) as stream:
                called = stream.get_final_response().output[-1]
            assert called.type == "function_call"
            assert json.loads(called.arguments) == CITY
            whole = client.responses.create(model="gpt-5.4", input="hello")
            assert (whole.status, whole.output_text) == ("completed", TEXT)
            cut = client.responses.create(model="gpt-5.4", input="hello", max_output_tokens=8)
            assert cut.incomplete_details is not None
            assert cut.incomplete_details.reason == "max_output_tokens"

    await work(serving("openai", "gpt-5.4"), job)


async def test_openai_reads_json_into_a_model_of_ones_own_by_both_routes() -> None:
    def job(base_url: str) -> None:
        with openai_at(base_url) as client:
            answer = client.responses.parse(model="gpt-5.4", input="hello", text_format=City)
            assert answer.output_parsed == City(**CITY)
            chat = client.chat.completions.parse(
                model="gpt-5.4", messages=ASKED, response_format=City
            )
            assert chat.choices[0].message.parsed == City(**CITY)

    await work(serving("openai", "gpt-5.4"), job)


async def test_openai_raises_what_was_refused() -> None:
    def job(base_url: str) -> None:
        with openai_at(base_url) as client:
            with pytest.raises(openai.BadRequestError) as refused:
                client.chat.completions.create(model="gpt-5.4", messages=ASKED, max_tokens=5)
            assert (refused.value.param, refused.value.code) == (
                "max_tokens",
                "unsupported_parameter",
            )
            with pytest.raises(openai.NotFoundError):
                client.models.retrieve("gpt-9")
            with pytest.raises(openai.AuthenticationError):
                client.with_options(api_key="wrong").models.list()

    await work(serving("openai", "gpt-5.4"), job)


async def test_openai_embeds_in_base64_unless_told_otherwise() -> None:
    def job(base_url: str) -> None:
        model = "text-embedding-3-small"
        with openai_at(base_url) as client:
            packed = client.embeddings.create(model=model, input=["hello", "world"])
            plain = client.embeddings.create(model=model, input="hello", encoding_format="float")
            assert packed.data[0].embedding == plain.data[0].embedding
            assert plain.data[0].embedding == embedding("hello", 1536).tolist()
            assert packed.usage.total_tokens == 4

    await work(serving("openai", "text-embedding-3-small"), job)


async def test_azures_client_finds_its_deployment_in_the_path() -> None:
    def job(base_url: str) -> None:
        with openai.AzureOpenAI(
            azure_endpoint=base_url, api_version="2024-10-21", api_key="right", max_retries=0
        ) as client:
            answer = client.chat.completions.create(model="prod", messages=ASKED)
            assert (answer.model, answer.choices[0].message.content) == ("gpt-4.1-mini", TEXT)
            assert chatted(client, "prod") == TEXT
            assert len(client.embeddings.create(model="prod", input="x").data) == 1
            with pytest.raises(openai.NotFoundError) as missing:
                client.chat.completions.create(model="test", messages=ASKED)
            assert missing.value.code == "DeploymentNotFound"

    await work(serving("azure", "prod", deployed={"prod": "gpt-4.1-mini"}), job)


async def test_openais_own_client_speaks_azures_v1_api() -> None:
    def job(base_url: str) -> None:
        with openai_at(base_url, "/openai/v1") as client:
            assert chatted(client, "prod") == TEXT
            assert [model.id for model in client.models.list()] == ["gpt-4.1-mini"]

    await work(serving("azure", "prod", deployed={"prod": "gpt-4.1-mini"}), job)


async def test_openais_client_reads_xai() -> None:
    def job(base_url: str) -> None:
        with openai_at(base_url) as client:
            assert chatted(client, "grok-3-mini") == TEXT
            answer = client.chat.completions.create(model="grok-3-mini", messages=ASKED)
            assert answer.choices[0].message.model_extra
            assert answer.choices[0].message.model_extra["reasoning_content"]
            with pytest.raises(openai.BadRequestError) as refused:
                client.with_options(api_key="wrong").models.list()
            assert "Incorrect API key" in refused.value.response.text

    await work(serving("xai", "grok-3-mini"), job)


async def test_anthropics_client_streams_thinking_and_sends_it_back() -> None:
    def job(base_url: str) -> None:
        tools: Any = [{"name": "f", "input_schema": PARAMETERS}]
        asked: Any = {
            "model": "claude-haiku-4-5",
            "max_tokens": 4096,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": tools,
        }
        with anthropic_at(base_url) as client:
            with client.messages.stream(messages=ASKED, **asked) as stream:
                called = stream.get_final_message()
            assert [block.type for block in called.content] == ["thinking", "tool_use"]
            use = called.content[1]
            assert use.type == "tool_use"
            assert use.input == CITY
            result = {"type": "tool_result", "tool_use_id": use.id, "content": "12 C"}
            turns: Any = [
                *ASKED,
                {"role": "assistant", "content": called.content},
                {"role": "user", "content": [result]},
            ]
            answer = client.messages.create(messages=turns, **asked)
            assert answer.content[-1].type == "text"
            turns[1]["content"] = called.content[1:]
            with pytest.raises(anthropic.BadRequestError, match="Expected `thinking`"):
                client.messages.create(messages=turns, **asked)

    await work(serving("anthropic", "claude-haiku-4-5"), job)


async def test_anthropics_client_counts_lists_and_reads_errors() -> None:
    def job(base_url: str) -> None:
        with anthropic_at(base_url) as client:
            counted = client.messages.count_tokens(model="claude-opus-4-7", messages=ASKED)
            assert counted.input_tokens == 3
            assert [model.id for model in client.models.list(limit=1)] == [
                "claude-opus-4-7",
                "claude-sonnet-5",
            ]
            assert client.models.retrieve("claude-sonnet-5").id == "claude-sonnet-5"
            with pytest.raises(anthropic.BadRequestError, match="temperature"):
                client.messages.create(
                    model="claude-sonnet-5",
                    max_tokens=9,
                    messages=ASKED,
                    extra_body={"temperature": 0.5},
                )
            with pytest.raises(anthropic.NotFoundError):
                client.models.retrieve("claude-9")
        with (
            anthropic_at(base_url, "wrong") as stranger,
            pytest.raises(anthropic.AuthenticationError),
        ):
            stranger.messages.create(model="claude-sonnet-5", max_tokens=9, messages=ASKED)

    await work(serving("anthropic", "claude-opus-4-7", "claude-sonnet-5"), job)


async def test_ollamas_client_chats_thinks_embeds_and_lists() -> None:
    def job(base_url: str) -> None:
        with closing(ollama.Client(host=base_url)) as client:
            lines = list(client.chat("qwen3", ASKED, stream=True, think=True))
            assert "".join(line.message.thinking or "" for line in lines)
            assert "".join(line.message.content or "" for line in lines) == TEXT
            answer = client.chat("qwen3", ASKED, format=PARAMETERS, think=False)
            assert json.loads(answer.message.content or "") == CITY
            assert client.embed("qwen3", ["hello"]).embeddings == [embedding("hello", 256).tolist()]
            assert [model.model for model in client.list().models] == ["qwen3:latest"]
            assert "thinking" in (client.show("qwen3").capabilities or ())
            assert [model.model for model in client.ps().models] == ["qwen3:latest"]
            with pytest.raises(ollama.ResponseError, match="model 'llama9' not found") as missing:
                client.chat("llama9", ASKED)
            assert missing.value.status_code == 404

    await work(SimulatedUpstream("sim", "ollama", QUICK, models=("qwen3",)), job)
