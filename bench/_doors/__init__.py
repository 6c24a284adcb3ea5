"""The doors of the gateway, each with a client that can leave in the middle of an answer."""

from bench._doors.doors import CHAT, DOORS, Door

__all__ = ["CHAT", "DOORS", "Door"]
