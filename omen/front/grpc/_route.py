"""Which method a call is of, who may call it, and how it ends whatever happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import trio

from omen.core.callers import Caller
from omen.core.errors import OmenError, RequestError
from omen.front.grpc._call import Call
from omen.front.grpc._chat import run_chat
from omen.front.grpc._health import check, watch
from omen.front.grpc._omen_pb2 import (
    GetProviderStatusRequest,
    HealthCheckRequest,
    ListModelsRequest,
)
from omen.front.grpc._reflection import reflect
from omen.front.grpc._standing import check_health, list_models, provider_status
from omen.front.http.asgi import Receive, Scope, Send, send_json
from omen.front.http.auth import Authenticator
from omen.front.http.race_report import error_headers, own_fault
from omen.front.http.recorded import record_of
from omen.front.http.request import BodyLimits, ClientGoneError, header_map, request_id_of
from omen.front.openai.write import error_object
from omen.gateway import Gateway

SERVICE = "omen.v1.OmenService"
HEALTH = "grpc.health.v1.Health"
REFLECTIONS = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
_CONTENT_TYPES = ("application/grpc", "application/grpc+proto")

Method = Callable[[Call, Caller, float], Awaitable[None]]
Open = Callable[[Call], Awaitable[None]]


def is_grpc(scope: Scope) -> bool:
    """Whether a request says that it is a call, of whatever kind of gRPC."""
    return any(
        name == b"content-type" and value.startswith(b"application/grpc")
        for name, value in scope["headers"]
    )


async def refuse_call(scope: Scope, receive: Receive, send: Send, error: OmenError) -> None:
    """End a call with an error before any method is chosen."""
    call = Call(scope, receive, send, BodyLimits())
    await call.end(error, metadata=error_headers(error))


class GrpcRoute:
    """Every method. Health and reflection are open to all, as `/health` is."""

    def __init__(
        self,
        gateway: Gateway,
        shutdown: trio.Event,
        limits: BodyLimits,
        started_at: int,
        keepalive_after: float = 15.0,
    ) -> None:
        self._gateway = gateway
        self._gate = Authenticator(gateway.keys)
        self._limits = limits
        self._methods = _methods(gateway, started_at, keepalive_after)
        stopping = shutdown.is_set
        self._open: dict[str, Open] = {
            f"/{HEALTH}/Check": lambda call: check(call, gateway, stopping, SERVICE),
            f"/{HEALTH}/Watch": lambda call: watch(call, gateway, stopping, SERVICE),
            f"/{SERVICE}/HealthCheck": partial(_health_check, gateway),
            **{f"/{name}/ServerReflectionInfo": _reflection for name in REFLECTIONS},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        refusal = _refusal(scope)
        record = record_of(scope)
        record.request_id = request_id_of(header_map(scope))
        if refusal is not None:
            record.set_error(refusal)
            await send_json(send, refusal.status, error_object(refusal), error_headers(refusal))
            return
        with self._limits.in_flight.hold() as held:
            await self._serve(scope, Call(scope, receive, send, self._limits, held))

    async def _serve(self, scope: Scope, call: Call) -> None:
        accepted_at = trio.current_time()
        try:
            call.check()
            await self._answer(call, scope, accepted_at)
        except ClientGoneError:
            return
        except OmenError as error:
            await call.end(error, metadata=error_headers(error))
        except Exception as bug:  # noqa: BLE001  the boundary, see own_fault
            await call.end(own_fault(bug, f"call {scope['path'][:80]!r}"))

    async def _answer(self, call: Call, scope: Scope, accepted_at: float) -> None:
        path: str = scope["path"]
        if path in self._open:
            await self._open[path](call)
            return
        method = self._methods.get(path)
        if method is None:
            words = f"there is no method {path[:100]!r}"
            raise RequestError(words, status=501, code="unimplemented")
        caller = call.record.caller = await self._gate.admit(scope, call.headers)
        with self._gate.new_place() as place:
            place.take(caller)
            await method(call, caller, accepted_at)


def _methods(gateway: Gateway, started_at: int, keepalive_after: float) -> dict[str, Method]:
    async def chat(call: Call, caller: Caller, accepted_at: float) -> None:
        await run_chat(gateway, call, caller, accepted_at, keepalive_after=None)

    async def stream(call: Call, caller: Caller, accepted_at: float) -> None:
        await run_chat(gateway, call, caller, accepted_at, keepalive_after=keepalive_after)

    async def models(call: Call, caller: Caller, accepted_at: float) -> None:
        await call.read_only(ListModelsRequest)
        await call.write(list_models(gateway, caller, started_at))
        await call.end()

    async def providers(call: Call, caller: Caller, accepted_at: float) -> None:
        request = await call.read_only(GetProviderStatusRequest)
        await call.write(provider_status(gateway, request))
        await call.end()

    return {
        f"/{SERVICE}/ChatCompletion": chat,
        f"/{SERVICE}/StreamChatCompletion": stream,
        f"/{SERVICE}/ListModels": models,
        f"/{SERVICE}/GetProviderStatus": providers,
    }


async def _health_check(gateway: Gateway, call: Call) -> None:
    await call.read_only(HealthCheckRequest)
    await call.write(check_health(gateway))
    await call.end()


async def _reflection(call: Call) -> None:
    await reflect(call, (SERVICE, HEALTH, *REFLECTIONS))


def _refusal(scope: Scope) -> RequestError | None:
    """Say why what calls itself a call is none; that has to be said in HTTP's own words."""
    content_type = next(value for name, value in scope["headers"] if name == b"content-type")
    if content_type.decode("latin-1").partition(";")[0].strip() not in _CONTENT_TYPES:
        words = f"content-type: of gRPC, only {_CONTENT_TYPES[1]} is spoken here"
        return RequestError(words, param="content-type", status=415)
    if scope["http_version"] != "2":
        return RequestError("gRPC needs HTTP/2", status=426, code="upgrade_required")
    return None
