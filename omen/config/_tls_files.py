"""Checks of the two TLS files: both exist, can be read, and match."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from omen.config._document import Document
from omen.config._draft import Draft
from omen.config._paths import locate
from omen.config._wording import KeyPath
from omen.serving import server_context

TLS_FILES = ("tls_certificate", "tls_key")


def check_tls(draft: Draft, document: Document, folder: Path) -> None:
    """Check that certificate and key are both set or both unset, can be read, and match."""
    files = {key: getattr(document.server, key) for key in TLS_FILES}
    named = {key: name for key, name in files.items() if name is not None}
    faults = [key for key in TLS_FILES if ("server", key) in draft.at_fault]
    if not named or faults:
        return
    for key in TLS_FILES:
        if key not in named:
            other = next(iter(named))
            draft.problem(("server", key), "nothing", f"a PEM file, because of server.{other}")
        elif reason := _unreadable(locate(folder, named[key])):
            path: KeyPath = ("server", key)
            draft.problem(path, draft.shown(named[key], path), f"a PEM file ({reason})")
    if not any(("server", key) in draft.at_fault for key in TLS_FILES):
        _check_pair(draft, folder, named)


def _unreadable(file: Path) -> str:
    try:
        with file.open("rb"):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__


def _check_pair(draft: Draft, folder: Path, named: Mapping[str, str]) -> None:
    certificate, key = (str(locate(folder, named[name])) for name in TLS_FILES)
    try:
        server_context(certificate, key)
    except OSError as error:  # `ssl.SSLError` is an `OSError`
        path: KeyPath = ("server", "tls_key")
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            allowed = "the key of the certificate in server.tls_certificate"
        else:
            path = ("server", "tls_certificate")
            allowed = "PEM: a chain of certificates here, and its key, without a password, there"
        draft.problem(path, draft.shown(named[str(path[1])], path), allowed)
