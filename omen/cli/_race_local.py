"""A race inside this process: simulated providers on sockets, and a gateway without a server."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import trio
from pydantic_core import to_json

from omen.cli._demo import with_simulated
from omen.cli._screen import Screen
from omen.config import Settings
from omen.core.errors import OmenError
from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.front.openai.completion import Completion
from omen.front.openai.parse import parse_chat
from omen.gateway import Gateway, open_gateway
from omen.sim import DEFAULT_FLEET, open_fleet
from omen.telemetry import tell


async def race_here(body: Mapping[str, Any], screen: Screen) -> str:
    """Run one race and show it; return the winner's text. **Raises.** `OmenError`."""
    seed = secrets.randbelow(2**31)  # a different race at every run
    fleet = [replace(upstream, seed=seed) for upstream in DEFAULT_FLEET]

    def watch(moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        if moment != "useful":  # that moment is for statistics; a lane shows the commit
            screen.show(tell(moment, race, attempt).as_json())

    async with open_fleet(fleet) as running:
        settings = with_simulated(Settings(), running)
        async with open_gateway(settings, observers=[watch]) as gateway:
            answer = await _race(gateway, body)
    # Raised here, because the fleet's nursery would wrap it in an exception group.
    if isinstance(answer, OmenError):
        raise answer
    return answer


async def _race(gateway: Gateway, body: Mapping[str, Any]) -> str | OmenError:
    completion = Completion()
    try:
        chat = parse_chat(to_json(body), {})
        race = gateway.plan(chat.model, chat.hints, trio.current_time(), request=chat.request)
        await gateway.run(race, chat.request, completion)
    except OmenError as error:
        return error
    return completion.text
