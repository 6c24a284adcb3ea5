"""The certificate that the port greets with: read at the start, and again when it was renewed."""

from __future__ import annotations

import ssl
from hashlib import sha256

from omen.config import Loaded, locate
from omen.serving import ServerHandle, server_context


class Certificate:
    """Two PEM files, and what was in them when they were last read."""

    def __init__(self, loaded: Loaded) -> None:
        """Read them. **Raises.** `OSError`."""
        self._digest = _digest(loaded)
        self.context = _context(loaded)
        """None without TLS."""

    def renew(self, loaded: Loaded, handle: ServerHandle) -> str:
        """Greet with what is in the files now, if that is new; return what to say about it.

        **Raises.** `OSError` when they cannot be read, or do not belong together.
        """
        digest = _digest(loaded)
        if self.context is None or digest in (None, self._digest):
            return ""
        context = _context(loaded)
        if context is not None:
            handle.renew_tls(context)
            self.context, self._digest = context, digest
        return "the certificate was renewed, for new connections"


def _digest(loaded: Loaded) -> bytes | None:
    server = loaded.settings.server
    if server.tls_certificate is None or server.tls_key is None:
        return None
    files = [locate(loaded.folder, name) for name in (server.tls_certificate, server.tls_key)]
    return sha256(b"\0".join(sha256(file.read_bytes()).digest() for file in files)).digest()


def _context(loaded: Loaded) -> ssl.SSLContext | None:
    server = loaded.settings.server
    if server.tls_certificate is None or server.tls_key is None:
        return None
    names = (server.tls_certificate, server.tls_key)
    certificate, key = (str(locate(loaded.folder, name)) for name in names)
    return server_context(certificate, key)
