"""The facts about hypercorn that this package stands on."""

from __future__ import annotations

import sys
from importlib.metadata import version

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypercorn.protocol.h2 import H2Protocol, StreamBuffer
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.protocol.ws_stream import WSStream
from hyperframe.frame import HeadersFrame

from omen.serving import ServingSettings
from omen.serving._frames import MAX_FRAME, has_begun_a_head, is_greeted, is_oversized
from omen.serving._settings import BACKLOG, hypercorn_config
from tests.serving.hostile import START, raw, request


def test_hypercorn_is_the_version_whose_internals_were_read() -> None:
    """Another version needs that reading again, not a new number here.

    The protocols are subclassed by names that hypercorn does not promise: private methods, and
    what calls what in which order.
    """
    assert version("hypercorn") == "0.18.0"


def test_the_methods_that_are_overridden_exist() -> None:
    overridden = {
        H11Protocol: ["_handle_events", "_create_stream", "_maybe_recycle", "_send_h11_event"],
        H2Protocol: [
            "send_task",
            "_send_data",
            "_flush",
            "_handle_events",
            "_create_stream",
            "_close_stream",
            "_priority_updated",
        ],
        HTTPStream: ["app_send", "_send_closed"],
        WSStream: ["app_send", "handle", "_send_error_response"],
        StreamBuffer: ["push", "pop", "close", "set_complete"],
    }
    for owner, names in overridden.items():
        for name in names:
            assert callable(getattr(owner, name)), f"{owner.__name__}.{name}"


def test_what_h2_has_received_is_where_we_look_for_it() -> None:
    """`omen.serving._frames` sees nothing where it is not, and then two limits are gone."""
    connection = H2Connection(H2Configuration(client_side=False))
    connection.initiate_connection()
    assert not is_greeted(connection)
    connection.receive_data(START)
    assert is_greeted(connection)
    assert not has_begun_a_head(connection)
    connection.receive_data(request(1)[:6])
    assert has_begun_a_head(connection)
    connection.receive_data(request(1)[6:])
    assert not has_begun_a_head(connection)
    connection.receive_data(HeadersFrame(3, data=b"\x82").serialize())  # to be continued
    assert has_begun_a_head(connection)
    assert not is_oversized(connection)


@pytest.mark.parametrize(("length", "too_long"), [(MAX_FRAME, False), (MAX_FRAME + 1, True)])
def test_and_how_long_the_next_frame_is(length: int, too_long: bool) -> None:
    connection = H2Connection(H2Configuration(client_side=False))
    connection.initiate_connection()
    connection.receive_data(START + raw(length, 0, 0, 1, b""))
    assert is_oversized(connection) == too_long


def test_its_settings_are_ours() -> None:
    settings = ServingSettings(bind="127.0.0.1", port=0)
    config = hypercorn_config(settings)
    assert BACKLOG == 2048
    assert config.backlog == 2048
    assert config.h11_max_incomplete_size == 64 * 1024
    assert config.h2_max_concurrent_streams == 1000
    assert config.keep_alive_max_requests == sys.maxsize
    assert config.keep_alive_timeout == 300
    assert settings.keep_alive_timeout == 300
    assert config.response_headers("h11")[0][0] == b"date"
    assert len(config.response_headers("h11")) == 1


def test_hypercorn_logs_nothing() -> None:
    log = hypercorn_config(ServingSettings(bind="127.0.0.1", port=0)).log
    assert log.access_logger is None
    assert log.error_logger is None
