"""Certificates that a test's own authority signs, and a client that speaks TLS."""

from __future__ import annotations

import ssl
from contextlib import suppress
from functools import cache
from pathlib import Path

import trio
import trustme

from omen.serving import server_context

NAME = "localhost"


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@cache
def tls_context() -> ssl.SSLContext:
    """What the server is run with: made of files, as an operator has them."""
    certificate = authority().issue_cert(NAME)
    chain, key = certificate.cert_chain_pems, certificate.private_key_pem
    with chain[0].tempfile() as chain_file, key.tempfile() as key_file:
        return server_context(chain_file, key_file)


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for this machine, and its key."""
    certificate = authority().issue_cert(NAME, "127.0.0.1")
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(certificate.cert_chain_pems[0].bytes())
    key.write_bytes(certificate.private_key_pem.bytes())
    return chain, key


def client_context(*protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


class TLSClient(trio.abc.HalfCloseableStream):
    """A client that trusts the test's authority. Its half-close is the socket's: no goodbye."""

    def __init__(self, raw: trio.abc.HalfCloseableStream, context: ssl.SSLContext) -> None:
        self.raw = raw
        self.tls = trio.SSLStream(raw, context, server_hostname=NAME)

    @classmethod
    async def greet(cls, raw: trio.abc.HalfCloseableStream, *protocols: str) -> TLSClient:
        client = cls(raw, client_context(*protocols))
        await client.tls.do_handshake()
        return client

    @property
    def protocol(self) -> str | None:
        protocol: str | None = self.tls.selected_alpn_protocol()
        return protocol

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.tls.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.tls.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.tls.receive_some(max_bytes)

    async def send_eof(self) -> None:
        await self.raw.send_eof()

    async def say_goodbye(self) -> None:
        """Send `close_notify`, and wait for whatever the server makes of it."""
        with suppress(trio.BrokenResourceError):
            await self.tls.unwrap()

    async def aclose(self) -> None:
        await self.raw.aclose()
