"""The TLS certificate of the port: read at the start, and again at a reload if it changed."""

from __future__ import annotations

import ssl
from hashlib import sha256

from omen.config import Loaded, locate
from omen.serving import ServerHandle, server_context


class Certificate:
    """The certificate's and the key's PEM file, with a digest of what was last read."""

    def __init__(self, loaded: Loaded) -> None:
        """Read both files. **Raises.** `OSError`."""
        # The digest is read first. If the files change in between, the next reload sees a
        # difference and reads them again.
        self._digest = _digest(loaded)
        self.context = _context(loaded)
        """The context for new connections; None without TLS."""

    def renew(self, loaded: Loaded, handle: ServerHandle) -> str:
        """Use the files' content for new connections if it changed; return a line that reports it.

        **Raises.** `OSError` if a file cannot be read, or if key and certificate do not match.
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
