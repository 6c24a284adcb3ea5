"""What keeps the size of one request from the time and the memory of all others.

Heavy work leaves the loop for a worker thread (`off_loop`), where it goes in short steps; and what
is held for all requests in flight has one budget of bytes (`BytesInFlight`).
"""

from omen.isolation._bytes import EVENT_BYTES, BytesHeld, BytesInFlight, too_much_held
from omen.isolation._off_loop import HEAVY_BYTES, HEAVY_CONTAINERS, is_heavy, loop_time, off_loop

__all__ = [
    "EVENT_BYTES",
    "HEAVY_BYTES",
    "HEAVY_CONTAINERS",
    "BytesHeld",
    "BytesInFlight",
    "is_heavy",
    "loop_time",
    "off_loop",
    "too_much_held",
]
