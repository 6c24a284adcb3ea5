"""The same raced request through every door: the same text, usage, cost, and record of the race."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import httpx
import trio
import trio_websocket

import omen.client
from omen.config import Price, ProviderSettings
from omen.core.events import AnswerEnd, TextDelta
from omen.front.grpc import _omen_pb2 as pb
from tests.e2e import grpc_served
from tests.e2e.served import Served, open_served
from tests.world import upstream, whole

PROMPT = "Why is the sky blue?"
OMEN = {"strategy": "race", "k": 3}
FLEET = (
    upstream("fast", "anthropic", first_token=0.01, gap=0.002, tokens=12),
    upstream("slow", "openai", first_token=60.0),
    upstream("slower", "ollama", first_token=60.0),
)
MESSAGES = [{"role": "user", "content": PROMPT}]


@dataclass(frozen=True)
class Got:
    """What a client has of an answer."""

    text: str
    prompt_tokens: int
    completion_tokens: int


async def post(served: Served, path: str, body: dict[str, Any]) -> str:
    body = {"model": "m", "omen": OMEN, **body}

    def run() -> str:
        answer = httpx.post(served.url + path, json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.text

    return await trio.to_thread.run_sync(run)


def events(text: str) -> list[dict[str, Any]]:
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def chat_got(usage: dict[str, Any], text: str) -> Got:
    return Got(text, usage["prompt_tokens"], usage["completion_tokens"])


async def chat(served: Served) -> Got:
    answer = json.loads(await post(served, "/v1/chat/completions", {"messages": MESSAGES}))
    return chat_got(answer["usage"], answer["choices"][0]["message"]["content"])


async def chat_stream(served: Served) -> Got:
    asked = {"messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    chunks = events(await post(served, "/v1/chat/completions", asked))
    texts = [c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"]]
    return chat_got(chunks[-1]["usage"], "".join(texts))


async def completions(served: Served) -> Got:
    answer = json.loads(await post(served, "/v1/completions", {"prompt": PROMPT}))
    return chat_got(answer["usage"], answer["choices"][0]["text"])


async def messages(served: Served) -> Got:
    asked = {"messages": MESSAGES, "max_tokens": 4096}
    answer = json.loads(await post(served, "/v1/messages", asked))
    usage = answer["usage"]
    text = "".join(b["text"] for b in answer["content"])
    return Got(text, usage["input_tokens"], usage["output_tokens"])


async def responses(served: Served) -> Got:
    answer = json.loads(await post(served, "/v1/responses", {"input": PROMPT}))
    usage = answer["usage"]
    text = answer["output"][0]["content"][0]["text"]
    return Got(text, usage["input_tokens"], usage["output_tokens"])


async def responses_stream(served: Served) -> Got:
    told = events(await post(served, "/v1/responses", {"input": PROMPT, "stream": True}))
    text = "".join(e["delta"] for e in told if e["type"] == "response.output_text.delta")
    usage = told[-1]["response"]["usage"]
    return Got(text, usage["input_tokens"], usage["output_tokens"])


async def responses_websocket(served: Served) -> Got:
    url = served.url.replace("http", "ws", 1) + "/v1/responses"
    asked = {"type": "response.create", "model": "m", "input": PROMPT, "omen": OMEN}
    async with trio_websocket.open_websocket_url(url) as socket:
        await socket.send_message(json.dumps(asked))
        told = [json.loads(await socket.get_message())]
        while told[-1]["type"] != "response.completed":
            told.append(json.loads(await socket.get_message()))
    text = "".join(e["delta"] for e in told if e["type"] == "response.output_text.delta")
    usage = told[-1]["response"]["usage"]
    return Got(text, usage["input_tokens"], usage["output_tokens"])


async def ollama_chat(served: Served) -> Got:
    told = await post(served, "/api/chat", {"messages": MESSAGES})
    lines = [json.loads(line) for line in told.splitlines()]
    text = "".join(line["message"]["content"] for line in lines)
    return Got(text, lines[-1]["prompt_eval_count"], lines[-1]["eval_count"])


async def ollama_generate(served: Served) -> Got:
    asked = {"prompt": PROMPT, "stream": False}
    answer = json.loads(await post(served, "/api/generate", asked))
    return Got(answer["response"], answer["prompt_eval_count"], answer["eval_count"])


async def websocket(served: Served) -> Got:
    async with omen.client.connect(served.url) as gateway:
        async with gateway.race(PROMPT, model="m", k=3) as stream:
            got = [event async for event in stream]
    end = got[-1]
    assert isinstance(end, AnswerEnd)
    assert end.usage is not None
    text = "".join(e.text for e in got if isinstance(e, TextDelta))
    return Got(text, end.usage.prompt_tokens, end.usage.completion_tokens)


def grpc_request() -> pb.ChatCompletionRequest:
    return grpc_served.ask("m", PROMPT, omen=pb.OmenHints(strategy="race", k=3))


async def grpc(served: Served) -> Got:
    answer = await grpc_served.call(served, lambda s: s.ChatCompletion(grpc_request()))
    text, usage = answer.choices[0].message.content, answer.usage
    return Got(text, usage.prompt_tokens, usage.completion_tokens)


async def grpc_stream(served: Served) -> Got:
    chunks = await grpc_served.call(served, lambda s: list(s.StreamChatCompletion(grpc_request())))
    usage = chunks[-1].usage
    text = "".join(choice.delta.content for chunk in chunks for choice in chunk.choices)
    return Got(text, usage.prompt_tokens, usage.completion_tokens)


DOORS: list[Callable[[Served], Awaitable[Got]]] = [
    chat, chat_stream, completions, messages, responses, responses_stream,
    responses_websocket,
    ollama_chat, ollama_generate, websocket, grpc, grpc_stream,
]  # fmt: skip


def priced(provider: ProviderSettings) -> ProviderSettings:
    price = Price(input=Decimal(3), output=Decimal(15))
    return replace(provider, prices={"m": price})


async def test_every_door_gives_the_same_answer_and_the_same_record() -> None:
    async with open_served(*FLEET, configure=priced) as served:
        seen: dict[str, Any] = {}
        for door in DOORS:
            got = await door(served)
            await served.assert_nothing_left()
            race = next(iter(served.gateway.races))
            seen[door.__name__] = {
                "got": got,
                "strategy": race.plan.strategy,
                "outcomes": {a.candidate.provider: a.outcome for a in race.attempts},
                "costs": {a.candidate.provider: a.cost for a in race.attempts},
                "model": race.model,
                "shown": (race.caller.key_id, race.cached, race.restarts),
            }
        first = seen["chat"]
        assert first["got"].text == whole("fast", 12)
        assert first["costs"]["fast"].usd > 0
        assert {name: told for name, told in seen.items() if told != first} == {}
