"""The supervisor's hub: who may come, what is told on, and what outlives a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from omen.gateway.workers import LinkError, Result
from omen.gateway.workers._frames import Frame, FrameReader, encode
from omen.state import Cap, MemoryStore, SharedStore
from tests.workers.links import linked, running_hub, socket_store

SECONDS = 30.0


def answering(value: Any) -> Any:
    async def answer(question: Any, blob: bytes) -> Result:
        return Result([value, question])

    return {"answer": answer}


async def test_only_this_user_may_connect(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        assert hub.path.stat().st_mode & 0o777 == 0o600


async def test_a_stranger_without_a_hello_gets_nothing(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        async with await trio.open_unix_socket(hub.path) as stream:
            await stream.send_all(encode(Frame("call", 1, "store.settle", ["a", {"month": 5}])))
            (answer,) = FrameReader().receive(await stream.receive_some())
            assert (answer.kind, answer.name) == ("error", "no hello yet")
        assert hub.store.spent(["month"]) == [0]


async def test_a_question_is_answered_by_all_others(tmp_path: Path) -> None:
    async with running_hub(tmp_path, extra=lambda: {"of": "the supervisor"}) as hub:
        async with (
            linked(hub, 1, "one", slow=answering("1")) as one,
            linked(hub, 2, "two", slow=answering("2")),
            linked(hub, 3, "three", slow=answering("3")),
        ):
            told = (await one.call("ask", ["races", {"limit": 5}])).value
            assert sorted(told["answers"]) == [
                [number, ["races", {"limit": 5}]] for number in ("2", "3")
            ]
            assert (told["ended"], told["supervisor"]) == ({}, {})
            told = (await one.call("ask", ["status", None])).value
            assert told["supervisor"] == {"of": "the supervisor"}


async def test_the_figures_of_workers_that_have_ended_are_kept(tmp_path: Path) -> None:
    figures = {"one": 5, "two": 7}

    def telling(name: str) -> Any:
        async def answer(question: Any, blob: bytes) -> Result:
            return Result(figures[name])

        return {"answer": answer}

    async with running_hub(tmp_path) as hub, linked(hub, 1, "one", slow=telling("one")) as one:
        async with linked(hub, 2, "two", slow=telling("two")) as two:
            await hub.update_figures(None)
            figures["two"] = 8
            await hub.update_figures(None)
            hub.part_with(2)  # its process was killed
            told = (await one.call("ask", ["figures", None])).value
            assert (told["answers"], told["ended"]) == ([], 8)
        figures["two"] = 3
        async with linked(hub, 2, "two again", slow=telling("two")) as two:
            await two.call("last", 100)  # it ends by itself
            hub.part_with(2)
            told = (await one.call("ask", ["figures", None])).value
            assert (told["answers"], told["ended"]) == ([], 108)


async def test_a_new_link_of_a_worker_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub, linked(hub, 1, "one") as old:
        async with linked(hub, 1, "one again") as new:
            assert list(hub.members) == [1]
            await new.call("store.spent", [])
            with trio.fail_after(SECONDS):
                while old.is_connected:  # noqa: ASYNC110
                    await trio.sleep(0.01)


async def test_moments_go_to_listeners_elsewhere_only(tmp_path: Path) -> None:
    heard: dict[str, list[Any]] = {"one": [], "two": []}
    wanted: dict[str, list[Any]] = {"one": [], "two": []}

    def hearing(name: str) -> Any:
        async def moment(value: Any, blob: bytes) -> Result:
            heard[name].append(value)
            return Result()

        async def want(value: Any, blob: bytes) -> Result:
            wanted[name].append(value)
            return Result()

        return {"moment": moment, "wanted": want}

    async with (
        running_hub(tmp_path) as hub,
        linked(hub, 1, "one", hearing("one")) as one,
        linked(hub, 2, "two", hearing("two")) as two,
    ):
        one.listen(listens=True)
        await one.call("store.spent", [])  # calls and notes keep their order
        one.note("moment", "mine")
        two.note("moment", "theirs")
        with trio.fail_after(SECONDS):
            while not heard["one"]:  # noqa: ASYNC110
                await trio.sleep(0.01)
        assert heard == {"one": ["theirs"], "two": []}
        assert (wanted["one"][-1], wanted["two"][-1]) == (False, True)
        one.listen(listens=False)
        with trio.fail_after(SECONDS):
            while wanted["two"][-1]:  # noqa: ASYNC110
                await trio.sleep(0.01)


async def test_workers_share_budgets_and_a_store_that_is_away_stops_none(tmp_path: Path) -> None:
    cap = Cap("month", 1000)
    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            async with running_hub(tmp_path) as hub:
                one = await nursery.start(stay, hub, 1, "one")  # noqa: ASYNC111
                two = await nursery.start(stay, hub, 2, "two")  # noqa: ASYNC111
                assert (await one.hold("a", [cap], [600], 60)).granted == 600
                assert (await two.hold("b", [cap], [600, 400], 60)).granted == 400
                await one.settle("a", ["month"], {"month": 100})
                assert list(await two.spent(["month"])) == [100]
                await two.settle("b", ["month"], {"month": 50})
                while (one.replicas, two.replicas) != (2, 2):  # noqa: ASYNC110
                    await trio.sleep(0.05)
            # The supervisor is gone: each has one half of what it knows to be free, of 850.
            assert (await two.hold("c", [cap], [900, 426, 425, 10], 60)).granted == 425
            assert two.is_away
            nursery.cancel_scope.cancel()


async def stay(
    hub: Any,
    number: int,
    replica: str,
    task_status: trio.TaskStatus[SharedStore] = trio.TASK_STATUS_IGNORED,
) -> None:
    async with socket_store(hub, number, replica, patience=0.5) as remote:
        store = SharedStore(remote, MemoryStore(replica=replica))
        task_status.started(store)
        await store.run()


async def test_without_a_supervisor_every_call_fails_at_once(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        pass
    async with linked(hub) as uplink:
        with pytest.raises(LinkError, match="not connected"):
            await uplink.call("store.spent", [])
        assert not uplink.note("moment", {})
