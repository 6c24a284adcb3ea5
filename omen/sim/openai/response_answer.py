"""Responses from the server's side: writing answers, as named events or whole.

**Source.** https://platform.openai.com/docs/api-reference/responses-streaming and the types of the
`openai` package 3.54, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from omen.sim.dialect import FinishReason, Identity, ToolUse, content_type
from omen.sim.http import EVENT_STREAM, to_json
from omen.sim.openai.errors import response_headers
from omen.sim.openai.response_object import ResponseObject, Status, summary_part
from omen.sim.openai.responses import ResponsesCall

_FRAGMENT = 6
"""Characters of tool arguments that one delta carries."""
_BROKEN = {
    "code": "server_error",
    "message": "The server had an error while processing your request.",
}


class ResponsesAnswer:
    """The events of one response: reasoning if there was any, then a message or a call."""

    def __init__(self, call: ResponsesCall, identity: Identity) -> None:
        self.shows_thoughts = call.wants_summary
        self._call = call
        self._number = identity.number
        self._response = ResponseObject(call, identity)
        self._events = 0
        self._output: list[dict[str, Any]] = []
        self._text: list[str] | None = None
        """What was said so far; None while no message is open."""

    def headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers of the 200."""
        return (
            ("content-type", content_type(self._call, EVENT_STREAM)),
            *response_headers(self._number),
        )

    def start(self) -> bytes:
        """Announce the response, and the message if that comes first."""
        begun = self._response.at("in_progress")
        frames = self._event("response.created", response=begun)
        frames += self._event("response.in_progress", response=begun)
        if self._call.reasoning or self._call.tool is not None:
            return frames
        return frames + self.speak()

    def think(self, thoughts: Sequence[str]) -> Iterator[bytes]:
        """Write the reasoning as an item of its own; its summary only for those who asked."""
        item = self._response.reasoning("".join(thoughts) if self.shows_thoughts else None)
        for place, text in enumerate(thoughts):
            frame = b""
            if place == 0:
                opened = self._response.reasoning(None)
                frame += self._event("response.output_item.added", item=opened)
            if self.shows_thoughts:
                frame += self._summary(thoughts, place, text)
            if place == len(thoughts) - 1:
                frame += self._event("response.output_item.done", item=item)
                self._output.append(item)
            yield frame

    def speak(self) -> bytes:
        """Open the message and the text in it."""
        self._text = []
        message = self._response.message(None, "in_progress")
        return self._event("response.output_item.added", item=message) + self._event(
            "response.content_part.added", **self._at(message), part=self._response.text_part("")
        )

    def token(self, text: str) -> bytes:
        """Write one piece of visible text."""
        if self._text is not None:
            self._text.append(text)
        where = self._at(self._response.message(None, "in_progress"))
        return self._event("response.output_text.delta", **where, delta=text, logprobs=[])

    def tool_call(self, tool: ToolUse) -> Iterator[bytes]:
        """Name the function first, then write its arguments cut wherever they happen to be cut."""
        begun = self._response.function_call(tool, "in_progress")
        yield self._event("response.output_item.added", item=begun)
        name, where = "response.function_call_arguments", {"item_id": begun["id"]}
        for cut in range(0, len(tool.arguments), _FRAGMENT):
            fragment = tool.arguments[cut : cut + _FRAGMENT]
            frame = self._event(f"{name}.delta", **where, delta=fragment)
            if cut + _FRAGMENT >= len(tool.arguments):
                whole = {"name": tool.name, "arguments": tool.arguments}
                frame += self._event(f"{name}.done", **where, **whole)
                done = self._response.function_call(tool, "completed")
                frame += self._event("response.output_item.done", item=done)
                self._output.append(done)
            yield frame

    def end(self, reason: FinishReason, tokens: int) -> bytes:
        """Close what is open, then the response, with its usage."""
        status: Status = "incomplete" if reason == "length" else "completed"
        frames = self._end_of_message(status)
        response = self._response.at(status, self._output, tokens=tokens)
        return frames + self._event(f"response.{status}", response=response)

    def ping(self) -> bytes:
        """Write a comment: there are no pings here."""
        return b": keepalive\n\n"

    def error(self) -> bytes:
        """Report that the response failed; before there is one, that something went wrong."""
        if self._events == 0:
            return self._event("error", **_BROKEN, param=None)
        response = self._response.at("failed", self._output, error=_BROKEN)
        return self._event("response.failed", response=response)

    def whole(self, text: str, reason: FinishReason, tokens: int, thoughts: str) -> bytes:
        """Write the response as it is in the end."""
        status: Status = "incomplete" if reason == "length" else "completed"
        output = []
        if self._call.reasoning:
            output.append(self._response.reasoning(thoughts if self.shows_thoughts else None))
        if self._call.tool is not None:
            output.append(self._response.function_call(self._call.tool, "completed"))
        elif tokens or reason == "stop":
            output.append(self._response.message(text, status))
        return to_json(self._response.at(status, output, tokens=tokens))

    def _summary(self, thoughts: Sequence[str], place: int, text: str) -> bytes:
        """Write one piece of the summary, and what opens and closes it."""
        where = {"item_id": self._response.reasoning(None)["id"], "summary_index": 0}
        name = "response.reasoning_summary"
        frame = b""
        if place == 0:
            frame += self._event(f"{name}_part.added", **where, part=summary_part(""))
        frame += self._event(f"{name}_text.delta", **where, delta=text)
        if place == len(thoughts) - 1:
            whole = "".join(thoughts)
            frame += self._event(f"{name}_text.done", **where, text=whole)
            frame += self._event(f"{name}_part.done", **where, part=summary_part(whole))
        return frame

    def _end_of_message(self, status: Status) -> bytes:
        if self._text is None:
            return b""
        text = "".join(self._text)
        message = self._response.message(text, status)
        where, part = self._at(message), self._response.text_part(text)
        frames = self._event("response.output_text.done", **where, text=text, logprobs=[])
        frames += self._event("response.content_part.done", **where, part=part)
        frames += self._event("response.output_item.done", item=message)
        self._output.append(message)
        return frames

    def _at(self, message: dict[str, Any]) -> dict[str, Any]:
        return {"item_id": message["id"], "content_index": 0}

    def _event(self, kind: str, /, **fields: Any) -> bytes:
        """Write an event. Those of an item say that it is the next of the output."""
        value: dict[str, Any] = {"type": kind, "sequence_number": self._events}
        if "response" not in fields and kind != "error":
            value["output_index"] = len(self._output)
        self._events += 1
        return b"event: " + kind.encode("ascii") + b"\ndata: " + to_json(value | fields) + b"\n\n"
