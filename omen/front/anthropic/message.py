"""A whole message, added up from what would have been its stream.

**Source.** docs.anthropic.com/en/api/messages-streaming, read 2026-11-22.
"""

from __future__ import annotations

from pydantic_core import from_json

from omen.core.events import Event, WireEvent
from omen.core.json_reading import read_json
from omen.core.pieces import Pieces
from omen.front.anthropic.blocks import WireObject
from omen.front.anthropic.write import DIALECT, Named, Translator


class Message:
    """Adds an answer up to one message, whichever way it came."""

    def __init__(self, named: Named) -> None:
        self._named = named
        self._translator = Translator(named)
        self._assembler = Assembler()
        self._verbatim = False

    def add(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, WireEvent) and event.dialect == DIALECT:
            self._verbatim = True
            self._assembler.add(self._named.rename(read_json(event.data)))
        elif not self._verbatim:
            for wire in self._translator.translate(event):
                self._assembler.add(wire)

    def body(self) -> WireObject:
        """Give the message; only after the answer has ended."""
        return self._assembler.whole()


class Assembler:
    """Puts a message together from the objects of its stream, those of unknown kinds included."""

    def __init__(self) -> None:
        self.message: WireObject = {}
        self._json: dict[int, Pieces] = {}
        self._texts: dict[tuple[int, str], Pieces] = {}
        """The texts of blocks that grow, by the number of the block and the name of the field."""

    def add(self, wire: WireObject) -> None:
        """Take the next object."""
        match wire:
            case {"type": "message_start", "message": dict(message)}:
                self.message = {**message, "content": list(message.get("content") or ())}
            case {"type": "content_block_start", "content_block": dict(block)}:
                self.message["content"].append(dict(block))
            case {"type": "content_block_delta", "delta": dict(delta)}:
                self._add_delta(self.message["content"][-1], delta)
            case {"type": "content_block_stop"}:
                self._close(self.message["content"])
            case {"type": "message_delta"}:
                self._finish(wire)

    def whole(self) -> WireObject:
        """Return the message, with all its texts."""
        self._settle()
        return self.message

    def _add_delta(self, block: WireObject, delta: WireObject) -> None:
        for name, value in delta.items():
            if name == "partial_json":
                self._json.setdefault(len(self.message["content"]), Pieces()).add(value)
            elif name == "citation":
                block["citations"] = block.get("citations") or []
                block["citations"].append(value)
            elif name != "type" and isinstance(value, str):
                place = len(self.message["content"]) - 1, name
                if place not in self._texts:
                    self._texts[place] = Pieces(block.get(name) or "")
                self._texts[place].add(value)
            elif name != "type":
                block[name] = value

    def _settle(self) -> None:
        """Write the texts that have grown into their blocks."""
        for (index, name), pieces in self._texts.items():
            self.message["content"][index][name] = pieces.text
        self._texts = {}

    def _close(self, content: list[WireObject]) -> None:
        """Read the input of a call that is complete.

        It has to be an object here. What another vendor's model wrote that is none stays readable
        under a name of its own, rather than being lost or failing a whole answer.
        """
        self._settle()
        text = self._json.pop(len(content), Pieces()).text
        if not text.strip():
            return
        try:
            value = from_json(text)
        except ValueError:
            value = None
        content[-1]["input"] = value if isinstance(value, dict) else {"unparsed_arguments": text}

    def _finish(self, wire: WireObject) -> None:
        """Take the message's end. Usage overwrites, as far as it says anything."""
        said = {
            name: value for name, value in (wire.get("usage") or {}).items() if value is not None
        }
        rest = {name: wire[name] for name in wire if name not in ("type", "delta", "usage")}
        usage = {**(self.message.get("usage") or {}), **said}
        self.message |= {**(wire.get("delta") or {}), **rest, "usage": usage}
