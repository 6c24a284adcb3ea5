"""The facts about hypercorn that this package stands on."""

from __future__ import annotations

import sys
from importlib.metadata import version

from hypercorn.protocol.h2 import H2Protocol, StreamBuffer
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.protocol.ws_stream import WSStream

from omen.serving import ServingSettings
from omen.serving._settings import BACKLOG, hypercorn_config


def test_hypercorn_is_the_version_whose_internals_were_read() -> None:
    """Another version needs that reading again, not a new number here.

    The protocols are subclassed by names that hypercorn does not promise: private methods, and
    what calls what in which order.
    """
    assert version("hypercorn") == "0.18.0"


def test_the_methods_that_are_overridden_exist() -> None:
    overridden = {
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


def test_its_settings_are_ours() -> None:
    settings = ServingSettings(bind="127.0.0.1", port=0)
    config = hypercorn_config(settings)
    assert BACKLOG == 2048
    assert config.backlog == 2048
    assert config.h2_max_concurrent_streams == 1000
    assert config.keep_alive_max_requests == sys.maxsize
    assert config.keep_alive_timeout == 300
    assert settings.keep_alive_timeout == 300
    assert config.response_headers("h2")[0][0] == b"date"
    assert len(config.response_headers("h2")) == 1


def test_hypercorn_logs_nothing() -> None:
    log = hypercorn_config(ServingSettings(bind="127.0.0.1", port=0)).log
    assert log.access_logger is None
    assert log.error_logger is None
