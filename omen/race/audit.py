"""The audit: at the end of every request, nothing of it may be left.

A switch for tests and trials (`[server] audit`). The promise it checks is kept elsewhere, by
nurseries and `async with`; this finds the code that one day goes round them. Three things could
outlive a request, and are looked for: an attempt whose record has not ended, an upstream socket
still in use for one of its attempts, and a task that was started on its behalf. Tasks are known by
the context that each inherits from the one that started it, so one that was started in somebody
else's nursery is found as well.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import trio

from omen.core.plan import AttemptRecord, Moment, RaceRecord

logger = logging.getLogger(__name__)

Trail = list[AttemptRecord]
"""What one request has started. Its identity is what its tasks are known by."""

_trail: ContextVar[Trail | None] = ContextVar("omen_audit_trail", default=None)


class LeftBehindError(AssertionError):
    """Something outlived its request. Always a bug in OMEN."""


class RequestAudit:
    """An observer that knows each request's attempts, and the check at its end.

    `owners` gives what the upstream sockets in use are in use for: attempt records.
    """

    def __init__(self, owners: Callable[[], Collection[object]]) -> None:
        self._owners = owners
        self.checked = 0
        self.failed = 0

    def __repr__(self) -> str:
        return f"<RequestAudit {self.checked} requests checked, {self.failed} failed>"

    def __call__(self, moment: Moment, race: RaceRecord, attempt: AttemptRecord) -> None:
        """Observe a moment."""
        trail = _trail.get()
        if moment == "started" and trail is not None:
            trail.append(attempt)

    @contextmanager
    def request(self, name: str) -> Iterator[None]:
        """Run a whole request in the block, in its own task.

        **Raises.** `LeftBehindError`, unless the block raises: then the log alone tells.
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
