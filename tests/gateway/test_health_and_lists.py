"""What a list of models proves: not more than it says, whether it can be read or not."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.gateway.test_health_of_models import Asking, Vendor, asking

REFUSALS = [301, 401, 402, 403, 405]
"""Statuses of chats that the next chat would meet again."""
UNREADABLE = [403, 404, 405, 429, 500]
"""Statuses of lists that keys, servers and proxies have while chats are answered."""


async def is_ever_unready(asked: Asking, seconds: float) -> bool:
    """Ask every quarter of a second, and look at every step."""
    unready = False
    for _ in range(round(seconds / 0.25)):
        await asked.ask()
        unready |= not asked.gateway.ready
        await trio.sleep(0.25)
        unready |= not asked.gateway.ready
    return unready


@pytest.mark.parametrize("status", REFUSALS)
async def test_one_caller_whose_chats_are_refused_never_unseats_a_readable_list(
    autojump_clock: MockClock, status: int
) -> None:
    """A caller may provoke a refusal; a readable list shows that host and key are well."""
    async with asking(Vendor(chats={"m": status})) as asked:
        await trio.sleep(0.5)
        assert not await is_ever_unready(asked, 20)


def pairs(chats: list[int], lists: list[int]) -> list[tuple[int, int]]:
    """Return pairs of statuses of which the list's does not agree with the chat's."""
    return [(chat, one) for chat in chats for one in lists if chat != one or chat == 403]


@pytest.mark.parametrize(("status", "list_status"), pairs(REFUSALS, UNREADABLE))
async def test_one_refused_chat_unseats_no_endpoint_whose_list_cannot_be_read(
    autojump_clock: MockClock, status: int, list_status: int
) -> None:
    async with asking(Vendor(chats={"m": status}, list_status=list_status)) as asked:
        await trio.sleep(0.5)
        await asked.ask()
        assert asked.gateway.ready


@pytest.mark.parametrize("status", [301, 401, 402, 405])
async def test_a_list_that_is_refused_alike_agrees_with_a_refused_chat(
    autojump_clock: MockClock, status: int
) -> None:
    async with asking(Vendor(chats={"m": status}, list_status=status), models=("m", "x")) as asked:
        await trio.sleep(0.5)
        await asked.ask()
        assert asked.state == "down"
        await trio.sleep(30)
        assert (asked.state, asked.gateway.ready) == ("down", False)


@pytest.mark.parametrize(
    ("status", "list_status"), pairs([*REFUSALS, 500, 503], [200, *UNREADABLE])
)
async def test_a_model_is_back_a_second_after_the_cause_is_gone_whatever_its_list_says(
    autojump_clock: MockClock, status: int, list_status: int
) -> None:
    vendor = Vendor(chats={"m": status}, list_status=list_status)
    async with asking(vendor, dear=True) as asked:
        for _ in range(20):
            await asked.ask("up/m,dear/x")
            await trio.sleep(1.5)
        vendor.chats = {}
        await trio.sleep(1.01)
        assert await asked.ask("up/m,dear/x") == "up"
        assert asked.state == "healthy"


async def test_a_server_whose_list_broke_with_its_chats_is_tried_when_its_list_is_back(
    autojump_clock: MockClock,
) -> None:
    """A list that could be read before says more than one that never could."""
    vendor = Vendor()
    async with asking(vendor, dear=True) as asked:
        await trio.sleep(0.5)
        vendor.chats, vendor.list_status = {"m": 500}, 500
        for _ in range(10):
            await asked.ask("up/m,dear/x")
        assert asked.state == "down"
        await trio.sleep(4)
        assert asked.state == "down"
        vendor.chats, vendor.list_status = {}, 200
        await trio.sleep(1.01)
        assert await asked.ask("up/m,dear/x") == "up"
