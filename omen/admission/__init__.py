"""Decides which requests may begin when the gateway itself is short of processor time.

Only the gateway's own shortage counts: the length of the scheduler's passes (`_lag`), and the time
that requests wait here before they begin (`_codel`). The time that an upstream takes is neither, so
five thousand slow answers are no overload. It knows no socket, no route and no dialect.

Inside, imports go down:

    _controller   decides: begin, wait or be refused; the level of pressure
    _begun        notices that a request has begun
    _ticket       counts a request while it is beginning
    _probe        measures the passes of trio's scheduler, as an instrument
    _starts       how many requests may be beginning at the same time: a limit that follows the lag
    _lag          how long the passes of the scheduler are
    _capacity     how many requests can begin in a second
    _codel        whether the queue is overloaded: its sojourn time, as CoDel judges it
    _durations    how long requests take, and so how long one may wait
    _queue        the requests that wait, a turn for each flow
    _flows        to whom a request is charged: an accepted key, else an address
    _reserve      what the operations routes may take
    _rules        what is aimed at, and the error of a refused request
    _pressure     the levels of pressure
"""

from omen.admission._begun import TicketReleaser
from omen.admission._controller import Controller
from omen.admission._pressure import Pressure
from omen.admission._probe import probing
from omen.admission._rules import Aims, OverloadedError
from omen.admission._ticket import Ticket, current_ticket

__all__ = [
    "Aims",
    "Controller",
    "OverloadedError",
    "Pressure",
    "Ticket",
    "TicketReleaser",
    "current_ticket",
    "probing",
]
