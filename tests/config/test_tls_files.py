"""A certificate and its key: there, readable, a pair; and each mistake in the words for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.config.written import Folder
from tests.serving.tls import write_certificate

BOTH = "[server]\ntls_certificate = 'chain.pem'\ntls_key = 'key.pem'\n"
CERTIFICATE = "omen.toml: server.tls_certificate: found"
KEY = "omen.toml: server.tls_key: found"


def test_a_pair_is_taken_and_the_port_speaks_tls_only(folder: Folder) -> None:
    write_certificate(folder.path)
    server = folder.write(BOTH).load().settings.server
    assert (server.tls_certificate, server.tls_key) == ("chain.pem", "key.pem")
    assert server.tls_only


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("tls_certificate", f"{KEY} nothing; allowed: a PEM file, because of"),
        ("tls_key", f"{CERTIFICATE} nothing; allowed: a PEM file, because of"),
    ],
)
def test_one_of_them_alone_is_a_mistake(folder: Folder, given: str, line: str) -> None:
    write_certificate(folder.path)
    name = "chain.pem" if given == "tls_certificate" else "key.pem"
    (told,) = folder.write(f"[server]\n{given} = '{name}'\n").mistakes()
    assert told == f"{line} server.{given}"


def test_files_that_are_not_there_are_both_told(folder: Folder) -> None:
    assert folder.write(BOTH).mistakes() == [
        f"{CERTIFICATE} 'chain.pem'; allowed: a PEM file (No such file or directory)",
        f"{KEY} 'key.pem'; allowed: a PEM file (No such file or directory)",
    ]


def test_a_folder_is_no_file(folder: Folder) -> None:
    write_certificate(folder.path)
    (folder.path / "key.pem").unlink()
    (folder.path / "key.pem").mkdir()
    assert folder.write(BOTH).mistakes() == [
        f"{KEY} 'key.pem'; allowed: a PEM file (Is a directory)"
    ]


def test_the_key_of_another_certificate_is_told_apart_from_no_key_at_all(folder: Folder) -> None:
    _, key = write_certificate(folder.path)
    other = trustme.CA().issue_cert("localhost").private_key_pem.bytes()
    key.write_bytes(other)
    assert folder.write(BOTH).mistakes() == [
        f"{KEY} 'key.pem'; allowed: the key of the certificate in server.tls_certificate"
    ]
    key.write_text("no key")
    (told,) = folder.mistakes()
    assert told == (
        f"{CERTIFICATE} 'chain.pem'; "
        "allowed: PEM: a chain of certificates here, and its key, without a password, there"
    )


def test_a_wrong_type_is_told_once_and_nothing_is_read(folder: Folder) -> None:
    (told,) = folder.write("[server]\ntls_certificate = 3\ntls_key = 'key.pem'\n").mistakes()
    assert told.startswith(f"{CERTIFICATE} 3")


def test_a_path_counts_from_the_folder_of_the_file_that_names_it(
    folder: Folder, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "its.toml").write_text(BOTH)
    assert len(folder.mistakes(path=Path("elsewhere/its.toml"))) == 2
    write_certificate(elsewhere)
    loaded = folder.load(path=Path("elsewhere/its.toml"))
    assert loaded.settings.server.tls_key == "key.pem"
    assert loaded.folder == elsewhere
