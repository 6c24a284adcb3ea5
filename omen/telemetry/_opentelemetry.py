"""Whether requests become OpenTelemetry spans, from `[telemetry]` and the `OTEL_*` variables.

The packages of OpenTelemetry are an extra, and take a quarter of a second to import. So they are
imported here and only here, once it is known that spans are wanted.

**Source.** opentelemetry.io, "Environment Variable Specification" and "OpenTelemetry Protocol
Exporter", read 2026-12-01.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import unquote

from omen.core.records import AttemptRecord, Moment, RaceRecord
from omen.core.requests import RequestRecord
from omen.core.trace import RawHeaders, Trace

if TYPE_CHECKING:
    from omen.telemetry.spans import Spans

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
_PROTOCOL = "http/protobuf"
_INSTALL = "pip install 'omen-gateway[otel]'"


class OpenTelemetryUnusableError(Exception):
    """Spans are wanted and cannot be exported. `str()` says why, and what to do."""


class OpenTelemetry(Protocol):
    """What makes spans of requests and exports them: `omen.telemetry.spans.Spans`."""

    def begin_trace(self, record: RequestRecord, headers: RawHeaders, /) -> Trace | None: ...

    def end_request(self, record: RequestRecord, /) -> None: ...

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord, /) -> None: ...

    async def run(self) -> None: ...


def open_telemetry(
    setting: bool | Literal["auto"], environ: Mapping[str, str]
) -> OpenTelemetry | None:
    """Return what exports the spans of requests; None if none are wanted.

    With "auto" they are wanted where an endpoint is set. The SDK reads the other variables itself,
    from the environment of the process.

    **Raises.** `OpenTelemetryUnusableError`.
    """
    if not _is_wanted(setting, environ):
        return None
    protocol = next(filter(None, (environ.get(name) for name in _PROTOCOLS)), _PROTOCOL)
    if protocol.strip() != _PROTOCOL:
        raise OpenTelemetryUnusableError(
            f"{' or '.join(_PROTOCOLS)} is not {_PROTOCOL}, the only protocol in which OMEN exports"
            " spans; collectors receive it at port 4318"
        )
    if environ.get("OTEL_TRACES_EXPORTER", "otlp").strip() not in ("", "otlp"):
        raise OpenTelemetryUnusableError(
            "OTEL_TRACES_EXPORTER is neither otlp nor none; OMEN has no other exporter of spans"
        )
    return _imported()


def otlp_secrets(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of the headers of an export: they may hold the key of a vendor.

    The SDK logs them whole where it cannot read them.
    """
    for name in _HEADERS:
        for pair in environ.get(name, "").split(","):
            value = pair.partition("=")[2].strip()
            yield from {value, unquote(value), *unquote(value).split()}


def _is_wanted(setting: bool | Literal["auto"], environ: Mapping[str, str]) -> bool:
    is_off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if is_off or environ.get("OTEL_TRACES_EXPORTER", "").strip() == "none":
        return False
    has_endpoint = any(environ.get(name, "").strip() for name in _ENDPOINTS)
    return has_endpoint if setting == "auto" else setting


def _imported() -> Spans:
    try:
        from omen.telemetry.spans import Spans, make_provider

        return Spans(make_provider())
    except ImportError as error:
        raise OpenTelemetryUnusableError(
            f"OpenTelemetry is not installed ({error.name} is missing): {_INSTALL}"
        ) from error
    except (ValueError, OSError) as error:
        # Of an OTEL_* variable: a sampler, a propagator or a certificate that does not exist.
        raise OpenTelemetryUnusableError(f"OpenTelemetry refuses its variables: {error}") from error
