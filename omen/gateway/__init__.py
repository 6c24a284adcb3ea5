"""The gateway: its parts, and the interface that front ends call."""

from omen.gateway._bookkeeping import keep_books, prepare_books
from omen.gateway._books import (
    Books,
    MakeLedger,
    find_file_of_old_url,
    find_unusable_file,
    make_books,
    resolved_url,
)
from omen.gateway._gateway import Gateway, ServedModel
from omen.gateway._open import open_gateway
from omen.gateway._reload import Reload
from omen.gateway._sockets import UpstreamSockets

__all__ = [
    "Books",
    "Gateway",
    "MakeLedger",
    "Reload",
    "ServedModel",
    "UpstreamSockets",
    "find_file_of_old_url",
    "find_unusable_file",
    "keep_books",
    "make_books",
    "open_gateway",
    "prepare_books",
    "resolved_url",
]
