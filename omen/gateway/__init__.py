"""The gateway: what it is made of, and what front ends call."""

from omen.gateway._gateway import Gateway, ServedModel, UpstreamSockets
from omen.gateway._open import open_gateway

__all__ = ["Gateway", "ServedModel", "UpstreamSockets", "open_gateway"]
