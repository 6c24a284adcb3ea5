"""What the texts of the command's options mean.

**Raises.** Every function raises `ValueError`, with the text and what would be allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(us|ms|s|m)")
_LONGEST = 86_400.0
_ARM_FORMS = "single, race, race:k=3, hedge, hedge:300ms, url=https://HOST"
_SLO_FORM = "METRIC=DURATION,pPERCENT with METRIC ttft, gap or e2e, such as ttft=1s,p99"

Metric = Literal["ttft", "gap", "e2e"]


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go."""

    host: str
    port: int
    tls: bool
    path: str


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the variants that are compared. `hints` is the `omen` object of its requests."""

    name: str
    target: Target
    hints: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Objective:
    """At least `share` of all requests, failed ones included, stay within `limit` seconds."""

    name: str
    metric: Metric
    limit: float
    share: float


def parse_duration(text: str) -> float:
    """Return seconds, above 0 and at most a day."""
    form = _DURATION.fullmatch(text)
    seconds = float(form[1]) * _SECONDS[form[2]] if form else 0.0
    if not 0 < seconds <= _LONGEST:
        raise ValueError(f"{text!r} is not a duration up to a day, such as 300ms, 10s or 2m")
    return seconds


def parse_target(text: str) -> Target:
    """Return the endpoint of a base URL. User information in the URL is refused."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError(f"{text!r} is not a URL that begins with http:// or https://")
    if "@" in url.netloc or url.query or url.fragment:
        raise ValueError("the URL may have no user, query or fragment; keys come from --key-env")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"{text!r} has characters that no URL may have")
    tls = url.scheme == "https"
    return Target(url.hostname, port or (443 if tls else 80), tls, _chat_path(url.path))


def parse_arm(text: str, default: Target) -> Arm:
    """Return an arm. The share of hedges is the gateway's own setting, so it has no form here."""
    if text.startswith("url="):
        return Arm(text, parse_target(text.removeprefix("url=")))
    if text == "single":
        return Arm(text, default, {"strategy": "single"})
    if form := re.fullmatch(r"race(?::k=([1-9]\d?))?", text):
        k = {"k": int(form[1])} if form[1] else {}
        return Arm(text, default, {"strategy": "race", **k})
    if text == "hedge":
        return Arm(text, default, {"strategy": "speculate_k"})
    if re.fullmatch(r"hedge:[\d.]+%", text):
        raise ValueError(
            f"--arm {text}: a request cannot set the share of hedges; set it in the gateway's "
            "configuration and use --arm hedge, or give a delay: hedge:300ms"
        )
    if text.startswith("hedge:"):
        delay = round(parse_duration(text.removeprefix("hedge:")) * 1000)
        return Arm(text, default, {"strategy": "speculate_k", "hedge_delay_ms": delay})
    raise ValueError(f"--arm {text!r}: allowed are {_ARM_FORMS}")


def parse_objective(text: str) -> Objective:
    """Return the objective of one `--slo`."""
    form = re.fullmatch(r"(ttft|gap|e2e)=([^,]+),p(\d{1,2}(?:\.\d{1,4})?|100)", text)
    if form is None or not float(form[3]):
        raise ValueError(f"--slo {text!r}: the form is {_SLO_FORM}")
    metric: Metric = "ttft" if form[1] == "ttft" else "gap" if form[1] == "gap" else "e2e"
    return Objective(text, metric, parse_duration(form[2]), float(form[3]) / 100)


def _chat_path(path: str) -> str:
    path = path.rstrip("/")
    if path.endswith("/chat/completions"):
        return path
    return f"{path}/chat/completions" if path.endswith("/v1") else f"{path}/v1/chat/completions"
