"""The doors a client may come through, each with a client that can leave it in the middle."""

from bench._doors.doors import CHAT, DOORS, Door

__all__ = ["CHAT", "DOORS", "Door"]
