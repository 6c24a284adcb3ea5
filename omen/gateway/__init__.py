"""The gateway: its parts, and the interface that front ends call."""

from omen.gateway._books import Books, make_books, resolved_url
from omen.gateway._gateway import Gateway, ServedModel
from omen.gateway._open import open_gateway
from omen.gateway._reload import Reload
from omen.gateway._sockets import UpstreamSockets

__all__ = [
    "Books",
    "Gateway",
    "Reload",
    "ServedModel",
    "UpstreamSockets",
    "make_books",
    "open_gateway",
    "resolved_url",
]
