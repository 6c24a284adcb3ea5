"""The load, in virtual time and without sockets."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from bench._client import Client
from bench._load import Load, in_blocks


def clients(count: int) -> list[Client]:
    return [Client("127.0.0.1", 9, "/", timeout=1.0) for _ in range(count)]


async def answer(client: Client, question: str) -> float:
    began = trio.current_time()
    await trio.sleep(float(question))
    return began


async def test_each_worker_asks_again_when_it_was_answered(autojump_clock: MockClock) -> None:
    start = trio.current_time()
    answered = await Load(clients(1), answer).ask(["1", "2", "3"])
    assert [(question, began - start) for question, began in answered] == [
        ("1", 0),
        ("2", 1),
        ("3", 3),
    ]


async def test_workers_start_one_after_the_other_and_share_the_questions(
    autojump_clock: MockClock,
) -> None:
    start = trio.current_time()
    answered = await Load(clients(2), answer).ask(["1", "1", "1"])
    assert [began - start for _, began in answered] == [0, 0.125, 1]


async def test_a_bound_holds_back_whoever_is_answered_too_soon(autojump_clock: MockClock) -> None:
    start = trio.current_time()
    answered = await Load(clients(2), answer, 1.0).ask(["1", "0", "5", "0", "0"])
    began = sorted(began - start for _, began in answered)
    assert began == [0, 0.125, 2, 2.125, 4.125]  # two workers, each at most every 2 s
    assert trio.current_time() - start == pytest.approx(7)


def test_blocks_deal_out_every_question_and_none_is_empty() -> None:
    questions = ["a", "b", "c", "d", "e"]
    assert in_blocks(questions, 2) == [["a", "c", "e"], ["b", "d"]]
    assert in_blocks(questions, 9) == [["a"], ["b"], ["c"], ["d"], ["e"]]
