"""The upstream's own bill: what it would ask for, from what it did, whoever read it.

Whether a vendor goes on billing when its client has left is its own affair, so it is a switch:
`Profile.bills_in_full`.
"""

from __future__ import annotations

from dataclasses import dataclass

_UNBILLED = frozenset({"status", "dead_connection", "error_in_200"})
"""Faults in which no model has read the prompt."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Tokens on the bill for one request."""

    prompt: int = 0
    completion: int = 0


def charge(
    prompt: int, sent: int, whole: int, *, ending: str, fault: str | None, in_full: bool
) -> Charge:
    """Say what one request is billed that has ended.

    `sent` tokens were handed over, of `whole` that the answer has. With `in_full` the model writes
    to the end although its client has left.
    """
    if fault in _UNBILLED:
        return Charge()
    left = ending in ("closed_by_peer", "stopped")
    return Charge(prompt, max(sent, whole) if left and in_full and fault is None else sent)
