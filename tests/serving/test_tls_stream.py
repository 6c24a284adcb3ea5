"""TLS by itself: the stream, and the files it is made of."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trio
import trio.abc
import trio.testing
import trustme
from cryptography.hazmat.primitives import serialization as forms

from omen.serving import server_context
from omen.serving._tls import TLSStream
from tests.serving.tls import NAME, TLSClient, client_context, tls_context


async def test_a_read_that_is_cancelled_anywhere_loses_nothing(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Records come in pieces, and the one who reads them is interrupted between any two."""
    ours, theirs = trio.testing.memory_stream_pair()
    server = TLSStream(theirs, tls_context(), b"")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context().wrap_bio(incoming, outgoing, server_hostname=NAME)

    async def greet() -> None:
        while True:
            try:
                client.do_handshake()
            except ssl.SSLWantReadError:
                await ours.send_all(outgoing.read())
                incoming.write(await ours.receive_some())
            else:
                await ours.send_all(outgoing.read())
                return

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        nursery.start_soon(greet)
    sent = bytes(range(256)) * 200
    client.write(sent)
    records, got = outgoing.read(), b""
    for start in range(0, len(records), 1000):
        await ours.send_all(records[start : start + 1000])
        with trio.move_on_after(1):
            got += await server.receive_some(300)
    while len(got) < len(sent):
        got += await server.receive_some()
    assert got == sent
    assert trio.current_time() > 10  # it was interrupted


async def test_a_send_cut_in_the_middle_of_a_record_is_the_last(
    autojump_clock: trio.abc.Clock,
) -> None:
    ours, theirs = trio.testing.lockstep_stream_pair()
    server = TLSStream(theirs, tls_context(), b"")
    client = TLSClient(ours, client_context())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        await client.tls.do_handshake()
        nursery.start_soon(client.receive_some)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    with trio.move_on_after(1) as cut:
        await server.send_all(b"never read")
    assert cut.cancelled_caught
    with pytest.raises(trio.BrokenResourceError):
        await server.send_all(b"more")


def test_files_that_are_no_pair_are_an_os_error(tmp_path: Path) -> None:
    one, two = trustme.CA(), trustme.CA()
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    one.issue_cert("localhost").cert_chain_pems[0].write_to_path(chain)
    two.issue_cert("localhost").private_key_pem.write_to_path(key)
    with pytest.raises(OSError, match="MISMATCH"):
        server_context(str(chain), str(key))
    with pytest.raises(OSError, match="No such file"):
        server_context(str(chain), str(tmp_path / "none.pem"))
    key.write_text("no key")
    with pytest.raises(ssl.SSLError):
        server_context(str(chain), str(key))


def test_a_key_with_a_password_is_an_os_error_and_no_question_on_the_terminal(
    tmp_path: Path,
) -> None:
    certificate = trustme.CA().issue_cert("localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(chain)
    plain = forms.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    locked = plain.private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.BestAvailableEncryption(b"secret")
    )
    key.write_bytes(locked)
    with pytest.raises(ssl.SSLError):
        server_context(str(chain), str(key))
