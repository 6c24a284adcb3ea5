"""The audit: checks at the end of every request that nothing of it is left.

A switch for tests and trials (`[server] audit`). Nurseries and `async with` keep this promise; the
audit finds code that bypasses them. Three things could outlive a request, and the audit looks for
them: an attempt whose record has not ended, an upstream socket in use for one of its attempts, and
a task that was started on its behalf. A task inherits its context from the task that starts it. The
audit recognises tasks by that context, so it also finds a task in a nursery of another owner.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import trio

from omen.core.records import AttemptRecord, Moment, RaceRecord

logger = logging.getLogger(__name__)

Trail = list[AttemptRecord]
"""The attempts that one request has started. Its tasks are recognised by the list's identity."""

_trail: ContextVar[Trail | None] = ContextVar("omen_audit_trail", default=None)


class LeftBehindError(AssertionError):
    """An attempt, a socket or a task outlived its request. Always a bug in OMEN."""


class RequestAudit:
    """An observer that collects each request's attempts, and the check at the request's end.

    `owners` returns the owners of the upstream sockets in use: attempt records.
    """

    def __init__(self, owners: Callable[[], Collection[object]]) -> None:
        self._owners = owners
        self.checked = 0
        self.failed = 0

    def __repr__(self) -> str:
        return f"<RequestAudit {self.checked} requests checked, {self.failed} failed>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Add a started attempt to its request's trail."""
        trail = _trail.get()
        if moment == "started" and trail is not None:
            trail.append(attempt)

    @contextmanager
    def request(self, name: str) -> Iterator[None]:
        """Audit the block, which must run a whole request in its own task.

        **Raises.** `LeftBehindError`. If the block itself raises, the finding is only logged.
        """
        trail: Trail = []
        token = _trail.set(trail)
        try:
            yield
        except BaseException:
            self._check(name, trail)
            raise
        finally:
            _trail.reset(token)
        left = self._check(name, trail)
        if left:
            raise LeftBehindError(f"{name} left behind: {'; '.join(left)}")

    def _check(self, name: str, trail: Trail) -> list[str]:
        left = [*_attempts(trail), *self._sockets(trail), *_tasks(trail)]
        self.checked += 1
        if left:
            self.failed += 1
            logger.error("audit: %s left behind: %s", name, "; ".join(left))
        return left

    def _sockets(self, trail: Trail) -> Iterator[str]:
        in_use = {id(owner) for owner in self._owners()}
        for attempt in trail:
            if id(attempt) in in_use:
                yield f"the socket of attempt {attempt.index} at {attempt.candidate.name}"


def _attempts(trail: Trail) -> Iterator[str]:
    for attempt in trail:
        if attempt.ended_at is None:
            yield f"attempt {attempt.index} at {attempt.candidate.name}"


def _tasks(trail: Trail) -> Iterator[str]:
    own = trio.lowlevel.current_task()
    root = trio.lowlevel.current_root_task()
    waiting = [] if root is None else [root]
    while waiting:
        task = waiting.pop()
        if task is not own and task.context.get(_trail) is trail:
            yield f"task {task.name}"
        for nursery in task.child_nurseries:
            waiting += nursery.child_tasks
