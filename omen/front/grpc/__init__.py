"""gRPC on the same port: `omen.v1.OmenService`, health and reflection, as an ASGI application.

    _route        which method a call is of, and who may call it
    _chat         the two methods that run a race
    _request      a request's message, to what the HTTP door takes
    _answer       what the HTTP door would write, to messages
    _standing     models, health, providers
    _health       grpc.health.v1
    _reflection   grpc.reflection
    _schemas      the messages of those two and of a status, which are no files of ours
    _status       errors as a status with details
    _call         one call: its messages, its metadata, its end
    _framing      messages in a stream of bytes

The service is in `proto/omen/v1/omen.proto`; `make proto` makes `_omen_pb2` of it.

**Source.** github.com/grpc/grpc doc/PROTOCOL-HTTP2.md, doc/compression.md, doc/health-checking.md
and doc/server-reflection.md, read 2026-11-26.
"""

from omen.front.grpc._route import GrpcRoute, is_grpc, refuse_call
from omen.front.grpc._status import trailers

__all__ = ["GrpcRoute", "is_grpc", "refuse_call", "trailers"]
