"""h2's connection, changed so that an error in one request ends that request only.

h2 ends the whole connection in three cases that concern one stream, or no stream at all:

- A malformed request: a field is not allowed, the body does not have the announced length, or the
  trailers do not end the request. RFC 9113, section 8.1.1, defines these as stream errors.
- The client's GOAWAY. It means that the client opens no more streams; running streams go on.
- A priority that is not valid. Priorities are deprecated, and ignored here.

h2 has no setting for these cases, so four of its private methods are replaced. Therefore `h2` is
pinned to the minor version whose source was read. The import of this module fails if h2 lacks a
name that is replaced or used here.

**Source.** RFC 9113 sections 5.3.2 (priorities), 6.8 (GOAWAY), 6.9.2 (windows), 8.1.1 (malformed
requests), read 2026-11-30; h2 4.4.1.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from h2.config import H2Configuration
from h2.connection import AllowedStreamIDs, ConnectionInputs, H2Connection, _decode_headers
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, PriorityUpdated, StreamReset
from h2.exceptions import InvalidBodyLengthError, ProtocolError, StreamClosedError
from h2.settings import SettingCodes, Settings
from h2.stream import H2Stream, StreamClosedBy, StreamState
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PriorityFrame,
    RstStreamFrame,
)

from omen.serving._h2_frames import MAX_FRAME

STREAM_WINDOW = 1024 * 1024
"""Bytes of one request's body that may arrive before its handler reads them. A client with a round
trip of 80 ms can send 12 MB a second."""
CONNECTION_WINDOW = 4 * 1024 * 1024
"""The same for all requests of one connection."""
ANNOUNCED = 128 * 1024
"""Bytes that are read before a window update lets the client send as many again. (h2 sends it after
half a window, which halves the speed of a client that is far away.)"""
MAX_HEAD = 64 * 1024
"""Bytes of a request's fields. A larger request gets a 431."""
MAX_DECODED = 4 * MAX_HEAD
"""Bytes of fields that are decoded at all; beyond this the connection ends. A part of a field block
cannot be skipped, because the compression of later blocks depends on it."""

_DEFAULT_WINDOW = 65_535

Received = tuple[list[Frame], list[Event]]


class Connection(H2Connection):
    """The server's side of an HTTP/2 connection, without I/O."""

    def __init__(self, max_streams: int) -> None:
        super().__init__(H2Configuration(client_side=False, header_encoding=None))
        self.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: max_streams,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD,
                SettingCodes.ENABLE_CONNECT_PROTOCOL: 1,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            },
        )
        self.max_inbound_frame_size = MAX_FRAME
        self.decoder.max_header_list_size = MAX_DECODED
        # Bytes that were read and for which no window update was sent yet.
        self._read = 0
        self._read_of: WeakKeyDictionary[H2Stream, int] = WeakKeyDictionary()

    def open_window(self) -> None:
        """Enlarge the connection's window. HTTP/2 begins with 64 KiB."""
        self.increment_flow_control_window(CONNECTION_WINDOW - _DEFAULT_WINDOW)

    def give_back(self, size: int, stream_id: int) -> None:
        """Return window for bytes that were read, or that no handler will read.

        **Raises.** `ProtocolError` if the connection is closing.
        """
        self._read += size
        if self._read >= ANNOUNCED:
            self.increment_flow_control_window(self._read)
            self._read = 0
        stream = self.streams.get(stream_id)
        if stream is None:
            return
        read = self._read_of.pop(stream, 0) + size
        if read >= ANNOUNCED:
            self.increment_flow_control_window(read, stream_id)
        else:
            self._read_of[stream] = read

    def _receive_headers_frame(self, frame: HeadersFrame) -> Received:
        """Receive the head of a request, or its trailers.

        h2's own method also ends the connection when one stream too many is opened. A client may do
        that before it has read the limit from our settings. `H2` refuses such a stream instead.
        """
        _ = self.open_inbound_streams  # this property removes closed streams as a side effect
        headers = _decode_headers(self.decoder, frame.data)
        events = self.state_machine.process_input(ConnectionInputs.RECV_HEADERS)
        stream = self._get_or_create_stream(frame.stream_id, AllowedStreamIDs.ODD)
        announced = stream._expected_content_length
        is_end = "END_STREAM" in frame.flags
        try:
            frames, received = stream.receive_headers(headers, is_end, None)
            if is_end:
                # h2 checks the body's length only if the body ends with a DATA frame. The trailers
                # have no content-length, so the announced one is put back before the check.
                if announced is not None:
                    stream._expected_content_length = announced
                stream._track_content_length(0, end_stream=True)
        except StreamClosedError:
            raise  # h2 answers this error, depending on how the stream was closed
        except ProtocolError:
            return _reset(stream)
        return frames, events + received

    def _receive_data_frame(self, frame: DataFrame) -> Received:
        try:
            return super()._receive_data_frame(frame)
        except InvalidBodyLengthError:
            frames, events = _reset(self._get_stream_by_id(frame.stream_id))
            # The bytes have used the connection's window, which must be returned all the same.
            length = frame.flow_controlled_length
            data = DataReceived(stream_id=frame.stream_id, data=b"", flow_controlled_length=length)
            return frames, [data, *events]

    def _receive_priority_frame(self, frame: HeadersFrame | PriorityFrame) -> Received:
        return [], [PriorityUpdated()]

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> Received:
        event = ConnectionTerminated()
        event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        return [], [event]


def _reset(stream: H2Stream) -> Received:
    """End a stream because its request is malformed."""
    # The state is set directly: the stream may not have opened yet, and frames that the client has
    # already sent for it must not count as further errors.
    stream.state_machine.state = StreamState.CLOSED
    stream.state_machine.stream_closed_by = StreamClosedBy.SEND_RST_STREAM
    number, code = stream.stream_id, ErrorCodes.PROTOCOL_ERROR
    reset = StreamReset(stream_id=number, error_code=code, remote_reset=False)
    return [RstStreamFrame(number, error_code=code)], [reset]


def _check_h2() -> None:
    """Raise `ImportError` if h2 lacks a name used here. A renamed method would never be called."""
    own = {name for name in vars(Connection) if name.startswith("_receive_")}
    stream = H2Stream(1, H2Configuration(client_side=False), 0, 0)
    needed = (
        (
            H2Connection,
            (*own, "_get_or_create_stream", "_get_stream_by_id", "open_inbound_streams"),
        ),
        (stream, ("_expected_content_length", "_track_content_length", "receive_headers")),
        (stream.state_machine, ("state", "stream_closed_by")),
    )
    missing = [name for owner, names in needed for name in names if not hasattr(owner, name)]
    if missing:
        raise ImportError(f"this h2 has no {', '.join(missing)}; read it, then {__name__}")


_check_h2()
