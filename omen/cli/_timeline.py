"""A past race as lanes on a common time axis: pure, from the ledger's rows to lines of text.

·  waits for the first token     ─  its tokens are held back     ━  it answers
✔  complete     ✂  cancelled     ✗  failed, timed out or left
"""

from __future__ import annotations

from omen.cli._lanes import Lane
from omen.ledger.past import PastAttempt, PastRequest

WIDTH = 40
"""Characters of the time axis."""
_MARGIN = 14
"""Characters of a line before its track, beside the name."""
_ENDS = {"won": "✔", "lost": "✂", "denied": "∅"}


def draw_timeline(request: PastRequest) -> list[str]:
    """Return a line for each attempt, in starting order, and the time axis; empty without one."""
    attempts = request.attempts
    if not attempts:
        return []
    width = max(len(attempt.name) for attempt in attempts)
    # An attempt may end after its answer: its upstream is read to the end.
    length = max(request.duration, *(attempt.ended for attempt in attempts))
    axis = f"0{f'{length * 1000:.0f} ms':>{WIDTH}}"
    lanes = [_line(attempt, width, length) for attempt in attempts]
    return [*lanes, f"{'':<{width + _MARGIN}}{axis}"]


def _line(attempt: PastAttempt, width: int, length: float) -> str:
    reason = attempt.reason if attempt.outcome not in ("won", "lost") else None
    lane = Lane(
        attempt.name,
        attempt.started * 1000,
        attempt.ended * 1000,
        tokens=attempt.tokens,
        committed_ms=None if attempt.committed is None else attempt.committed * 1000,
        ended_ms=attempt.ended * 1000,
        outcome=attempt.outcome,
        reason=reason,
    )
    track = _track(attempt, length)
    name = f"{attempt.index:>2} {attempt.name:<{width}} {attempt.role:<8}"
    return f"{name}  {track} {attempt.tokens:>5} tok  {lane.state()}"


def _track(attempt: PastAttempt, length: float) -> str:
    """Return the attempt's track: blank before its start, and a mark at its end."""
    start, end = _column(attempt.started, length), _column(attempt.ended, length)
    first, committed = attempt.first_token, attempt.committed
    cells = [" "] * (WIDTH + 1)
    for column in range(start, end):
        at = column + 1
        if committed is not None and at > _column(committed, length):
            cells[column] = "━"
        elif first is not None and at > _column(first, length):
            cells[column] = "─"
        else:
            cells[column] = "·"
    cells[end] = _ENDS.get(attempt.outcome, "✗")
    return "".join(cells)


def _column(seconds: float, length: float) -> int:
    return 0 if length <= 0 else max(0, min(WIDTH, round(seconds / length * WIDTH)))
