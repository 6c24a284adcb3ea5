"""The types of single values, each with the sentence that describes the allowed values.

Validation is strict: `"8080"` in a file is not a port, and `1` is not a boolean. Only text from the
environment is converted, because every variable is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
)
from pydantic import WrapValidator as _Wrap
from pydantic_core import PydanticCustomError

from omen.config._demands import (
    LEAST_KEY,
    MOST,
    MOST_KEY,
    NOT_ALLOWED,
    check,
    is_countable,
    is_host,
    is_host_name,
    is_network,
    is_origin,
    is_path,
    is_payable,
    is_plain,
    is_soon,
    is_soon_ms,
    specific_error,
)
from omen.config._paths import locate
from omen.config._wording import EnvText
from omen.core.errors import FailureKind
from omen.core.intents import INTENTS

ABILITIES = (
    "tools",
    "parallel_tools",
    "vision",
    "pdf",
    "reasoning",
    "json_schema",
    "prompt_cache",
    "web_search",
    "embeddings",
)


def _allowed(
    sentence: str, from_text: Callable[[EnvText], object] = str, words: tuple[str, ...] = ()
) -> _Wrap:
    """Replace the validator's own error by one sentence, whatever is wrong with the value."""

    def validate(value: object, handler: ValidatorFunctionWrapHandler) -> object:
        complaint = PydanticCustomError(NOT_ALLOWED, "", {"allowed": sentence, "words": words})
        try:
            return handler(from_text(value) if isinstance(value, EnvText) else value)
        except ValidationError as error:
            if any(item["loc"] for item in error.errors(include_url=False)):
                raise  # an element of the list is wrong, and has its own error
            raise specific_error(error) or complaint from None
        except ValueError:
            raise complaint from None

    return _Wrap(validate)


def _integer(text: str) -> int:
    return int(_number(text))


def _number(text: str) -> str:
    """Refuse numbers that only Python accepts: non-ASCII digits, `1_000`."""
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return text


def _float(text: str) -> float:
    return float(_number(text))


def _boolean(text: str) -> bool:
    words = {"true": True, "false": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _boolean_or(word: str) -> Callable[[EnvText], object]:
    return lambda text: word if text.lower() == word else _boolean(text)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(_number(text))
    except InvalidOperation:
        raise ValueError(text) from None


def _exact(value: object) -> object:
    """Return the decimal as written in TOML, instead of the nearest binary float."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    return value


def _split(text: EnvText) -> list[EnvText]:
    return [EnvText(part.strip()) for part in text.split(",") if part.strip()]


def _not_empty(value: object) -> object:
    if value == []:
        raise ValueError(value)
    return value


def _base_url(text: str) -> str:
    """Check a URL to which paths are appended, and return it without a trailing slash.

    Credentials are refused because URLs appear in logs and reprs. A query is refused because a path
    cannot be appended to it.
    """
    parts = urlsplit(text)
    usable = (
        re.fullmatch(r"[!-~]+", text)
        and parts.scheme in {"http", "https"}
        and parts.hostname
        and (parts.port is None or parts.port > 0)
        and not any(mark in text for mark in "@?#")
    )
    if not usable:
        raise ValueError(text)
    return text.rstrip("/")


Flag = Annotated[bool, Field(strict=True), _allowed("true or false", _boolean)]
FlagOrOpened = Annotated[
    Literal[True, False, "opened"],
    _allowed('true, false or "opened"', _boolean_or("opened"), ("opened",)),
]
FlagOrAuto = Annotated[
    Literal[True, False, "auto"],
    _allowed('"auto", true or false', _boolean_or("auto"), ("auto",)),
]
Port = Annotated[
    int, Field(strict=True, ge=0, le=65535), _allowed("an integer from 0 to 65535", _integer)
]
Count = Annotated[
    int, Field(strict=True, ge=1), is_countable, _allowed("an integer of at least 1", _integer)
]
Days = Annotated[
    int, Field(strict=True, ge=0, le=36_500), _allowed("a number of days, at least 0", _integer)
]
Streams = Annotated[Count, check(lambda count: count <= MOST, f"at most {MOST}")]
Seconds = Annotated[
    float,
    Field(strict=True, gt=0, allow_inf_nan=False),
    is_soon,
    _allowed("a number of seconds above 0", _float),
]
Delay = Annotated[
    float,
    Field(strict=True, ge=0, allow_inf_nan=False),
    is_soon,
    _allowed("a number of seconds, at least 0", _float),
]
Milliseconds = Annotated[
    float,
    Field(strict=True, gt=0, allow_inf_nan=False),
    is_soon_ms,
    _allowed("a number of milliseconds above 0", _float),
]
Share = Annotated[
    float, Field(strict=True, ge=0, le=1), _allowed("a number from 0 to 1, such as 0.05", _float)
]
Usd = Annotated[
    Decimal,
    Field(strict=True, ge=0),
    BeforeValidator(_exact),
    is_payable,
    _allowed("a number of US dollars, at least 0", _decimal),
]
Percent = Annotated[
    Decimal,
    Field(strict=True, ge=0, le=100),
    BeforeValidator(_exact),
    _allowed("a percentage from 0 to 100", _decimal),
]
Text = Annotated[
    str, Field(strict=True, min_length=1), is_plain, _allowed("a string that is not empty")
]
Host = Annotated[Text, is_host, _allowed("a string that is not empty")]
HostName = Annotated[Text, is_host_name, _allowed("a string that is not empty")]
HostNames = Annotated[tuple[HostName, ...], _allowed("a list of host names", _split)]
Origin = Annotated[Text, is_origin, _allowed("a string that is not empty")]
Origins = Annotated[tuple[Origin, ...], _allowed("a list of origins", _split)]
NetworkRange = Annotated[Text, is_network, _allowed("a string that is not empty")]
Networks = Annotated[
    tuple[NetworkRange, ...], _allowed("a list of addresses and CIDR ranges", _split)
]
FilePath = Annotated[Text, is_path, _allowed("a string that is not empty")]
Names = Annotated[tuple[Text, ...], _allowed("a list of strings", _split)]
Key = Annotated[
    str,
    Field(strict=True, pattern=r"^[!-~]+$"),
    _allowed("a string without spaces, or env:NAME"),
]
AdminKey = Annotated[
    Key,
    check(
        lambda key: LEAST_KEY <= len(key) <= MOST_KEY,
        f"at least {LEAST_KEY} and at most {MOST_KEY} characters",
    ),
    _allowed("a string without spaces, or env:NAME"),
]
BaseUrl = Annotated[
    str,
    Field(strict=True),
    BeforeValidator(lambda value: _base_url(value) if isinstance(value, str) else value),
    _allowed("an http:// or https:// URL without credentials, query or fragment"),
]
BaseUrls = Annotated[
    tuple[BaseUrl, ...], BeforeValidator(_not_empty), _allowed("a list of at least one URL", _split)
]
RedisUrl = Annotated[
    str,
    Field(strict=True, pattern=r"^(redis|rediss)://[!-~]+$|^unix://[!-~]+$"),
    _allowed("a redis://, rediss:// or unix:// URL"),
]
DatabaseUrl = Annotated[
    str,
    Field(strict=True, pattern=r"^sqlite:[^:\x00-\x1f]+$|^(postgresql|postgres)://[!-~]+$"),
    check(lambda url: url[:7] != "sqlite:" or bool(locate(Path(), url[7:])), "sqlite:PATH"),
    _allowed("sqlite:PATH, or a postgresql:// URL"),
]
IntentName = Annotated[
    str,
    Field(strict=True, pattern=f"^({'|'.join(INTENTS)})$"),
    _allowed("one of " + ", ".join(INTENTS), words=INTENTS),
]
AbilityName = Annotated[
    str,
    Field(strict=True, pattern=f"^({'|'.join(ABILITIES)})$"),
    _allowed("one of " + ", ".join(ABILITIES), words=ABILITIES),
]
Abilities = Annotated[
    frozenset[AbilityName], _allowed("a list of abilities: " + ", ".join(ABILITIES), _split)
]
_KINDS = tuple(kind.value for kind in FailureKind)
FailureKindName = Annotated[
    str,
    Field(strict=True, pattern=f"^({'|'.join(_KINDS)})$"),
    _allowed("one of " + ", ".join(_KINDS), words=_KINDS),
]
FailureKinds = Annotated[
    tuple[FailureKindName, ...],
    _allowed("a list of kinds of failure: " + ", ".join(_KINDS), _split),
]
LOG_PARTS = (
    *("accounts", "cache", "front", "gateway", "ledger", "providers", "race", "requests"),
    *("routing", "serving", "state", "telemetry", "wire"),
)
"""The parts of OMEN that log: packages, and `requests` for the line of each request."""
LogFormat = Annotated[Literal["text", "json"], _allowed("text or json", words=("text", "json"))]
LogPart = Annotated[
    str,
    Field(strict=True, pattern=f"^({'|'.join(LOG_PARTS)})$"),
    _allowed("one of " + ", ".join(LOG_PARTS), words=LOG_PARTS),
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    _allowed("debug, info, warning or error", words=("debug", "info", "warning", "error")),
]
TokenLimit = Annotated[
    Literal["max_tokens", "max_completion_tokens"],
    _allowed("max_tokens or max_completion_tokens", words=("max_tokens", "max_completion_tokens")),
]
ReasoningBack = Annotated[
    Literal["with_calls", "always", "never"],
    _allowed("with_calls, always or never", words=("with_calls", "always", "never")),
]
Unpriced = Annotated[
    Literal["refuse", "free"], _allowed('"refuse" or "free"', words=("refuse", "free"))
]
Intents = Annotated[
    tuple[IntentName, ...], _allowed("a list of intents: " + ", ".join(INTENTS), _split)
]
