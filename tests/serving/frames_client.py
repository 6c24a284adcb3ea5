"""An HTTP/2 client that knows frames and no rules: it sends what it is given, and reads all."""

from __future__ import annotations

from collections.abc import Callable

import hpack
import trio
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    WindowUpdateFrame,
)

from tests.serving.harness import Stream


class FramesClient:
    """Heads are sent by `hostile.request`; the server's are decoded. Nothing is acknowledged."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.frames: list[Frame] = []
        self.heads: dict[int, dict[str, str]] = {}
        self._buffer = b""
        self._decoder = hpack.Decoder()

    async def send(self, *sent: bytes) -> None:
        await self.stream.send_all(b"".join(sent))

    async def until(self, come: Callable[[], object]) -> None:
        """Read until this is true; fail when the server closes before it is."""
        while not come():
            data = bytes(await self.stream.receive_some())
            assert data, f"the connection ended after {self.frames}"
            self._take(data)

    async def end(self) -> None:
        """Read to the end of the connection."""
        try:
            while data := bytes(await self.stream.receive_some()):
                self._take(data)
        except trio.BrokenResourceError:
            pass

    def _take(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self._buffer[:9]))
            if len(self._buffer) < 9 + length:
                return
            frame.parse_body(memoryview(self._buffer[9 : 9 + length]))
            self._buffer = self._buffer[9 + length :]
            self.frames.append(frame)
            if isinstance(frame, HeadersFrame):
                head = self._decoder.decode(frame.data)
                self.heads[frame.stream_id] = {str(name): str(value) for name, value in head}

    def status(self, stream_id: int) -> str | None:
        return self.heads.get(stream_id, {}).get(":status")

    def body(self, stream_id: int) -> bytes:
        data = [f.data for f in self.of(stream_id) if isinstance(f, DataFrame)]
        return b"".join(data)

    def ended(self, stream_id: int) -> bool:
        return any("END_STREAM" in f.flags for f in self.of(stream_id))

    def reset(self, stream_id: int) -> int | None:
        codes = [f.error_code for f in self.of(stream_id) if isinstance(f, RstStreamFrame)]
        return codes[0] if codes else None

    def of(self, stream_id: int) -> list[Frame]:
        return [frame for frame in self.frames if frame.stream_id == stream_id]

    @property
    def goodbyes(self) -> list[GoAwayFrame]:
        return [frame for frame in self.frames if isinstance(frame, GoAwayFrame)]

    @property
    def window(self) -> int:
        """How much the connection's window was opened."""
        windows = [f for f in self.of(0) if isinstance(f, WindowUpdateFrame)]
        return sum(frame.window_increment for frame in windows)
