"""An answer that is one body and never a stream: embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from omen.sim.dialect import FinishReason, ToolUse


class UnstreamedAnswer:
    """Writes `body(any)` as the whole answer; `any` is whether there is something in it at all."""

    shows_thoughts = False

    def __init__(self, headers: Sequence[tuple[str, str]], body: Callable[[bool], bytes]) -> None:
        self._headers = headers
        self._body = body

    def headers(self) -> Sequence[tuple[str, str]]:
        """Return the headers of the 200."""
        return self._headers

    def whole(self, text: str, reason: FinishReason, tokens: int, thoughts: str) -> bytes:
        """Write the body."""
        return self._body(tokens > 0)

    def start(self) -> bytes:
        """Write nothing, as everything below: there is no stream."""
        return b""

    def think(self, thoughts: Sequence[str]) -> Sequence[bytes]:
        """Write nothing."""
        return ()

    def speak(self) -> bytes:
        """Write nothing."""
        return b""

    def token(self, text: str) -> bytes:
        """Write nothing."""
        return b""

    def tool_call(self, tool: ToolUse) -> Sequence[bytes]:
        """Write nothing."""
        return ()

    def end(self, reason: FinishReason, tokens: int) -> bytes:
        """Write nothing."""
        return b""

    def ping(self) -> bytes:
        """Write nothing."""
        return b""

    def error(self) -> bytes:
        """Write nothing."""
        return b""
