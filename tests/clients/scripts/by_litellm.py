"""litellm as a client: OpenAI's form, Anthropic's form and Responses."""

from __future__ import annotations

import json

import litellm
from pydantic import BaseModel
from report import CITY, MODEL, URL, report

litellm.telemetry = False
WORDS = [{"role": "user", "content": "Why is the sky blue?"}]
ASK = {"model": f"openai/{MODEL}", "api_base": f"{URL}/v1", "api_key": "none", "num_retries": 0}
FUNCTION = {"name": "weather", "description": "The weather of a city", "parameters": CITY}


class Trip(BaseModel):
    """What a structured answer has."""

    city: str
    days: int


def chat() -> None:
    answer = litellm.completion(messages=WORDS, **ASK)
    assert answer.choices[0].message.content
    assert answer.usage.total_tokens > 0


def stream() -> None:
    parts = list(litellm.completion(messages=WORDS, stream=True, **ASK))
    assert "".join(part.choices[0].delta.content or "" for part in parts)


def tools() -> None:
    given = [{"type": "function", "function": FUNCTION}]
    said = litellm.completion(messages=WORDS, tools=given, **ASK).choices[0].message
    (call,) = said.tool_calls
    assert "city" in json.loads(call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    messages = [*WORDS, said.model_dump(exclude_none=True), result]
    assert litellm.completion(messages=messages, tools=given, **ASK).choices[0].message.content


def structured() -> None:
    answer = litellm.completion(messages=WORDS, response_format=Trip, **ASK)
    Trip.model_validate_json(answer.choices[0].message.content)


def responses() -> None:
    answer = litellm.responses(input="Why?", **ASK)
    assert answer.output[0].content[0].text


def anthropic() -> None:
    asked = {**ASK, "model": f"anthropic/{MODEL}", "api_base": URL}
    assert litellm.completion(messages=WORDS, **asked).choices[0].message.content
    parts = list(litellm.completion(messages=WORDS, stream=True, **asked))
    assert "".join(part.choices[0].delta.content or "" for part in parts)


def ollama() -> None:
    asked = {**ASK, "model": f"ollama_chat/{MODEL}", "api_base": URL}
    assert litellm.completion(messages=WORDS, **asked).choices[0].message.content


def without_v1() -> None:
    assert litellm.completion(messages=WORDS, **{**ASK, "api_base": URL}).choices[0].message.content


report(chat, stream, tools, structured, responses, anthropic, ollama, without_v1)
