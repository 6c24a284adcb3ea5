"""Reads what was written for a client of Anthropic's Messages API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from omen.core.events import Event
from omen.front.anthropic.write import MessagesWriter, Named


def written(batches: Iterable[Sequence[Event]]) -> list[dict[str, Any]]:
    """Write a stream and read it again, event by event."""
    writer = MessagesWriter(Named("msg_1", "m"))
    return read(b"".join(writer.write(batch) for batch in batches))


def read(body: bytes) -> list[dict[str, Any]]:
    """Read a Messages stream; every event has a name, and it is its type."""
    objects = []
    for block in body.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        wire = json.loads(data.removeprefix("data: "))
        assert name == f"event: {wire['type']}"
        objects.append(wire)
    return objects


def merged(objects: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put neighbouring deltas of one kind together: how a text is cut means nothing."""
    result: list[dict[str, Any]] = []
    for wire in objects:
        delta, before = wire.get("delta"), result[-1].get("delta") if result else None
        same = delta and before and delta.get("type") == before.get("type") is not None
        if same and wire["type"] == "content_block_delta" and wire["index"] == result[-1]["index"]:
            for name in set(delta) - {"type"}:
                before[name] += delta[name]
        else:
            result.append(json.loads(json.dumps(wire)))
    return result


def check_blocks(objects: Iterable[dict[str, Any]]) -> None:
    """Blocks come one after the other, numbered from 0, and nothing outside of one."""
    opened, count = None, 0
    for wire in objects:
        match wire["type"]:
            case "content_block_start":
                assert opened is None
                assert wire["index"] == count
                opened, count = count, count + 1
            case "content_block_delta" | "content_block_stop":
                assert wire["index"] == opened
                opened = None if wire["type"] == "content_block_stop" else opened
            case "message_delta" | "message_stop":
                assert opened is None
