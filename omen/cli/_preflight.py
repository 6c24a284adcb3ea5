"""A look at a gateway before a tool uses it: whether it answers, whether the key and model fit.

A tool that is sent to a gateway that refuses it shows its own sign-in page or retries for minutes.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from difflib import get_close_matches
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from omen.routing import AUTO

_SECONDS = 10.0
_MOST_BYTES = 16 * 1024 * 1024
_TRUST = "name the authority's file in SSL_CERT_FILE, and for the tool in NODE_EXTRA_CA_CERTS"


class UnusableGatewayError(Exception):
    """The gateway cannot be used. The text says why, and what to do."""


def gateway_url(text: str) -> str:
    """Return the origin of a gateway: `/v1`, as SDKs want it, may follow it.

    **Raises.** `UnusableGatewayError`.
    """
    url = text.strip().rstrip("/").removesuffix("/v1")
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.scheme in ("http", "https")
    except ValueError:
        has_host = False
    if not has_host:
        raise UnusableGatewayError(f"--url must begin with http:// or https://, as http://{text}")
    return url


async def check_gateway(url: str, key: str, model: str) -> list[str]:
    """Return notes about what may be wrong with the model.

    **Raises.** `UnusableGatewayError` if nothing answers, if it is no gateway, or if it refuses the
    key.
    """
    try:
        status, body = await _get(f"{url}/v1/models", key)
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        text = f"no gateway answers at {url} ({reason}); is it running?"
        if untrusted := _untrusted(error):
            text = f"the certificate of {url} is not trusted ({untrusted}); {_TRUST}"
        raise UnusableGatewayError(text) from error
    if status in (401, 403):
        hint = "give one with --key or OMEN_KEY; omen keys create NAME makes one"
        raise UnusableGatewayError(f"{url} refuses this key: {hint}")
    if status != 200:
        raise UnusableGatewayError(f"{url} is no gateway: it answers {status} for /v1/models")
    return [*_about_models(model, _ids(url, body))]


def _untrusted(error: BaseException | None) -> str:
    """Return why a certificate is not trusted, in OpenSSL's words; empty if that is not it."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return ""


async def _get(url: str, key: str) -> tuple[int, bytes]:
    headers = {"authorization": f"Bearer {key}", "accept-encoding": "identity"}
    body = b""
    # Not the proxies of the environment, but its authorities.
    trust = ssl.create_default_context()
    async with httpx.AsyncClient(trust_env=False, timeout=_SECONDS, verify=trust) as client:
        async with client.stream("GET", url, headers=headers) as answer:
            chunks = cast(AsyncGenerator[bytes, None], answer.aiter_bytes(65536))
            async with aclosing(chunks):
                async for chunk in chunks:
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        break
            return answer.status_code, body


def _ids(url: str, body: bytes) -> list[str]:
    try:
        listed: Any = json.loads(body)["data"]
        return [str(one["id"]) for one in listed]
    except (ValueError, KeyError, TypeError) as error:
        text = f"{url} is no gateway: /v1/models is no list of models"
        raise UnusableGatewayError(text) from error


def _about_models(model: str, ids: list[str]) -> Iterator[str]:
    for name in (part.strip() for part in model.split(",")):
        if name == AUTO or name in ids:
            continue
        similar = get_close_matches(name, ids, n=1)
        hint = f"; did you mean {similar[0]}?" if similar else ""
        yield f"the gateway does not list the model {name}{hint}"
