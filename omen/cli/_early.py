"""Signal handlers for the second in which the program is still being imported.

A supervisor may send SIGHUP (reload) right after the start, and its default action ends the
process. Ctrl-C would print a traceback through half of the imports. So a command imports this
module first, and this module imports only three small modules of the standard library.
"""

import os
import signal
import sys

hung_up = False
"""Whether a SIGHUP arrived that has not caused a reload yet."""


def note_hangup(*_: object) -> None:
    """Record that a SIGHUP arrived."""
    global hung_up
    hung_up = True


def take_hangup() -> bool:
    """Return whether a SIGHUP was recorded, and clear the record."""
    global hung_up
    recorded, hung_up = hung_up, False
    return recorded


def take_over() -> None:
    """Make Ctrl-C raise `KeyboardInterrupt` again: the caller handles it from now on."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(*_: object) -> None:
    os._exit(130)


def _begin() -> None:
    # `argv[0]` is `-m` while `python -m` still searches for the module.
    if os.path.basename(sys.argv[0]) not in ("omen", "-m"):
        return  # another program imports this as a library: its signals are its own
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    if sys.argv[1:2] == ["serve"]:
        signal.signal(signal.SIGHUP, note_hangup)


_begin()
