"""The layers of the gateway, the modules of each, and the layer to which a frame belongs.

The innermost frame that belongs to a layer decides. All other frames count for their caller: the
standard library, pydantic, the vocabulary (a decoder or a strategy creates the events), and trio's
own functions, so that a layer pays for the sockets, scopes and nurseries that it uses. What remains
of trio is its loop between the tasks, including its wait for events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import FrameType, MappingProxyType
from typing import Literal, get_args

Layer = Literal["serving", "front", "engine", "providers", "transport", "trio", "other"]
LAYERS: Sequence[Layer] = get_args(Layer)
"""From the client's socket to the upstream's, then what belongs to no layer."""

_SEEN_THROUGH: Layer | None = None

_MODULES: Mapping[str, Layer | None] = MappingProxyType(
    {
        # accepting, reading, parsing and writing HTTP for clients, kernel time included
        "omen.serving": "serving",
        "hypercorn": "serving",
        "h11": "serving",
        "h2": "serving",
        "hpack": "serving",
        "hyperframe": "serving",
        "priority": "serving",
        "wsproto": "serving",
        # reading requests and writing answers in the client's dialect
        "omen.front": "front",
        "quart": "front",
        "quart_trio": "front",
        "werkzeug": "front",
        # planning, starting, choosing, bookkeeping
        "omen": "engine",
        "omen_strategies": "engine",
        # the vendors' formats, and frames out of bytes
        "omen.providers": "providers",
        "omen.wire.sse": "providers",
        "omen.wire.ndjson": "providers",
        "omen.wire.framing": "providers",
        # HTTP to upstreams, kernel time included
        "omen.wire": "transport",
        "httptools": "transport",
        "httpx": "transport",
        # the process around all layers
        "omen.cli": "other",
        # the vocabulary
        "omen.core.candidates": _SEEN_THROUGH,
        "omen.core.chat": _SEEN_THROUGH,
        "omen.core.errors": _SEEN_THROUGH,
        "omen.core.events": _SEEN_THROUGH,
        "omen.core.frames": _SEEN_THROUGH,
        "omen.core.hints": _SEEN_THROUGH,
    }
)
"""By the name of a module or of its package; the longest matching name decides."""

_LOOP = frozenset({("trio._core._run", "unrolled_run"), ("trio._core._run", "run")})
"""The first runs ready tasks, the second waits for events."""


@lru_cache(maxsize=4096)
def layer_of_module(name: str) -> Layer | None:
    """Return the layer of a module; None if its frames count for their caller."""
    while name and name not in _MODULES:
        name = name.rpartition(".")[0]
    return _MODULES.get(name)


def layer_of(frame: FrameType | None) -> Layer:
    """Return the layer of the work in `frame`, walking outwards from it."""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        layer = layer_of_module(module)
        if layer is not None:
            return layer
        if (module, frame.f_code.co_name) in _LOOP:
            return "trio"
        frame = frame.f_back
    return "other"
