"""Semantic Kernel: chat, a stream, a function that the kernel calls itself, a typed output."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps

from openai import AsyncOpenAI
from pydantic import BaseModel
from report import MODEL, URL, report
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import (
    OpenAIChatCompletion,
    OpenAIChatPromptExecutionSettings,
)
from semantic_kernel.contents import ChatHistory
from semantic_kernel.functions import kernel_function


class Trip(BaseModel):
    """What a structured answer has."""

    city: str
    days: int


class Weather:
    """A plugin with one function."""

    def __init__(self) -> None:
        self.calls = 0

    @kernel_function(description="The weather of a city")
    def weather(self, city: str) -> str:
        """Return the weather of a city."""
        self.calls += 1
        return "sunny"


def service() -> OpenAIChatCompletion:
    client = AsyncOpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
    return OpenAIChatCompletion(ai_model_id=MODEL, async_client=client)


def history() -> ChatHistory:
    found = ChatHistory()
    found.add_user_message("Why is the sky blue?")
    return found


def run_async(check: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    @wraps(check)
    def run() -> None:
        asyncio.run(check())

    return run


@run_async
async def chat() -> None:
    settings = OpenAIChatPromptExecutionSettings()
    assert str(await service().get_chat_message_content(history(), settings))


@run_async
async def stream() -> None:
    settings = OpenAIChatPromptExecutionSettings()
    parts = service().get_streaming_chat_message_content(history(), settings)
    assert "".join([str(part) async for part in parts])


@run_async
async def tools() -> None:
    kernel, plugin = Kernel(), Weather()
    kernel.add_plugin(plugin, "sky")
    choice = FunctionChoiceBehavior.Auto()
    settings = OpenAIChatPromptExecutionSettings(function_choice_behavior=choice)
    answer = await service().get_chat_message_content(history(), settings, kernel=kernel)
    assert plugin.calls == 1
    assert str(answer)


@run_async
async def structured() -> None:
    settings = OpenAIChatPromptExecutionSettings(response_format=Trip)
    answer = await service().get_chat_message_content(history(), settings)
    Trip.model_validate_json(str(answer))


report(chat, stream, tools, structured)
