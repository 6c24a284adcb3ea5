"""What a first configuration can use: keys in the environment, and a local Ollama."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httpx
import trio

from omen.cli._vendors import SMALL_MODELS, VENDORS
from omen.core.candidates import PLAIN, Endpoint
from omen.core.errors import UpstreamFailure
from omen.providers import load_kinds

LOOK_SECONDS = 1.0
"""Bound of the look for Ollama. On this machine it answers in milliseconds."""
_MOST_BYTES = 4 * 1024 * 1024
_OLLAMA_PORT = 11434
_PORTS = {"http": 80, "https": 443}
_OWN_BASE_URLS = {"openai": "OPENAI_BASE_URL", "anthropic": "ANTHROPIC_BASE_URL"}
"""Variables of the vendors' SDKs that send the key to another server."""


@dataclass(frozen=True, slots=True)
class Usable:
    """One provider that could be configured. No field holds a secret."""

    name: str
    kind: str
    because: str
    """What was found."""
    references: Mapping[str, str] = field(default_factory=dict)
    """Keys of its section, each with the name of the variable that holds the value."""
    urls: tuple[str, ...] = ()
    """Its address, if that is not its kind's own."""
    models: tuple[str, ...] = ()
    """The models that it lists, if it was asked."""
    small_model: str | None = None
    """A model for a first alias."""


def usable_keys(variables: Mapping[str, str]) -> Iterator[Usable]:
    """Yield the providers whose variables are set. OMEN's own names precede the vendors'."""
    for kind, spec in load_kinds().items():
        for names in (spec.setup.variables, spec.setup.vendor_variables):
            references = {key: name for name, key in names.items() if variables.get(name)}
            # An Azure endpoint without its key, or a key without its endpoint, is of no use.
            if references and len(references) == len(names) and "api_key" in references:
                if not _goes_elsewhere(kind, references, variables):
                    because = " and ".join(references.values())
                    yield Usable(
                        kind, kind, because, references, small_model=SMALL_MODELS.get(kind)
                    )
                break
    for vendor in VENDORS:
        name = next((name for name in vendor.variables if variables.get(name)), None)
        if name is not None:
            yield Usable(
                vendor.name,
                "openai_compatible",
                name,
                {"api_key": name},
                (vendor.base_url,),
            )


def keys_for_elsewhere(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of a vendor's key and the variable that sends this key to another server."""
    for kind, name in _OWN_BASE_URLS.items():
        for key in load_kinds()[kind].setup.vendor_variables:
            if variables.get(key) and _goes_elsewhere(kind, {"api_key": key}, variables):
                yield key, name


def _goes_elsewhere(kind: str, references: Mapping[str, str], variables: Mapping[str, str]) -> bool:
    """Return whether the key is for another server than the vendor's: it must not be sent there."""
    own = load_kinds()[kind].setup.default_url
    name = _OWN_BASE_URLS.get(kind, "")
    other = variables.get(name, "")
    is_vendors = references.get("api_key") in load_kinds()[kind].setup.vendor_variables
    return bool(other and own and is_vendors and _host(other) != _host(own))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def ollama_origin(text: str) -> str | None:
    """Return the origin that `OLLAMA_HOST` names; None if it is not understood.

    `0.0.0.0` is what the server binds: its clients reach it at the loopback address.

    **Source.** github.com/ollama/ollama envconfig/config.go, read 2026-12-01.
    """
    scheme, mark, rest = text.strip().strip("\"'").rpartition("://")
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname or "127.0.0.1", parts.port
    except ValueError:
        return None
    if (mark and scheme not in _PORTS) or parts.username is not None:
        return None
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    shown = f"[{host}]" if ":" in host else host
    scheme = scheme or "http"
    return f"{scheme}://{shown}:{port or (_PORTS[scheme] if mark else _OLLAMA_PORT)}"


async def find_ollama(
    variables: Mapping[str, str], transport: httpx.AsyncBaseTransport | None = None
) -> Usable | None:
    """Return a running Ollama with its models: the one of `OLLAMA_HOST`, else the usual one.

    **Cancellation.** The connection is closed. The look takes `LOOK_SECONDS` at most.
    """
    named = variables.get("OLLAMA_HOST", "")
    usual = f"http://127.0.0.1:{_OLLAMA_PORT}"
    origins = dict.fromkeys(filter(None, (ollama_origin(named) if named else None, usual)))
    models_at: dict[str, tuple[str, ...]] = {}

    async def look(origin: str) -> None:
        models = await _models_at(origin, transport)
        if models is not None:
            models_at[origin] = models

    with trio.move_on_after(LOOK_SECONDS):
        async with trio.open_nursery() as nursery:
            for origin in origins:
                nursery.start_soon(look, origin)
    for origin in origins:
        if origin in models_at:
            models = models_at[origin]
            chat = next((model for model in models if "embed" not in model), None)
            urls = () if origin == usual else (origin,)
            because = f"a server at {origin} with {len(models)} model{'s'[len(models) == 1 :]}"
            return Usable("ollama", "ollama", because, urls=urls, models=models, small_model=chat)
    return None


async def _models_at(
    origin: str, transport: httpx.AsyncBaseTransport | None
) -> tuple[str, ...] | None:
    listing = load_kinds()["ollama"].listing
    assert listing is not None
    request = listing.request(Endpoint(origin), PLAIN)
    body = b""
    try:
        # Proxies of the environment are for the Internet, not for this machine.
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            plain = {"accept-encoding": "identity"}
            async with client.stream(request.method, request.url, headers=plain) as answer:
                if answer.status_code != 200:
                    return None
                chunks = cast(AsyncGenerator[bytes, None], answer.aiter_bytes(65536))
                async with aclosing(chunks):
                    async for chunk in chunks:
                        body += chunk
                        if len(body) > _MOST_BYTES:
                            return None
        return listing.read(body)
    except (httpx.HTTPError, UpstreamFailure):
        return None
