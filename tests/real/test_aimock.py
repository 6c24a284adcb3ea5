"""A mock of OpenAI and Anthropic that others wrote answers through OMEN as it does directly.

It is the npm package @copilotkit/aimock, which `.ci/run` installs. It knows no tokens and no time,
but it writes three vendors' formats by hands that are not ours.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from omen.config import ProviderSettings, Settings
from tests.e2e.served import open_served
from tests.real.asking import (
    Side,
    chat,
    chat_streamed,
    messages,
    messages_streamed,
    responses,
)
from tests.servers import free_port, wait_for_port

ROOT = Path(__file__).parents[2]
NODE = Path(os.environ.get("OMEN_NODE", ROOT / "build" / "node"))
PROGRAM = NODE / "node_modules/@copilotkit/aimock/dist/cli.js"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("node") is None or not PROGRAM.exists(),
        reason="node or @copilotkit/aimock is not there; .ci/run says how to have it",
    ),
]

CALL = {"name": "get_weather", "arguments": '{"city": "Oslo"}'}
OTHER_CALL = {"name": "get_time", "arguments": '{"zone": "CET", "exact": true}'}
FIXTURES = [
    ("talk", {"content": "The bridge is near the river — «so» \U0001f30a."}),
    ("call", {"toolCalls": [CALL]}),
    ("both", {"toolCalls": [CALL, OTHER_CALL]}),
    ("think", {"reasoning": "First the river.", "content": "Then the bridge."}),
]
QUESTIONS = [question for question, _ in FIXTURES]
Ask = Callable[[Side, str], dict[str, Any]]


def by_chat(side: Side, question: str) -> dict[str, Any]:
    return chat(side, messages=[{"role": "user", "content": question}])


def by_chat_streamed(side: Side, question: str) -> dict[str, Any]:
    return chat_streamed(side, messages=[{"role": "user", "content": question}])


def by_messages(side: Side, question: str) -> dict[str, Any]:
    return messages(side, messages=[{"role": "user", "content": question}], max_tokens=100)


def by_messages_streamed(side: Side, question: str) -> dict[str, Any]:
    asked = {"messages": [{"role": "user", "content": question}], "max_tokens": 100}
    return messages_streamed(side, **asked)


def by_responses(side: Side, question: str) -> dict[str, Any]:
    return responses(side, input=question)


ROWS = [
    ("openai", "gpt-4o", by_chat),
    ("openai", "gpt-4o", by_chat_streamed),
    ("openai_compatible", "gpt-4o", by_chat),
    ("openai_compatible", "gpt-4o", by_chat_streamed),
    ("openai", "gpt-4o", by_responses),
    ("anthropic", "claude-haiku-4-5", by_messages),
    ("anthropic", "claude-haiku-4-5", by_messages_streamed),
]


@pytest.fixture(scope="module")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the mock, and give its address."""
    answers = [
        {"match": {"userMessage": question}, "response": answer} for question, answer in FIXTURES
    ]
    fixtures = tmp_path_factory.mktemp("aimock") / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": answers}))
    port = free_port()
    options = ["--port", str(port), "--fixtures", str(fixtures), "--log-level", "silent"]
    process = subprocess.Popen(["node", str(PROGRAM), *options], stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(("kind", "model", "ask"), ROWS)
async def test_an_answer_through_omen_is_the_mocks_own(
    kind: str, model: str, ask: Ask, question: str, aimock: str
) -> None:
    provider = ProviderSettings(
        name=kind,
        kind=kind,
        base_urls=(aimock + ("" if kind == "anthropic" else "/v1"),),
        api_key="unused",
        models=(model,),
    )
    async with open_served(settings=Settings(providers={kind: provider})) as served:
        direct, through = Side(aimock, model), Side(served.url, f"{kind}/{model}")
        expected = await trio.to_thread.run_sync(ask, direct, question)
        seen = await trio.to_thread.run_sync(ask, through, question)
        await served.assert_nothing_left()
    assert seen == expected
